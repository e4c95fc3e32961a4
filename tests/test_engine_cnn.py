"""Layers for images, the two modes, and the convolutional network for digits."""

import numpy as np
import pytest

import course_lib
from course_lib import functional
from course_lib.datasets import load_mnist
from course_lib.gradcheck import check_gradient
from course_lib.initializers import glorot_uniform, he_normal
from course_lib.layers import (
    AveragePool,
    Conv2D,
    Dropout,
    Flatten,
    Linear,
    MaxPool,
    ReLU,
    Sequential,
)
from course_lib.losses import CrossEntropy
from course_lib.optimizers import SGD
from course_lib.training import accuracy, fit
from course_lib.weights import load_weights, save_weights


def cnn(rng, dtype=np.float32, dropout_rng=None):
    return Sequential(
        *(Conv2D(1, 32, 3, rng, dtype=dtype), ReLU(), MaxPool(2)),
        *(Conv2D(32, 64, 3, rng, dtype=dtype), ReLU(), MaxPool(2)),
        *(Flatten(), Dropout(0.5, dropout_rng or rng), Linear(1600, 10, rng, dtype=dtype)),
    )


def small_cnn(rng, pool=MaxPool, p=0.0, dtype=np.float64):
    """For images 12 x 11: 10 x 9 x 2, 5 x 4 x 2, 3 x 2 x 3, pooled to 1 x 1 x 3, 4 classes."""
    model = Sequential(
        *(Conv2D(1, 2, 3, rng, dtype=dtype), ReLU(), pool(2)),
        *(Conv2D(2, 3, 3, rng, dtype=dtype), ReLU(), pool(2)),
        *(Flatten(), Dropout(p, rng), Linear(3, 4, rng, dtype=dtype)),
    )
    model[0].b.data, model[3].b.data = [0.2, -0.1], [0.3, 0.1, -0.2]
    return model


# Layer by layer


def test_conv2d_layer_is_its_function_and_accumulates():
    rng = np.random.default_rng(0)
    layer = Conv2D(3, 4, 2, rng, stride=2, padding=1, dtype=np.float64)
    layer.b.data = rng.standard_normal(4)
    x = rng.standard_normal((5, 6, 7, 3))
    y, cache = functional.conv2d_forward(x, layer.W.data, layer.b.data, stride=2, padding=1)
    dout = rng.standard_normal(y.shape)
    dx, dW, db = functional.conv2d_backward(dout, cache)
    for calls in (1, 2):
        np.testing.assert_allclose(layer.forward(x), y, rtol=1e-12)
        np.testing.assert_allclose(layer.backward(dout), dx, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(layer.dW, calls * dW, rtol=1e-12)
        np.testing.assert_allclose(layer.db, calls * db, rtol=1e-12)
    layer.zero_grad()
    layer.forward(x)
    assert layer.backward(dout, input_gradient=False) is None
    np.testing.assert_allclose(layer.dW, dW, rtol=1e-12)
    assert layer.dW is layer.W.grad
    assert layer.db is layer.b.grad


@pytest.mark.parametrize(
    ("layer", "name", "options"),
    [
        (MaxPool(), "max_pool", {}),
        (MaxPool(3), "max_pool", {"size": 3}),
        (AveragePool(), "average_pool", {}),
        (AveragePool(3), "average_pool", {"size": 3}),
        (Flatten(), "flatten", {}),
    ],
    ids=repr,
)
def test_image_layers_without_parameters_are_their_functions(layer, name, options):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4, 7, 6, 3))
    y, cache = getattr(functional, f"{name}_forward")(x, **options)
    np.testing.assert_array_equal(layer.forward(x), y)
    dout = rng.standard_normal(y.shape)
    dx = getattr(functional, f"{name}_backward")(dout, cache)
    np.testing.assert_array_equal(layer.backward(dout), dx)
    layer.forward(x)
    assert layer.backward(dout, input_gradient=False) is None
    assert layer.parameters() == []


def test_conv2d_starts_with_the_fan_in_of_its_window():
    layer = Conv2D(16, 64, 3, np.random.default_rng(2))
    assert layer.W.data.std() == pytest.approx(np.sqrt(2 / (9 * 16)), rel=0.03)
    assert layer.W.data.dtype == np.float32
    np.testing.assert_array_equal(layer.b.data, np.zeros(64))
    expected = he_normal((3, 3, 16, 64), np.random.default_rng(2))
    np.testing.assert_array_equal(layer.W.data, expected)
    other = Conv2D(16, 64, 3, np.random.default_rng(2), init=glorot_uniform, dtype=np.float64)
    expected = glorot_uniform((3, 3, 16, 64), np.random.default_rng(2), np.float64)
    np.testing.assert_array_equal(other.W.data, expected)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda rng: Conv2D(0, 4, 3, rng), ValueError, "in_channels is 0, expected an integer"),
        (lambda rng: Conv2D(1, 4.0, 3, rng), ValueError, "out_channels is 4.0"),
        (lambda rng: Conv2D(1, 4, (3, 3), rng), ValueError, r"kernel_size is \(3, 3\)"),
        (lambda rng: Conv2D(1, 4, 3, rng, stride=0), ValueError, "stride is 0"),
        (lambda rng: Conv2D(1, 4, 3, rng, padding=-1), ValueError, "padding is -1"),
        (lambda rng: Conv2D(1, 4, 3, 0), TypeError, "rng is 0, expected a numpy.random.Generator"),
        (lambda rng: MaxPool(0), ValueError, "size is 0"),
        (lambda rng: AveragePool("2"), ValueError, "size is 2, expected an integer"),
        (lambda rng: Dropout(1, rng), ValueError, "p is 1, expected a probability below 1"),
        (lambda rng: Dropout(0.5, None), TypeError, "rng is None"),
    ],
)
def test_image_layers_refuse_what_they_cannot_be(make, error, words):
    with pytest.raises(error, match=words):
        make(np.random.default_rng(3))


def test_errors_of_a_cnn_say_what_to_do():
    rng = np.random.default_rng(4)
    model = cnn(rng)
    with pytest.raises(ValueError, match=r"reshape.*load_mnist\(flatten=False\)") as caught:
        model(rng.random((5, 784)))
    assert caught.value.__notes__ == ["(in layer 0, Conv2D(1 -> 32, kernel_size=3))"]
    without = Sequential(Conv2D(1, 2, 3, rng), Linear(18, 10, rng))
    with pytest.raises(ValueError, match=r"X has shape \(4, 3, 3, 2\).*Flatten") as caught:
        without(rng.random((4, 5, 5, 1)))
    assert caught.value.__notes__ == ["(in layer 1, Linear(18 -> 10))"]


def test_reprs_of_image_layers():
    rng = np.random.default_rng(5)
    assert repr(Conv2D(3, 8, 5, rng, stride=2, padding=1)) == (
        "Conv2D(3 -> 8, kernel_size=5, stride=2, padding=1)"
    )
    assert repr(AveragePool(3)) == "AveragePool(size=3)"
    assert repr(cnn(rng)) == (
        "Sequential, 34,826 parameters\n"
        "  0: Conv2D(1 -> 32, kernel_size=3), 320 parameters\n"
        "  1: ReLU()\n"
        "  2: MaxPool(size=2)\n"
        "  3: Conv2D(32 -> 64, kernel_size=3), 18,496 parameters\n"
        "  4: ReLU()\n"
        "  5: MaxPool(size=2)\n"
        "  6: Flatten()\n"
        "  7: Dropout(p=0.5)\n"
        "  8: Linear(1600 -> 10), 16,010 parameters"
    )


def test_the_package_root_has_the_image_layers():
    for layer in (AveragePool, Conv2D, Dropout, Flatten, MaxPool):
        assert getattr(course_lib, layer.__name__) is layer


# The network


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_shape_and_dtype_of_the_cnn(dtype):
    rng = np.random.default_rng(6)
    model = cnn(rng, dtype)
    assert sum(parameter.size for parameter in model.parameters()) == 34_826
    x = out = rng.random((5, 28, 28, 1)).astype(dtype)
    inputs, outputs = [], []
    for layer in model:
        inputs.append(out.shape)
        out = layer.forward(out)
        outputs.append((out.shape, out.dtype))
    shapes = [(26, 26, 32)] * 2 + [(13, 13, 32)] + [(11, 11, 64)] * 2
    shapes += [(5, 5, 64), (1600,), (1600,), (10,)]
    assert outputs == [((5, *shape), dtype) for shape in shapes]
    dout = rng.standard_normal(out.shape).astype(dtype)
    for layer, shape in zip(reversed(list(model)), reversed(inputs), strict=True):
        dout = layer.backward(dout)
        assert (dout.shape, dout.dtype) == (shape, dtype)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.9)
    CrossEntropy()(model(x), rng.integers(0, 10, 5)).backward()
    optimizer.step()
    for parameter in model.parameters():
        assert parameter.grad.any()
        assert parameter.data.dtype == parameter.grad.dtype == dtype


@pytest.mark.parametrize("pool", [MaxPool, AveragePool])
def test_a_small_cnn_has_the_numerical_gradient(pool):
    rng = np.random.default_rng(7)
    model = small_cnn(rng, pool)
    x, labels, loss_fn = rng.standard_normal((6, 12, 11, 1)), rng.integers(0, 4, 6), CrossEntropy()
    loss = loss_fn(model(x), labels)
    dx = model.backward(loss.gradient, input_gradient=True)
    arrays = {name: (p.data, p.grad) for name, p in model.named_parameters().items()}
    for name, (values, gradient) in {**arrays, "x": (x, dx)}.items():
        assert gradient.any(), name
        check_gradient(
            lambda _: float(loss_fn(model.forward(x), labels)), values, gradient, name=name
        ).raise_if_wrong()


def test_the_gradient_of_the_cnn_at_random_entries():
    rng, dropout_rng = np.random.default_rng(8), np.random.default_rng(9)
    model = cnn(rng, np.float64, dropout_rng)
    x, labels, loss_fn = rng.random((6, 28, 28, 1)), rng.integers(0, 10, 6), CrossEntropy()
    state = dropout_rng.bit_generator.state
    loss_fn(model(x), labels).backward()
    for name, parameter in model.named_parameters().items():
        for _ in range(5):
            index = tuple(rng.integers(0, size) for size in parameter.shape)
            kept = parameter.data[index]

            def loss_at(value, parameter=parameter, index=index):
                dropout_rng.bit_generator.state = state  # the mask of the first forward again
                parameter.data[index] = value[0]
                return float(loss_fn(model.forward(x), labels))

            # a step so small that hardly one of the 200,000 activations crosses its kink
            check = check_gradient(
                loss_at,
                np.array([kept]),
                parameter.grad[index][None],
                rtol=1e-5,
                h=1e-6,
                name=f"{name} at {index}",
            )
            parameter.data[index] = kept
            check.raise_if_wrong()


def test_the_first_layer_of_a_model_computes_no_input_gradient():
    asked = []

    class WatchedConv2D(Conv2D):
        def _backward(self, dout, cache, input_gradient):
            asked.append(input_gradient)
            return super()._backward(dout, cache, input_gradient)

    rng = np.random.default_rng(10)
    model = Sequential(WatchedConv2D(1, 2, 3, rng), ReLU(), WatchedConv2D(2, 3, 3, rng))
    out = model.forward(rng.standard_normal((4, 7, 6, 1)))
    dout = rng.standard_normal(out.shape)
    assert model.backward(dout) is None
    assert asked == [True, False]
    model.forward(rng.standard_normal((4, 7, 6, 1)))
    assert model.backward(dout, input_gradient=True).shape == (4, 7, 6, 1)
    assert asked[2:] == [True, True]


def test_the_cnn_learns_twenty_digits_by_heart():
    data = load_mnist(train=20, test=1, flatten=False)
    rng = np.random.default_rng(11)
    model = cnn(rng)
    optimizer = SGD(model.parameters(), 0.02, momentum=0.9)
    pixels, labels = data.x_train, data.y_train
    history = fit(
        model,
        CrossEntropy(),
        optimizer,
        pixels,
        labels,
        epochs=40,
        batch_size=20,
        rng=rng,
        progress=False,
    )
    assert np.isfinite(history.step_loss).all()
    assert accuracy(model, pixels, labels) == 1


def test_weights_of_the_cnn_come_back(tmp_path):
    path = tmp_path / "cnn.npz"
    model, other = cnn(np.random.default_rng(12)), cnn(np.random.default_rng(13))
    save_weights(model, path)
    with np.load(path) as archive:
        shapes = {name: array.shape for name, array in archive.items()}
    assert shapes == {
        "0.W": (3, 3, 1, 32),
        "0.b": (32,),
        "3.W": (3, 3, 32, 64),
        "3.b": (64,),
        "8.W": (1600, 10),
        "8.b": (10,),
    }
    load_weights(other, path)
    model.eval()
    other.eval()
    x = np.random.default_rng(14).random((5, 28, 28, 1), dtype=np.float32)
    np.testing.assert_array_equal(other.forward(x), model.forward(x))


# The two modes


def modes(model):
    return [model.training, *(layer.training for layer in model)]


def test_dropout_drops_in_training_and_passes_everything_on_in_eval_mode():
    rng = np.random.default_rng(15)
    x, dout = rng.standard_normal((2, 30, 40))
    layer, same = Dropout(0.4, np.random.default_rng(16)), np.random.default_rng(16)
    assert layer.training
    y, cache = functional.dropout_forward(x, 0.4, same)
    np.testing.assert_array_equal(layer.forward(x), y)
    layer.eval()  # after the forward: its mask stays
    np.testing.assert_array_equal(layer.backward(dout), functional.dropout_backward(dout, cache))
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(layer.backward(dout), dout)
    with pytest.raises(RuntimeError, match="already called for this forward"):
        layer.backward(dout)
    layer.train()
    second, _ = functional.dropout_forward(x, 0.4, same)  # a new mask, and eval mode drew none
    assert not np.array_equal(second, y)
    np.testing.assert_array_equal(layer.forward(x), second)
    assert layer.backward(dout, input_gradient=False) is None


def test_modes_reach_every_layer_of_nested_models():
    rng = np.random.default_rng(17)
    model = Sequential(Linear(4, 5, rng), Sequential(ReLU(), Sequential(Dropout(0.5, rng))))
    dropout = model[1][1][0]
    layers = [model, model[0], model[1], model[1][0], model[1][1], dropout]
    assert all(layer.training for layer in layers)
    model.eval()
    assert not any(layer.training for layer in layers)
    x = rng.standard_normal((6, 4))
    np.testing.assert_array_equal(model.forward(x), model.forward(x))
    model[1].train()
    assert [layer.training for layer in layers] == [False, False, True, True, True, True]
    assert not np.array_equal(model.forward(x), model.forward(x))
    model.train()
    assert all(layer.training for layer in layers)
    assert Dropout(0.5, rng).training  # no layer changes the mode of another


def test_accuracy_measures_in_eval_mode_and_puts_every_mode_back():
    rng = np.random.default_rng(18)
    model = small_cnn(rng, p=0.9)
    x = rng.standard_normal((50, 12, 11, 1))
    model.eval()
    labels = model.forward(x).argmax(axis=1)
    assert accuracy(model, x, labels, batch_size=7) == 1
    assert modes(model) == [False] * 10
    model.train()
    assert not np.array_equal(model.forward(x).argmax(axis=1), labels)
    assert accuracy(model, x, labels, batch_size=7) == 1
    assert modes(model) == [True] * 10
    model[7].eval()  # one layer alone
    accuracy(model, x, labels)
    assert modes(model) == [True] * 8 + [False, True]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_interrupted_measurement_puts_the_mode_back(error):
    class Failing(ReLU):
        def _forward(self, x):
            raise error("in the middle")

    rng = np.random.default_rng(19)
    model = Sequential(Linear(4, 3, rng), Dropout(0.5, rng), Failing())
    with pytest.raises(error, match="in the middle"):
        accuracy(model, rng.standard_normal((6, 4)), rng.integers(0, 3, 6))
    assert modes(model) == [True] * 4


def test_validation_of_fit_neither_drops_nor_draws():
    data = np.random.default_rng(20)
    x, labels = data.standard_normal((40, 12, 11, 1)), data.integers(0, 4, 40)

    def trained(validation):
        rng = np.random.default_rng(21)
        model = small_cnn(rng, p=0.5)
        optimizer = SGD(model.parameters(), 0.05)
        history = fit(
            model,
            CrossEntropy(),
            optimizer,
            x,
            labels,
            epochs=3,
            batch_size=16,
            rng=rng,
            validation=validation,
            progress=False,
        )
        return model, history

    model, history = trained((x, labels))
    plain, plain_history = trained(None)
    assert history.step_loss == plain_history.step_loss
    np.testing.assert_array_equal(model[0].W.data, plain[0].W.data)
    assert modes(model) == [True] * 10
    model.eval()
    correct = (model.forward(x).argmax(axis=1) == labels).mean()
    assert history.validation_accuracy[-1] == pytest.approx(correct)
