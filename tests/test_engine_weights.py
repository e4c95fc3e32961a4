"""Weights in a file: what comes back, what is refused, and that nothing is lost on the way."""

import os
import pickle

import numpy as np
import pytest

import course_lib
from course_lib.layers import Linear, ReLU, Sequential
from course_lib.losses import CrossEntropy
from course_lib.weights import load_weights, save_weights


def network(seed, hidden=5, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return Sequential(
        Linear(4, hidden, rng, dtype=dtype),
        Sequential(ReLU(), Linear(hidden, 3, rng, dtype=dtype)),
    )


def values(model):
    return [parameter.data.copy() for parameter in model.parameters()]


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["weights.npz", "weights", "a b.ü.txt", "new/folders/w.npz"])
def test_weights_come_back_from_exactly_the_file_named(tmp_path, name):
    model, other, path = network(0), network(1), tmp_path / name
    save_weights(model, str(path))
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]
    load_weights(other, str(path))
    assert_same(values(other), values(model))
    x = np.random.default_rng(2).standard_normal((6, 4)).astype(np.float32)
    np.testing.assert_array_equal(other.forward(x), model.forward(x))


def test_arrays_are_named_by_layer_and_parameter(tmp_path):
    path = tmp_path / "weights.npz"
    save_weights(network(0), path)
    with np.load(path) as archive:
        shapes = {name: array.shape for name, array in archive.items()}
    assert shapes == {"0.W": (4, 5), "0.b": (5,), "1.1.W": (5, 3), "1.1.b": (3,)}
    save_weights(network(0)[0], path)
    with np.load(path) as archive:
        assert archive.files == ["W", "b"]


def test_loading_keeps_memory_dtype_and_gradients(tmp_path):
    path = tmp_path / "weights.npz"
    source, model = network(0, dtype=np.float64), network(1)
    save_weights(source, path)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((6, 4)).astype(np.float32)
    CrossEntropy()(model(x), rng.integers(0, 3, 6)).backward()
    memory = [parameter.data for parameter in model.parameters()]
    gradients = [parameter.grad.copy() for parameter in model.parameters()]
    load_weights(model, path)
    assert_same(memory, [value.astype(np.float32) for value in values(source)])
    assert {array.dtype for array in values(model)} == {np.dtype(np.float32)}
    assert_same([parameter.grad for parameter in model.parameters()], gradients)


def test_a_save_that_fails_keeps_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "weights.npz"
    save_weights(network(0), path)
    before = path.read_bytes()

    def disk_full(file, **arrays):
        file.write(b"PK half of it")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", disk_full)
    with pytest.raises(OSError, match="no space left"):
        save_weights(network(1), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["weights.npz"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nowhere\.npz: save_weights"):
        load_weights(network(0), tmp_path / "nowhere.npz")


def cut(content):
    return content[: len(content) // 2]


def one_bit(content):
    at = content.index(b"NUMPY") + 150  # in the values of the first array
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [lambda content: b"", cut, one_bit, lambda content: b"hello", lambda content: content[:-9]],
    ids=["empty", "half", "one bit", "text", "no end"],
)
def test_a_damaged_file_changes_nothing(tmp_path, damage):
    path, model = tmp_path / "weights.npz", network(1)
    save_weights(network(0), path)
    path.write_bytes(damage(path.read_bytes()))
    before = values(model)
    with pytest.raises(ValueError, match=r"weights\.npz cannot be read as weights \("):
        load_weights(model, path)
    assert_same(values(model), before)
    path.unlink()  # on Windows only possible when the file was closed


def saved(path, model, **changes):
    arrays = {name: p.data for name, p in model.named_parameters().items()} | changes
    with path.open("wb") as file:
        np.savez(file, **{name: array for name, array in arrays.items() if array is not None})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"1.1.b": None},
            ["the model has 0.W, 0.b, 1.1.W, 1.1.b; the file holds 0.W, 0.b, 1.1.W; missing"],
        ),
        (
            {"2.W": np.ones((3, 2))},
            ["the file holds 0.W, 0.b, 1.1.W, 1.1.b, 2.W; not in the model: 2.W"],
        ),
        (
            {"0.W": None, "0.V": np.ones((4, 5))},
            ["missing in the file: 0.W", "not in the model: 0.V"],
        ),
        (
            {"0.W": np.ones((5, 4)), "1.1.b": np.ones((1, 3))},
            [
                "0.W has shape (5, 4), expected (4, 5)",
                "1.1.b has shape (1, 3), expected (3,)",
            ],
        ),
        ({"1.1.b": np.arange(3)}, ["1.1.b in", "expected floating-point numbers"]),
    ],
    ids=["missing", "extra", "renamed", "shapes", "integers"],
)
def test_weights_of_another_model_are_refused_before_anything_changes(tmp_path, changes, words):
    path, model = tmp_path / "weights.npz", network(1)
    saved(path, network(0), **changes)
    before = values(model)
    with pytest.raises(ValueError, match="weights") as caught:
        load_weights(model, path)
    for word in words:
        assert word in str(caught.value)
    assert_same(values(model), before)


class Trap:
    """Unpickling it would write the file that its path names."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_nothing_is_ever_unpickled(tmp_path):
    path, sprung, model = tmp_path / "weights.npz", tmp_path / "sprung", network(1)
    contents = [np.array([Trap(sprung)], dtype=object)]
    saved(path, network(0), **{"0.b": contents[0]})
    with pytest.raises(ValueError, match="cannot be read as weights"):
        load_weights(model, path)
    path.write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(ValueError, match="cannot be read as weights"):
        load_weights(model, path)
    assert not sprung.exists()


def test_a_single_array_is_no_file_of_weights(tmp_path):
    path = tmp_path / "weights.npy"
    np.save(path, np.ones(3))
    with pytest.raises(ValueError, match="cannot be read as weights"):
        load_weights(network(0), path)


def test_arguments_in_the_wrong_order_are_refused(tmp_path):
    path = tmp_path / "weights.npz"
    for function in (save_weights, load_weights):
        with pytest.raises(TypeError, match=r"model is str, expected a layer or a Sequential"):
            function(str(path), network(0))


def test_the_package_root_has_the_engine():
    assert course_lib.save_weights is save_weights
    assert course_lib.load_weights is load_weights
    assert course_lib.ReLU is ReLU
    assert course_lib.CrossEntropy is CrossEntropy
    assert {"LeakyReLU", "Sigmoid", "Tanh", "Softmax"} <= set(dir(course_lib))
