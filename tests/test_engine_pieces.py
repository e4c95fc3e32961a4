"""Batches in pieces on threads: the same results, whatever the number of threads and the size."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from course_lib import (
    SGD,
    AveragePool,
    Conv2D,
    CrossEntropy,
    Dropout,
    Flatten,
    Linear,
    MaxPool,
    ReLU,
    Sequential,
    functional,
    pieces,
)
from course_lib.layers import Function, Layer, LeakyReLU, Parameter, Sigmoid, Tanh

floats = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture
def small_pieces(monkeypatch):
    """Even the smallest batches of images are cut, into pieces of at most 4 samples."""
    monkeypatch.setattr(pieces, "SAMPLES", 4)
    monkeypatch.setattr(pieces, "ENTRIES", 1)


@pytest.fixture
def whole_batches(monkeypatch):
    """A function: from its call on nothing is cut."""
    return lambda: monkeypatch.setattr(pieces, "ENTRIES", 10**12)


def cnn(rng, dtype=np.float64, p=0.5):
    """Layers of all kinds for images (12, 13, 2), in two runs of pieces and a nested model."""
    return Sequential(
        Sequential(Conv2D(2, 5, 3, rng, padding=1, dtype=dtype), ReLU(), MaxPool(2), Tanh()),
        Dropout(p, rng),
        Conv2D(5, 4, 2, rng, stride=2, dtype=dtype),
        LeakyReLU(0.1),
        AveragePool(2),
        Sigmoid(),
        Flatten(),
        Linear(4, 3, rng, dtype=dtype),
    )


def a_step(N, dtype=np.float64, threads=None, model=None):
    """Output, gradients of the input and all parameters of a model with the same random numbers."""
    rng = np.random.default_rng(N)
    model = model or cnn(rng, dtype)
    data = np.random.default_rng(100 + N)
    x = data.standard_normal((N, 12, 13, 2)).astype(dtype)
    for parameter in model.parameters():  # biases too
        parameter.data = data.standard_normal(parameter.shape) / 3
    with pieces.threads(threads or pieces.cores()):
        out = model.forward(x)
        dx = model.backward(data.standard_normal(out.shape).astype(dtype), input_gradient=True)
    return [out, dx, *(p.grad.copy() for p in model.parameters())]


@pytest.fixture
def three_blas_threads():
    """BLAS may use 3 threads, whatever the machine has."""
    with threadpool_limits(3, user_api="blas"):
        yield


def blas_threads():
    return [
        library.num_threads
        for library in ThreadpoolController().select(user_api="blas").lib_controllers
    ]


# How a batch is cut


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((15, 28, 28, 1), [15]),
        ((16, 28, 28, 1), [8, 8]),
        ((32, 28, 28, 1), [16, 16]),
        ((64, 28, 28, 1), [32, 32]),
        ((65, 28, 28, 1), [16, 16, 16, 17]),
        ((128, 28, 28, 1), [32] * 4),
        ((250, 28, 28, 1), [31, 31, 31, 32] * 2),
        ((5, 100, 90, 3), [2, 3]),
        ((150, 8, 8, 1), [150]),
        ((300, 8, 8, 1), [100] * 3),
        ((1, 500, 500, 3), [1]),
        ((3, 500, 500, 3), [1, 2]),
        ((0, 28, 28, 1), [0]),
        ((64, 784), [64]),
        ((500, 28, 28), [500]),
    ],
)
def test_how_a_batch_is_cut_depends_on_its_shape(shape, sizes):
    x = np.empty(shape, np.int8)
    parts = [x[index] for index in pieces.cut(shape)]
    assert [len(part) for part in parts] == sizes
    starts = [part.__array_interface__["data"][0] for part in parts if part.size]
    assert starts == sorted(starts)
    assert sum(part.size for part in parts) == x.size


def test_the_number_of_threads_is_at_least_1():
    with pytest.raises(ValueError, match="number of threads is 0, expected at least 1"):
        with pieces.threads(0):
            pass


# The same results


@floats
@pytest.mark.parametrize("N", [1, 15, 17, 33])
def test_results_do_not_depend_on_the_number_of_threads(small_pieces, N, dtype):
    expected = a_step(N, dtype, threads=1)
    assert all(array.dtype == dtype for array in expected)
    for threads in (2, 3, 5):
        for array, same in zip(a_step(N, dtype, threads), expected, strict=True):
            np.testing.assert_array_equal(array, same)


@pytest.mark.parametrize("N", [1, 5, 15, 17, 33])
def test_pieces_give_what_the_whole_batch_gives(small_pieces, whole_batches, N):
    in_pieces = a_step(N)
    whole_batches()
    for array, expected in zip(in_pieces, a_step(N), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-11, atol=1e-13)


def test_batches_of_the_real_size_are_cut_and_agree(whole_batches):
    def gradients():
        rng = np.random.default_rng(1)
        model = Sequential(Conv2D(1, 4, 3, rng), ReLU(), MaxPool(2), Flatten(), Linear(676, 5, rng))
        optimizer = SGD(model.parameters(), 0.1)
        x, labels = rng.standard_normal((70, 28, 28, 1), np.float32), rng.integers(0, 5, 70)
        for _ in range(2):
            model.zero_grad()
            CrossEntropy()(model(x), labels).backward()
            optimizer.step()
        return [parameter.grad for parameter in model.parameters()]

    assert len(pieces.cut((70, 28, 28, 1))) == 4
    in_pieces = gradients()
    whole_batches()
    for array, expected in zip(in_pieces, gradients(), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "name", "options"),
    [
        (ReLU(), "relu", {}),
        (LeakyReLU(0.2), "leaky_relu", {"slope": 0.2}),
        (Sigmoid(), "sigmoid", {}),
        (Tanh(), "tanh", {}),
        (MaxPool(3), "max_pool", {"size": 3}),
        (AveragePool(2), "average_pool", {"size": 2}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_layer_alone_is_its_function(small_pieces, layer, name, options):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((15, 7, 8, 3))
    y, cache = getattr(functional, f"{name}_forward")(x, **options)
    dout = rng.standard_normal(y.shape)
    np.testing.assert_array_equal(layer.forward(x), y)
    assert len(layer._cache.indices) == 4  # it was cut
    dx = getattr(functional, f"{name}_backward")(dout, cache)
    np.testing.assert_array_equal(layer.backward(dout), dx)


def test_gradients_of_pieces_are_added_to_what_is_there(small_pieces):
    rng = np.random.default_rng(3)
    layer = Conv2D(2, 3, 3, rng, dtype=np.float64)
    x, dout = rng.standard_normal((17, 6, 7, 2)), rng.standard_normal((17, 4, 5, 3))
    _, cache = functional.conv2d_forward(x, layer.W.data, layer.b.data)
    dx, dW, db = functional.conv2d_backward(dout, cache)
    for times in (1, 2):
        layer.forward(x)
        np.testing.assert_allclose(layer.backward(dout), dx, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(layer.dW, times * dW, rtol=1e-11)
        np.testing.assert_allclose(layer.db, times * db, rtol=1e-11)
        with pytest.raises(RuntimeError, match="already called for this forward"):
            layer.backward(dout)


def test_pieces_of_the_first_layer_compute_no_input_gradient_unless_asked(small_pieces):
    asked = set()

    class WatchedConv2D(Conv2D):
        sample_wise = True

        def _backward(self, dout, cache, input_gradient):
            asked.add((self.W.shape[2], input_gradient))
            return super()._backward(dout, cache, input_gradient)

    rng = np.random.default_rng(13)
    model = Sequential(WatchedConv2D(1, 2, 3, rng), ReLU(), WatchedConv2D(2, 3, 3, rng))
    x = rng.standard_normal((17, 7, 6, 1))
    dout = rng.standard_normal((17, 3, 2, 3))
    model.forward(x)
    assert model.backward(dout) is None
    assert asked == {(1, False), (2, True)}
    model.forward(x)
    assert model.backward(dout, input_gradient=True).shape == x.shape
    assert asked == {(1, False), (1, True), (2, True)}


def test_the_way_back_by_hand_is_the_models_backward(small_pieces):
    expected = a_step(17)
    rng = np.random.default_rng(17)
    model = cnn(rng)
    flat = Sequential(*model[0].layers, *model.layers[1:])
    by_hand = a_step(17, model=ByHand(flat))
    for array, same in zip(by_hand, expected, strict=True):
        np.testing.assert_array_equal(array, same)


class ByHand:
    """A model whose backward calls one layer after the other."""

    def __init__(self, model):
        self.model, self.parameters, self.forward = model, model.parameters, model.forward

    def backward(self, dout, input_gradient):
        for layer in reversed(self.model.layers):
            dout = layer.backward(dout)
        return dout


def test_dropout_draws_once_for_the_whole_batch(small_pieces):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((17, 6, 7, 2))
    model = Sequential(ReLU(), Dropout(0.4, np.random.default_rng(5)), ReLU())
    mask = np.random.default_rng(5).random(x.shape) >= 0.4
    np.testing.assert_allclose(model.forward(x), np.maximum(x, 0) * mask / 0.6, rtol=1e-14)


def test_layers_after_one_that_is_not_cut_are_not_cut_either():
    rng = np.random.default_rng(12)
    model = Sequential(Conv2D(1, 20, 3, rng), ReLU())
    x = rng.standard_normal((10, 28, 28, 1))
    out = model.forward(x)
    assert len(pieces.cut(x.shape)) == 1 < len(pieces.cut(out.shape))
    assert isinstance(model[1]._cache, np.ndarray)  # the mask of the whole batch
    model[1].forward(out)
    assert len(model[1]._cache.indices) == 2


# Layers of other people


class Scale(Layer):
    """y = s x with one trained number; `_backward` in one of the two ways."""

    def __init__(self, adds_itself):
        self.s = Parameter(np.array([3.0]), "s")
        self.adds_itself = adds_itself

    def _forward(self, x):
        return self.s.data * x, x

    def _backward(self, dout, cache, input_gradient):
        ds = np.array([(dout * cache).sum()])
        dx = self.s.data * dout if input_gradient else None
        if not self.adds_itself:
            return dx, ds
        self.s.grad += ds
        return dx


@pytest.mark.parametrize("adds_itself", [False, True])
def test_a_layer_of_ones_own_gets_the_whole_batch(small_pieces, adds_itself):
    rng = np.random.default_rng(6)
    scale = Scale(adds_itself)
    model = Sequential(ReLU(), scale, MaxPool(2), ReLU())
    x = rng.standard_normal((17, 6, 7, 2))
    out = model.forward(x)
    dout = rng.standard_normal(out.shape)
    dx = model.backward(dout, input_gradient=True)
    assert scale._cache is None
    _, cache = functional.max_pool_forward(3 * np.maximum(x, 0))
    dscaled = functional.max_pool_backward(dout * (out > 0), cache)
    np.testing.assert_allclose(scale.s.grad, [(dscaled * np.maximum(x, 0)).sum()], rtol=1e-12)
    np.testing.assert_allclose(dx, 3 * dscaled * (x > 0), rtol=1e-12)


def test_a_subclass_is_not_cut_unless_it_says_so(small_pieces):
    def centre(x):
        return x - x.mean(axis=0), ()

    def centre_backward(dout, cache):
        return dout - dout.mean(axis=0)

    class Centre(ReLU):  # looks at all samples
        _pair = centre, centre_backward

    class Double(Function):
        sample_wise = True
        _pair = lambda x: (2 * x, ()), lambda dout, cache: 2 * dout  # noqa: E731

    rng = np.random.default_rng(7)
    x = rng.standard_normal((17, 6, 7, 2))
    model = Sequential(Double(), Centre(), Double())
    np.testing.assert_allclose(model.forward(x), 4 * centre(x)[0], rtol=1e-12, atol=1e-14)
    assert [len(run) for _, run in model._runs] == [1, 1, 1]
    assert len(model[0]._cache.indices) == 6
    dout = rng.standard_normal(x.shape)
    dx = model.backward(dout, input_gradient=True)
    np.testing.assert_allclose(dx, 4 * centre_backward(dout, ()), rtol=1e-12, atol=1e-14)


# When something goes wrong


def test_an_error_in_a_piece_names_the_layer_and_leaves_everything_usable(small_pieces):
    rng = np.random.default_rng(8)
    model = Sequential(Conv2D(2, 3, 3, rng), ReLU(), Conv2D(4, 3, 3, rng))
    before = blas_threads()
    for _ in range(3):
        with pytest.raises(ValueError, match="x has 3 channels but W takes 4") as caught:
            model.forward(rng.standard_normal((17, 6, 7, 2)))
        assert caught.value.__notes__ == ["(in layer 2, Conv2D(4 -> 3, kernel_size=3))"]
    assert blas_threads() == before
    with pytest.raises(RuntimeError, match="needs a forward"):
        model.backward(rng.standard_normal((17, 2, 3, 3)))
    np.testing.assert_array_equal(a_step(17)[0], a_step(17, threads=1)[0])


def test_an_upstream_gradient_of_another_shape_is_named_in_full_and_may_be_mended(small_pieces):
    rng = np.random.default_rng(9)
    model = Sequential(Conv2D(2, 3, 3, rng), ReLU())
    model.forward(rng.standard_normal((17, 6, 7, 2)))
    with pytest.raises(ValueError, match=r"has shape \(16, 4, 5, 3\), expected \(17, 4, 5, 3\)"):
        model.backward(rng.standard_normal((16, 4, 5, 3)))
    model.backward(rng.standard_normal((17, 4, 5, 3)))
    assert np.any(model[0].dW)
    with pytest.raises(RuntimeError, match="already called for this forward"):
        model.backward(rng.standard_normal((17, 4, 5, 3)))


def test_of_two_errors_the_one_of_the_earlier_item_is_raised():
    later = threading.Event()

    def task(item):
        if item == 1:
            later.set()
        assert later.wait(timeout=60)
        raise KeyError(item)

    with pieces.threads(2), pytest.raises(KeyError) as caught:
        pieces.run(task, range(9))
    assert caught.value.args == (0,)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_first_error_is_raised_and_no_further_item_begun(threads):
    begun = []

    def task(item):
        begun.append(item)
        if item >= 3:
            raise KeyError(item)
        return item

    with pieces.threads(threads), pytest.raises(KeyError) as caught:
        pieces.run(task, range(500))
    assert caught.value.args == (3,)
    assert len(begun) < 50


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_interrupt_ends_the_run_and_the_pool_works_on(small_pieces, threads):
    class Interrupted(ReLU):
        sample_wise = True

        def _forward(self, x):
            if threading.current_thread() is threading.main_thread():
                interrupted.set()
                raise KeyboardInterrupt
            running.append(threading.current_thread())
            assert interrupted.wait(timeout=60)  # or they would leave the main thread nothing to do
            out = super()._forward(x)
            running.pop()
            return out

    running, interrupted = [], threading.Event()
    before = blas_threads()
    rng = np.random.default_rng(10)
    model = Sequential(Conv2D(2, 3, 3, rng), Interrupted())
    with pieces.threads(threads), pytest.raises(KeyboardInterrupt):
        model.forward(rng.standard_normal((170, 6, 7, 2)))
    assert not running  # nobody goes on in the background
    assert blas_threads() == before
    np.testing.assert_array_equal(a_step(17, threads=threads)[0], a_step(17, threads=1)[0])


# Threads


def test_as_many_threads_work_as_wanted():
    together = threading.Barrier(3)

    def meet(_):
        together.wait(timeout=60)  # raises when there are fewer
        return threading.get_ident()

    with pieces.threads(3):
        assert len(set(pieces.run(meet, range(3)))) == 3
    with pieces.threads(1):
        idents = pieces.run(lambda _: threading.get_ident(), range(50))
    assert set(idents) == {threading.get_ident()}


def test_runs_within_runs_and_on_other_threads_do_not_wait_for_each_other():
    def inner(i):
        return sum(pieces.run(lambda j: i * j, range(5)))

    def outer():
        with pieces.threads(8):
            results.append(pieces.run(inner, range(100)))

    results = []
    workers = [threading.Thread(target=outer) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert results == [[10 * i for i in range(100)]] * 4


def test_blas_has_one_thread_between_the_pieces_too(small_pieces, three_blas_threads):
    seen = []

    class Watching(ReLU):
        def _forward(self, x):
            seen.append(blas_threads())
            return super()._forward(x)

    before = blas_threads()
    rng = np.random.default_rng(11)
    inner = Sequential(Conv2D(2, 3, 3, rng), Watching())
    model = Sequential(inner, Flatten(), Linear(36, 3, rng), Watching())
    model.forward(rng.standard_normal((17, 6, 5, 2)))
    assert seen == [[1] * len(before)] * 2
    assert blas_threads() == before
    Sequential(Watching()).forward(rng.standard_normal((17, 6)))  # not cut
    assert seen[2] == before


def test_the_limit_of_blas_is_lifted_by_the_last_one_who_needs_it(three_blas_threads):
    before = blas_threads()
    one = [1] * len(before)
    assert pieces.run(lambda _: blas_threads(), range(3)) == [one] * 3
    assert blas_threads() == before
    with pieces.one_blas_thread():
        with pytest.raises(ZeroDivisionError):
            pieces.run(lambda i: 1 / i, range(3))
        assert blas_threads() == one
    assert blas_threads() == before


def test_error_handling_of_numpy_reaches_the_threads():
    together = threading.Barrier(2)

    def handling(_):
        together.wait(timeout=60)
        return np.geterr()["divide"]

    with pieces.threads(2), np.errstate(divide="call"):
        assert pieces.run(handling, range(2)) == ["call"] * 2


def test_a_forked_process_computes_as_well():
    code = """
import os, threading, warnings
from course_lib import pieces

warnings.simplefilter("ignore")  # forking with threads, which newer Pythons warn about
together = threading.Barrier(2)

def meet(item):
    together.wait(timeout=20)  # raises when only one thread works
    return item * item

with pieces.threads(2):
    assert pieces.run(meet, range(2)) == [0, 1]
    if hasattr(os, "fork"):
        child = os.fork()
        if child == 0:
            os._exit(7 if pieces.run(meet, range(2)) == [0, 1] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "done\n"
