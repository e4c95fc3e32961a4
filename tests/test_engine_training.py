"""fit, accuracy, batches, and the data they work on."""

from pathlib import Path

import numpy as np
import pytest

from course_lib.datasets import (
    blobs,
    check_data,
    line_with_noise,
    load_mnist,
    mnist,
    spirals,
    two_moons,
)
from course_lib.initializers import normal
from course_lib.layers import Linear, Sequential
from course_lib.losses import SquaredError
from course_lib.optimizers import SGD
from course_lib.training import History, accuracy, batches, fit


def train_on_blobs(seed=0, learning_rate=0.1, **options):
    rng = np.random.default_rng(seed)
    X, y = blobs(150, rng)
    model = Sequential(Linear(2, 3, rng, dtype=np.float64))
    options = {"epochs": 5, "batch_size": 16, "rng": rng, "progress": False} | options
    history = fit(model, SquaredError(), SGD(model.parameters(), learning_rate), X, y, **options)
    return model, history


def test_fit_learns_and_remembers():
    X, y = blobs(300, np.random.default_rng(100))
    model, history = train_on_blobs(validation=(X, y), epochs=8)
    assert len(history.step_loss) == 8 * 10
    assert len(history.epoch_loss) == len(history.train_accuracy) == 8
    assert history.epoch_loss[-1] < 0.5 * history.step_loss[0]
    assert history.validation_accuracy[-1] == accuracy(model, X, y)
    assert history.validation_accuracy[-1] > 0.95
    assert repr(history).startswith("History(8 epochs, 80 steps, loss 0.")
    assert not history.interrupted


def test_epoch_loss_weighs_the_smaller_last_batch():
    _, history = train_on_blobs(epochs=1, batch_size=100)
    first, last = history.step_loss
    assert history.epoch_loss == [pytest.approx((100 * first + 50 * last) / 150)]


def test_train_accuracy_counts_the_predictions_before_each_step():
    rng = np.random.default_rng(1)
    X, y = blobs(60, rng)
    model = Sequential(Linear(2, 3, rng))
    before = accuracy(model, X, y)
    optimizer = SGD(model.parameters(), 0.1)
    history = fit(
        model, SquaredError(), optimizer, X, y, epochs=1, batch_size=60, rng=rng, progress=False
    )
    assert history.train_accuracy == [before]


def test_fit_is_determined_by_its_rng_and_touches_no_global_state():
    np.random.seed(3)  # noqa: NPY002 (the legacy global state must stay untouched)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    (first, history), (second, repeat), (_, other) = (train_on_blobs(seed) for seed in (5, 5, 6))
    assert history == repeat
    assert history.step_loss != other.step_loss
    np.testing.assert_array_equal(first[0].W.data, second[0].W.data)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_fit_regression_finds_the_line():
    rng = np.random.default_rng(2)
    X, y = line_with_noise(200, rng, slope=-1.5, intercept=0.5, noise=0.01)
    model = Linear(1, 1, rng)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.9)
    history = fit(
        model, SquaredError(), optimizer, X, y, epochs=20, batch_size=20, rng=rng, progress=False
    )
    assert history.train_accuracy == []
    assert model.W.data.item() == pytest.approx(-1.5, abs=0.02)
    assert model.b.data.item() == pytest.approx(0.5, abs=0.02)


def test_a_diverging_run_records_inf_and_nan_and_says_so():
    _, history = train_on_blobs(learning_rate=1e3, epochs=60)
    assert len(history.step_loss) == 600
    assert np.isnan(history.step_loss[-1])
    assert np.isnan(history.epoch_loss[-1])
    assert "loss nan" in repr(history)
    first = int(np.flatnonzero(~np.isfinite(history.step_loss))[0]) + 1
    assert f"loss not finite from step {first} on" in repr(history)


def test_interrupt_keeps_what_there_is():
    rng = np.random.default_rng(3)
    X, y = blobs(40, rng)
    model = Sequential(Linear(2, 3, rng))

    class InterruptedSGD(SGD):
        steps = 0

        def step(self):
            self.steps += 1
            if self.steps == 6:
                raise KeyboardInterrupt
            super().step()

    optimizer = InterruptedSGD(model.parameters(), 0.1)
    history = fit(
        model, SquaredError(), optimizer, X, y, epochs=9, batch_size=10, rng=rng, progress=False
    )
    assert history.interrupted
    assert len(history.step_loss) == 5
    assert len(history.epoch_loss) == len(history.train_accuracy) == 1
    assert "interrupted" in repr(history)


def test_progress_shows_loss_and_accuracy(capsys):
    train_on_blobs(progress=True, epochs=1)
    shown = capsys.readouterr().err
    assert "/10" in shown
    train_on_blobs(progress=False)
    assert capsys.readouterr().err == ""


def test_history_prints_rounded_numbers():
    assert repr(History()) == "History(0 epochs, 0 steps)"
    history = History([2.0, 1.0], [1.23456], [0.76543], [0.71239])
    assert repr(history) == (
        "History(1 epochs, 2 steps, loss 1.23, train accuracy 0.765, validation accuracy 0.712)"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"validation": (np.ones((3, 2)),)}, "validation has 1 parts"),
        ({"validation": (np.ones((3, 2)), np.ones(3))}, "validation needs integer labels"),
    ],
)
def test_fit_refuses_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        train_on_blobs(**options)


def test_fit_refuses_a_seed_in_place_of_an_rng():
    with pytest.raises(TypeError, match="rng is 0, expected a numpy.random.Generator"):
        train_on_blobs(rng=0)


def test_batches_give_every_sample_once():
    x = np.arange(23)[:, None] * np.ones((1, 2))
    y = np.arange(23)
    pairs = list(batches(x, y, 5, np.random.default_rng(4)))
    assert [len(labels) for _, labels in pairs] == [5, 5, 5, 5, 3]
    for images, labels in pairs:
        np.testing.assert_array_equal(images[:, 0], labels)
    order = np.concatenate([labels for _, labels in pairs])
    assert not np.array_equal(order, y)
    np.testing.assert_array_equal(np.sort(order), y)
    in_order = np.concatenate([labels for _, labels in batches(x, y, 5, None)])
    np.testing.assert_array_equal(in_order, y)


def test_batches_refuse_what_does_not_fit_at_the_call():
    rng = np.random.default_rng(5)
    with pytest.raises(ValueError, match=r"x has shape \(4, 2\) and y \(3,\)"):
        batches(np.ones((4, 2)), np.ones(3), 2, rng)
    with pytest.raises(ValueError, match="empty"):
        batches(np.ones((0, 2)), np.ones(0), 2, rng)
    with pytest.raises(ValueError, match="batch_size is -1"):
        batches(np.ones((4, 2)), np.ones(4), -1, rng)
    with pytest.raises(TypeError, match="rng is 7"):
        batches(np.ones((4, 2)), np.ones(4), 2, 7)


def test_accuracy_counts_over_uneven_batches():
    model = Linear(3, 3, np.random.default_rng(6))
    model.W.data = np.eye(3)
    x = np.eye(3)[[0, 1, 2, 0, 1, 2, 0]]
    labels = np.array([0, 1, 2, 0, 1, 0, 1])
    assert accuracy(model, x, labels, batch_size=3) == pytest.approx(5 / 7)
    with pytest.raises(ValueError, match="float64, expected integers"):
        accuracy(model, x, labels.astype(float))
    with pytest.raises(ValueError, match="x has shape"):
        accuracy(model, x[:3], labels)


# Toy sets


@pytest.mark.parametrize(("make", "classes"), [(two_moons, 2), (spirals, 3), (blobs, 3)])
def test_toy_classes_are_balanced_and_made_from_the_rng(make, classes):
    X, y = make(100, np.random.default_rng(7))
    assert X.shape == (100, 2)
    assert X.dtype == np.float64
    assert y.dtype == np.int64
    counts = np.bincount(y, minlength=classes)
    assert len(counts) == classes
    assert np.ptp(counts) <= 1
    again, other = make(100, np.random.default_rng(7))[0], make(100, np.random.default_rng(8))[0]
    np.testing.assert_array_equal(X, again)
    assert not np.array_equal(X, other)
    with pytest.raises(ValueError, match="n is 0"):
        make(0, np.random.default_rng(7))


def test_two_moons_without_noise_lie_on_their_circles():
    X, y = two_moons(50, np.random.default_rng(9), noise=0)
    centres = np.where(y[:, None] == 0, [0, 0], [1, 0.5])
    np.testing.assert_allclose(np.linalg.norm(X - centres, axis=1), 1)
    assert np.all(X[y == 0, 1] >= 0)
    assert np.all(X[y == 1, 1] <= 0.5)


def test_line_with_noise_without_noise_is_the_line():
    X, y = line_with_noise(20, np.random.default_rng(10), slope=3, intercept=-1, noise=0)
    assert X.shape == y.shape == (20, 1)
    np.testing.assert_allclose(y, 3 * X - 1)
    _, noisy = line_with_noise(20, np.random.default_rng(10), slope=3, intercept=-1)
    assert not np.array_equal(y, noisy)


# MNIST


def test_mnist_is_the_original():
    data = load_mnist(train=500, test=300)
    assert data.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert data.x_train.shape == (500, 784)
    assert data.x_test.shape == (300, 784)
    assert data.x_train.dtype == np.float32
    assert data.y_train.dtype == np.int64
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)
    assert repr(data) == (
        "Mnist(x_train (500, 784), y_train (500,), x_test (300, 784), y_test (300,))"
    )
    assert check_data()[0]


def test_mnist_images_and_dtype():
    flat = load_mnist(train=3, test=2, dtype=np.float64)
    images = load_mnist(train=3, test=2, flatten=False)
    assert flat.x_train.dtype == np.float64
    assert images.x_train.shape == (3, 28, 28, 1)
    np.testing.assert_allclose(images.x_train.reshape(3, 784), flat.x_train, rtol=1e-6)
    with pytest.raises(ValueError, match="dtype is uint8"):
        load_mnist(dtype=np.uint8)
    for count in (0, -5, 60_001):
        with pytest.raises(ValueError, match=f"train is {count}, expected 1 to 60000"):
            load_mnist(train=count)


def test_mnist_arrays_are_fresh():
    first = load_mnist(train=10, test=10)
    first.x_train[:] = 7
    first.y_train[:] = 7
    again = load_mnist(train=10, test=10)
    assert again.x_train.max() == 1
    assert again.y_train[0] == 5


@pytest.fixture
def other_file(tmp_path, monkeypatch):
    """A file that stands in for mnist.npz; the arrays already read are forgotten meanwhile."""
    path = tmp_path / "mnist.npz"
    monkeypatch.setattr(mnist, "_FILE", path)
    mnist._raw_arrays.cache_clear()
    yield path
    mnist._raw_arrays.cache_clear()


def write_changed_pixel(path):
    with np.load(Path(mnist.__file__).with_name("mnist.npz")) as archive:
        arrays = dict(archive)
    arrays["x_test"][42, 14, 14] ^= 1
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: None, "is missing"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_text("version https://git-lfs"), "cannot be read"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(300)), "cannot be read"),
        (lambda path: np.savez(path, x_train=np.zeros(3)), "cannot be read"),
        (write_changed_pixel, "damaged: x_test"),
    ],
    ids=["missing", "empty", "a pointer", "cut off", "other arrays", "one bit"],
)
def test_a_damaged_file_says_how_to_mend_it(other_file, write, words):
    write(other_file)
    with pytest.raises(RuntimeError, match=words) as caught:
        load_mnist()
    assert "git restore course_lib/datasets/mnist.npz" in str(caught.value)
    ok, message = check_data()
    assert not ok
    assert words in message


def test_a_linear_classifier_reads_digits():
    data = load_mnist()
    rng = np.random.default_rng(0)
    model = Sequential(Linear(784, 10, rng, init=normal(0.01)))
    history = fit(
        model,
        SquaredError(),
        SGD(model.parameters(), learning_rate=0.01),
        data.x_train,
        data.y_train,
        epochs=5,
        batch_size=64,
        rng=rng,
        validation=(data.x_test, data.y_test),
        progress=False,
    )
    assert history.validation_accuracy[-1] >= 0.85
