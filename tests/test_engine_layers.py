"""Layers, losses, initializers and the optimizer."""

import subprocess
import sys

import numpy as np
import pytest

from course_lib import functional, initializers
from course_lib.functional import linear_backward, linear_forward
from course_lib.gradcheck import check_gradient
from course_lib.layers import (
    Layer,
    LeakyReLU,
    Linear,
    Output,
    Parameter,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)
from course_lib.losses import CrossEntropy, Loss, SquaredError, one_hot
from course_lib.optimizers import SGD


def two_layers(rng, dtype=np.float64):
    return Sequential(Linear(4, 5, rng, dtype=dtype), Linear(5, 3, rng, dtype=dtype))


# Layer by layer


def test_linear_layer_by_layer():
    rng = np.random.default_rng(0)
    layer = Linear(4, 3, rng, dtype=np.float64)
    layer.b.data = rng.standard_normal(3)
    X, dY = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
    Y, cache = linear_forward(X, layer.W.data, layer.b.data)
    dX, dW, db = linear_backward(dY, cache)
    out = layer.forward(X)
    assert type(out) is np.ndarray
    np.testing.assert_array_equal(out, Y)
    np.testing.assert_array_equal(layer.backward(dY), dX)
    np.testing.assert_array_equal(layer.dW, dW)
    np.testing.assert_array_equal(layer.db, db)


def test_backward_accumulates_and_zero_grad_clears_in_place():
    rng = np.random.default_rng(1)
    layer = Linear(4, 3, rng, dtype=np.float64)
    X, dY = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
    dW, db = layer.dW, layer.db
    for _ in range(2):
        layer.forward(X)
        layer.backward(dY)
    np.testing.assert_allclose(dW, 2 * X.T @ dY)
    np.testing.assert_allclose(db, 2 * dY.sum(axis=0))
    layer.zero_grad()
    np.testing.assert_array_equal(dW, np.zeros((4, 3)))
    np.testing.assert_array_equal(db, np.zeros(3))


def test_dW_and_db_are_the_memory_of_the_gradients():
    layer = Linear(4, 3, np.random.default_rng(2))
    assert np.shares_memory(layer.dW, layer.W.grad)
    assert np.shares_memory(layer.db, layer.b.grad)
    layer.W.grad = np.full((4, 3), 7.0)  # copies the values in
    np.testing.assert_array_equal(layer.dW, np.full((4, 3), 7.0))
    assert np.shares_memory(layer.dW, layer.W.grad)


def test_sequential_matches_its_layers_and_the_numerical_gradient():
    rng = np.random.default_rng(3)
    model = two_layers(rng)
    x, target = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
    loss_fn = SquaredError()
    loss_fn(model(x), target).backward()
    assert len(model.parameters()) == 4
    for parameter in model.parameters():
        check_gradient(
            lambda _: float(loss_fn(model.forward(x), target)), parameter.data, parameter.grad
        ).raise_if_wrong()


def test_sequential_skips_the_input_gradient_unless_asked():
    rng = np.random.default_rng(4)
    model = two_layers(rng)
    x, dout = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
    model.forward(x)
    assert model.backward(dout) is None
    grads = [p.grad.copy() for p in model.parameters()]
    model.zero_grad()
    model.forward(x)
    dx = model.backward(dout, input_gradient=True)
    np.testing.assert_allclose(dx, dout @ model[1].W.data.T @ model[0].W.data.T)
    for parameter, expected in zip(model.parameters(), grads, strict=True):
        np.testing.assert_array_equal(parameter.grad, expected)


def test_sequentials_nest():
    rng = np.random.default_rng(5)
    flat = two_layers(rng)
    nested = Sequential(flat[0], Sequential(flat[1]))
    x, dout = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
    np.testing.assert_array_equal(nested.forward(x), flat.forward(x))
    nested.forward(x)
    nested.backward(dout)
    np.testing.assert_allclose(flat[0].dW, x.T @ (dout @ flat[1].W.data.T))


def test_backward_needs_a_forward_each():
    rng = np.random.default_rng(6)
    for model in (Linear(4, 3, rng), two_layers(rng)):
        x, dout = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
        with pytest.raises(RuntimeError, match=r"needs a forward: call forward\(x\)"):
            model.backward(dout)
        model.forward(x)
        model.backward(dout)
        with pytest.raises(RuntimeError, match="already called for this forward"):
            model.backward(dout)


def test_a_backward_that_failed_on_its_shape_may_be_repeated():
    rng = np.random.default_rng(7)
    model = two_layers(rng)
    model.forward(rng.standard_normal((6, 4)))
    with pytest.raises(ValueError, match=r"dY has shape \(6, 2\), expected \(6, 3\)"):
        model.backward(rng.standard_normal((6, 2)))
    model.backward(rng.standard_normal((6, 3)))
    assert np.any(model[0].dW)


def test_a_layer_called_on_its_own_makes_the_models_cache_stale():
    rng = np.random.default_rng(8)
    model = two_layers(rng)
    model.forward(rng.standard_normal((6, 4)))
    model[0].forward(rng.standard_normal((6, 4)))
    with pytest.raises(RuntimeError, match="called again after the model"):
        model.backward(rng.standard_normal((6, 3)))


def test_shape_errors_say_in_which_layer():
    rng = np.random.default_rng(9)
    model = Sequential(Linear(4, 5, rng), Linear(6, 3, rng))
    with pytest.raises(ValueError, match="X has 5 columns but W has 6 rows") as caught:
        model(rng.standard_normal((2, 4)))
    assert caught.value.__notes__ == ["(in layer 1, Linear(6 -> 3))"]


def test_layers_and_parameters_refuse_what_would_go_wrong_in_silence():
    rng = np.random.default_rng(10)
    layer = Linear(4, 3, rng)
    with pytest.raises(TypeError, match=r"\.W\.data = "):
        layer.W = np.zeros((4, 3))
    with pytest.raises(ValueError, match=r"W has shape \(3, 4\), expected \(4, 3\)"):
        layer.W.data = np.zeros((3, 4))
    with pytest.raises(ValueError, match=r"gradient of b has shape \(1, 3\), expected \(3,\)"):
        layer.b.grad = np.zeros((1, 3))
    with pytest.raises(TypeError, match="int64"):
        Parameter(np.arange(3))
    with pytest.raises(TypeError, match="rng is 0, expected a numpy.random.Generator"):
        Linear(4, 3, 0)
    with pytest.raises(ValueError, match=r"Linear\(0, 3\)"):
        Linear(0, 3, rng)
    with pytest.raises(ValueError, match="same layer is used twice"):
        Sequential(layer, layer)
    with pytest.raises(TypeError, match="one by one, got list"):
        Sequential([layer])
    with pytest.raises(ValueError, match="at least one layer"):
        Sequential()
    with pytest.raises(NotImplementedError, match="Layer must write _forward"):
        Layer().forward(np.ones((2, 2)))


def test_reprs_show_shapes_and_counts_and_no_addresses():
    rng = np.random.default_rng(11)
    model = Sequential(Linear(784, 128, rng), Linear(128, 10, rng))
    assert repr(model) == (
        "Sequential, 101,770 parameters\n"
        "  0: Linear(784 -> 128), 100,480 parameters\n"
        "  1: Linear(128 -> 10), 1,290 parameters"
    )
    assert len(model) == 2
    assert repr(model[1].W) == "Parameter(W: shape (128, 10), float32)"
    assert repr(SGD(model.parameters(), 0.1)) == "SGD(learning_rate=0.1, momentum=0)"
    assert repr(SquaredError()) == 'SquaredError(reduction="mean")'
    assert repr(Loss(2.302585, None, None)) == "Loss(2.303)"
    assert f"{Loss(2.302585, None, None):.2f}" == "2.30"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_keeps_its_dtype(dtype):
    rng = np.random.default_rng(12)
    model = two_layers(rng, dtype)
    optimizer = SGD(model.parameters(), np.float64(0.1), momentum=0.5)
    assert type(optimizer.learning_rate) is float
    logits = model(rng.standard_normal((6, 4)).astype(dtype))
    loss = SquaredError()(logits, np.arange(6) % 3)
    loss.backward()
    optimizer.step()
    arrays = [logits, loss.gradient, *(p.data for p in model.parameters())]
    arrays += [p.grad for p in model.parameters()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_a_nested_sequential_is_shown_indented_and_named_by_its_place():
    rng = np.random.default_rng(29)
    model = Sequential(Linear(4, 5, rng), Sequential(LeakyReLU(0.2), Linear(5, 3, rng)), Softmax())
    assert repr(model) == (
        "Sequential, 43 parameters\n"
        "  0: Linear(4 -> 5), 25 parameters\n"
        "  1: Sequential, 18 parameters\n"
        "    0: LeakyReLU(slope=0.2)\n"
        "    1: Linear(5 -> 3), 18 parameters\n"
        "  2: Softmax()"
    )
    assert list(model.named_parameters()) == ["0.W", "0.b", "1.1.W", "1.1.b"]
    assert model.parameters()[2] is model[1][1].W
    assert list(model[0].named_parameters()) == ["W", "b"]


# Activations


@pytest.mark.parametrize(
    ("layer", "name", "options"),
    [
        (ReLU(), "relu", {}),
        (LeakyReLU(), "leaky_relu", {}),
        (LeakyReLU(slope=0.3), "leaky_relu", {"slope": 0.3}),
        (Sigmoid(), "sigmoid", {}),
        (Tanh(), "tanh", {}),
        (Softmax(), "softmax", {}),
    ],
    ids=repr,
)
def test_activation_layers_are_their_functions(layer, name, options):
    rng = np.random.default_rng(30)
    x, dout = rng.standard_normal((2, 6, 4))
    y, cache = getattr(functional, f"{name}_forward")(x, **options)
    np.testing.assert_array_equal(layer.forward(x), y)
    dx = getattr(functional, f"{name}_backward")(dout, cache)
    np.testing.assert_array_equal(layer.backward(dout), dx)
    with pytest.raises(RuntimeError, match="already called for this forward"):
        layer.backward(dout)
    layer.forward(x)
    assert layer.backward(dout, input_gradient=False) is None
    assert layer.parameters() == []


@pytest.mark.parametrize("activation", [ReLU, LeakyReLU, Sigmoid, Tanh, Softmax])
def test_a_network_with_each_activation_has_the_numerical_gradient(activation):
    rng = np.random.default_rng(31)
    model = Sequential(
        Linear(4, 5, rng, dtype=np.float64), activation(), Linear(5, 3, rng, dtype=np.float64)
    )
    x, labels, loss_fn = rng.standard_normal((7, 4)), rng.integers(0, 3, 7), CrossEntropy()
    assert activation is Softmax or np.abs(x @ model[0].W.data).min() > 1e-3  # away from the kink
    loss_fn(model(x), labels).backward()
    for name, parameter in model.named_parameters().items():
        check_gradient(
            lambda _: float(loss_fn(model.forward(x), labels)),
            parameter.data,
            parameter.grad,
            name=name,
        ).raise_if_wrong()


@pytest.mark.parametrize("slope", [np.nan, np.inf])
def test_leaky_relu_refuses_a_slope_that_is_not_finite(slope):
    with pytest.raises(ValueError, match=f"slope is {slope}, expected a finite number"):
        LeakyReLU(slope)


# Output and Loss


def test_the_training_loop_as_written():
    rng = np.random.default_rng(13)
    model = two_layers(rng)
    x, labels = rng.standard_normal((9, 4)), np.arange(9) % 3
    loss_fn, optimizer = SquaredError(), SGD(model.parameters(), 0.05)
    losses = []
    for _ in range(30):
        logits = model(x)
        loss = loss_fn(logits, labels)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert np.all(np.diff(losses) < 0)


def test_a_single_layer_is_a_model_too():
    rng = np.random.default_rng(14)
    layer = Linear(4, 3, rng, dtype=np.float64)
    x, target = rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    loss = SquaredError()(layer(x), target)
    loss.backward()
    np.testing.assert_allclose(layer.dW, x.T @ (layer.forward(x) - target) / 5)


def test_output_is_an_array():
    rng = np.random.default_rng(15)
    model = two_layers(rng, np.float32)
    x = rng.standard_normal((6, 4)).astype(np.float32)
    logits = model(x)
    plain = model.forward(x)
    assert isinstance(logits, np.ndarray)
    assert logits.dtype == np.float32
    np.testing.assert_array_equal(logits, plain)
    np.testing.assert_array_equal(logits.argmax(axis=1), plain.argmax(axis=1))
    assert float(logits.mean()) == float(plain.mean())
    assert repr(logits) == repr(plain).replace("array(", "Output(").replace("\n", "\n ")


@pytest.mark.parametrize(
    "derive",
    [
        lambda logits: logits * 2,
        lambda logits: logits + 0,
        lambda logits: -logits,
        lambda logits: np.exp(logits),
        lambda logits: logits[:],
        lambda logits: logits[np.arange(6)],
        lambda logits: logits.copy(),
        lambda logits: logits.reshape(6, 3),
        lambda logits: logits.astype(np.float32),
        lambda logits: np.clip(logits, -1, 1),
        lambda logits: np.concatenate([logits[:3], logits[3:]]),
        lambda logits: np.asarray(logits),
        lambda logits: logits.view(),
    ],
)
def test_what_is_derived_from_an_output_has_no_model(derive):
    rng = np.random.default_rng(16)
    model = two_layers(rng)
    derived = derive(model(rng.standard_normal((6, 4))))
    assert repr(derived).startswith("array(")
    loss = SquaredError()(derived, rng.standard_normal((6, 3)))
    with pytest.raises(RuntimeError, match="no model to run backward"):
        loss.backward()
    assert not np.any(model[0].dW)


def test_arithmetic_gives_plain_arrays():
    rng = np.random.default_rng(17)
    logits = Linear(4, 3, rng)(rng.standard_normal((6, 4)))
    for derived in (logits * 2, 1 - logits, np.exp(logits), logits @ np.ones(3), logits == 0):
        assert type(derived) is np.ndarray
    assert type(logits.sum(axis=0)) is np.ndarray
    assert type(logits.max(axis=1, keepdims=True)) is np.ndarray


def test_an_output_cannot_be_changed_in_place():
    rng = np.random.default_rng(18)
    logits = Linear(4, 3, rng)(rng.standard_normal((6, 4)))
    before = logits.copy()
    with pytest.raises(ValueError, match="read-only: write"):
        logits *= 2
    with pytest.raises(ValueError, match="read-only"):
        logits[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(logits)[0] = 0
    np.testing.assert_array_equal(logits, before)


def test_a_loss_of_a_stale_output_refuses_backward():
    rng = np.random.default_rng(19)
    model = two_layers(rng)
    x, target = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
    loss = SquaredError()(model(x), target)
    second = SquaredError()(model(2 * x), target)
    with pytest.raises(RuntimeError, match="called again after it made this prediction"):
        loss.backward()
    assert not np.any(model[0].dW)
    second.backward()
    with pytest.raises(RuntimeError, match="already called for this forward"):
        second.backward()


def test_a_model_called_on_another_models_output_says_that_backward_stops_there():
    rng = np.random.default_rng(20)
    first, second = Linear(4, 5, rng), Linear(5, 3, rng)
    hidden = first(rng.standard_normal((6, 4)))
    with pytest.raises(TypeError, match="put both in one Sequential"):
        second(hidden)
    assert isinstance(second(np.asarray(hidden)), Output)


def test_loss_of_a_plain_array_has_its_gradient():
    rng = np.random.default_rng(21)
    prediction, target = rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
    loss = SquaredError()(prediction, target)
    assert float(loss) == pytest.approx(np.sum((prediction - target) ** 2) / 10)
    np.testing.assert_allclose(loss.gradient, (prediction - target) / 5)
    with pytest.raises(RuntimeError, match=r"plain array.*loss\.gradient"):
        loss.backward()
    summed = SquaredError(reduction="sum")(prediction, target)
    np.testing.assert_allclose(summed.gradient, prediction - target)


def test_integer_labels_stand_for_one_hot_rows():
    rng = np.random.default_rng(22)
    prediction, labels = rng.standard_normal((5, 3)), np.array([2, 0, 1, 1, 0])
    rows = np.eye(3)[labels]
    by_label, by_row = (SquaredError()(prediction, target) for target in (labels, rows))
    assert float(by_label) == float(by_row)
    np.testing.assert_array_equal(by_label.gradient, by_row.gradient)
    encoded = one_hot(labels, (5, 3), np.float32)
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded, rows)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (np.array([0, 3, 1, 0]), "label 3 is out of range: 3 classes have labels 0 to 2"),
        (np.array([0, -1, 1, 0]), "label -1 is out of range"),
        (np.array([0.0, 1, 1, 0]), "labels are float64, expected integers"),
        (np.array([0, 1, 1]), r"labels have shape \(3,\) but the prediction \(4, 3\)"),
        (np.zeros((4, 2)), r"target has shape \(4, 2\), expected \(4, 3\).*axis 1"),
        (np.zeros((4, 3, 1)), r"target has shape \(4, 3, 1\), expected \(4, 3\)"),
    ],
)
def test_squared_error_refuses_targets_that_do_not_fit(target, words):
    prediction = np.random.default_rng(23).standard_normal((4, 3))
    with pytest.raises(ValueError, match=words):
        SquaredError()(prediction, target)


def test_squared_error_refuses_another_reduction():
    with pytest.raises(ValueError, match="'none'"):
        SquaredError("none")


def test_a_single_column_is_no_class():
    prediction = np.random.default_rng(32).standard_normal((4, 1))
    for target in (np.zeros(4), np.zeros(4, int)):
        with pytest.raises(ValueError, match=r"target has shape \(4,\), expected \(4, 1\)"):
            SquaredError()(prediction, target)


# Cross-entropy


def test_cross_entropy_of_an_array_has_the_functional_value_and_gradient():
    rng = np.random.default_rng(33)
    logits, labels = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    for reduction in ("mean", "sum"):
        value, cache = functional.softmax_cross_entropy_forward(logits, labels, reduction)
        loss = CrossEntropy(reduction)(logits, labels)
        assert float(loss) == value
        dlogits = functional.softmax_cross_entropy_backward(1.0, cache)
        np.testing.assert_array_equal(loss.gradient, dlogits)
    assert repr(CrossEntropy()) == 'CrossEntropy(reduction="mean")'
    with pytest.raises(RuntimeError, match="plain array"):
        loss.backward()
    with pytest.raises(ValueError, match="'average'"):
        CrossEntropy("average")
    with pytest.raises(ValueError, match="label 4 is out of range"):
        CrossEntropy()(logits, np.array([0, 1, 2, 3, 4, 0]))


def test_cross_entropy_of_a_batch_of_two_worked_by_hand():
    X = np.array([[1, 2, 0.5], [0.5, 1, 1.5]])
    rng = np.random.default_rng(34)
    model = Sequential(
        Linear(3, 2, rng, dtype=np.float64), ReLU(), Linear(2, 2, rng, dtype=np.float64)
    )
    model[0].W.data = [[0.1, 0.2], [0.3, 0.1], [0.2, 0.4]]
    model[2].W.data = [[0.5, 0.3], [0.2, 0.6]]
    model[0].b.data = model[2].b.data = [0.1, 0.2]
    logits = model(X)
    np.testing.assert_allclose(logits, [[0.71, 0.95], [0.675, 1.025]], rtol=1e-14)
    loss = CrossEntropy()(logits, np.array([0, 1]))
    np.testing.assert_allclose(loss.gradient, [[-0.2799, 0.2799], [0.2067, -0.2067]], atol=5e-5)
    loss.backward()
    hidden = np.array([[0.9, 0.8], [0.75, 1]])
    np.testing.assert_allclose(model[2].dW, hidden.T @ loss.gradient, rtol=1e-13)
    dhidden = loss.gradient @ [[0.5, 0.2], [0.3, 0.6]]
    np.testing.assert_allclose(model[0].dW, X.T @ dhidden, rtol=1e-13)


@pytest.mark.parametrize(
    "ending",
    [
        lambda rng: Softmax(),
        lambda rng: Sequential(Linear(3, 3, rng), Softmax()),
        lambda rng: Sequential(Sequential(Linear(3, 3, rng), Sequential(Softmax()))),
    ],
    ids=["a lone layer", "at the end", "nested"],
)
def test_cross_entropy_refuses_a_second_softmax(ending):
    rng = np.random.default_rng(35)
    x, labels = rng.standard_normal((5, 3)), np.array([0, 1, 2, 1, 0])
    with pytest.raises(ValueError, match=r"applied twice: leave the Softmax layer out"):
        CrossEntropy()(ending(rng)(x), labels)
    inside = Sequential(Softmax(), Linear(3, 3, rng))
    CrossEntropy()(inside(x), labels).backward()
    assert np.any(inside[1].dW)


def digits_network(rng, dtype=np.float32):
    init = initializers.normal(0.01)
    return Sequential(Linear(784, 128, rng, init, dtype), ReLU(), Linear(128, 10, rng, init, dtype))


def test_the_loss_starts_near_the_logarithm_of_the_number_of_classes():
    rng = np.random.default_rng(36)
    logits = digits_network(rng).forward(rng.random((64, 784), dtype=np.float32))
    assert float(CrossEntropy()(logits, rng.integers(0, 10, 64))) == pytest.approx(
        np.log(10), abs=0.02
    )


def test_the_gradient_of_the_digits_network_at_random_entries():
    rng = np.random.default_rng(37)
    model = digits_network(rng, np.float64)
    x, labels, loss_fn = rng.random((32, 784)), rng.integers(0, 10, 32), CrossEntropy()
    loss_fn(model(x), labels).backward()
    for name, parameter in model.named_parameters().items():
        for _ in range(8):
            index = tuple(rng.integers(0, size) for size in parameter.shape)
            kept = parameter.data[index]

            def loss_at(value, parameter=parameter, index=index):
                parameter.data[index] = value[0]
                return float(loss_fn(model.forward(x), labels))

            # 1e-5 is little beside the 32 pre-activations it moves: none crosses the kink
            check = check_gradient(
                loss_at, np.array([kept]), parameter.grad[index][None], name=name
            )
            parameter.data[index] = kept
            check.raise_if_wrong()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_with_cross_entropy_keeps_its_dtype(dtype):
    rng = np.random.default_rng(38)
    model = Sequential(
        *(Linear(4, 4, rng, dtype=dtype), LeakyReLU(np.float64(0.1)), Sigmoid(), Tanh()),
        Linear(4, 3, rng, dtype=dtype),
    )
    optimizer = SGD(model.parameters(), 0.1)
    logits = model(rng.standard_normal((6, 4)).astype(dtype))
    loss = CrossEntropy()(logits, rng.integers(0, 3, 6))
    assert {logits.dtype, loss.gradient.dtype} == {np.dtype(dtype)}
    dx = model.backward(loss.gradient, input_gradient=True)
    assert dx.dtype == dtype
    optimizer.step()
    assert {p.data.dtype for p in model.parameters()} == {np.dtype(dtype)}


# Optimizer


def test_sgd_with_momentum_follows_the_sequence_by_hand():
    w = Parameter(np.array([1.0, -2.0]))
    optimizer = SGD([w], learning_rate=0.1, momentum=0.5)
    # v: 2, -4 | 0.5*2+1 = 2, 0.5*-4+0 = -2 | 0.5*2-3 = -2, 0.5*-2+1 = 0
    for grad, expected in (
        ([2.0, -4.0], [0.8, -1.6]),
        ([1.0, 0.0], [0.6, -1.4]),
        ([-3.0, 1.0], [0.8, -1.4]),
    ):
        w.grad = grad
        optimizer.step()
        np.testing.assert_allclose(w.data, expected, rtol=1e-14)


def test_sgd_without_momentum_steps_against_the_gradient_in_place():
    w = Parameter(np.array([1.0, -2.0]))
    memory = w.data
    optimizer = SGD([w], learning_rate=0.1)
    w.grad = [10.0, -10.0]
    optimizer.step()
    optimizer.learning_rate = 0.2
    optimizer.step()
    np.testing.assert_allclose(memory, [-2.0, 1.0])
    optimizer.zero_grad()
    np.testing.assert_array_equal(w.grad, [0, 0])


@pytest.mark.parametrize(
    ("rate", "momentum", "words"),
    [
        (-0.1, 0, "learning_rate is -0.1"),
        (float("nan"), 0, "learning_rate is nan"),
        (float("inf"), 0, "learning_rate is inf"),
        (0.1, 1.0, "momentum is 1.0"),
        (0.1, -0.1, "momentum is -0.1"),
        (0.1, float("nan"), "momentum is nan"),
    ],
)
def test_sgd_refuses_bad_numbers(rate, momentum, words):
    with pytest.raises(ValueError, match=words):
        SGD([Parameter(np.ones(2))], rate, momentum)


def test_sgd_refuses_what_is_not_a_parameter():
    rng = np.random.default_rng(24)
    with pytest.raises(ValueError, match="no parameters"):
        SGD([], 0.1)
    for wrong in (two_layers(rng), Linear(2, 3, rng), [np.ones(3)]):
        with pytest.raises(TypeError, match=r"give SGD model\.parameters\(\)"):
            SGD(wrong, 0.1)


# Initializers


@pytest.mark.parametrize(
    ("initializer", "std"),
    [
        (initializers.normal(0.02), 0.02),
        (initializers.he_normal, np.sqrt(2 / 300)),
        (initializers.glorot_uniform, np.sqrt(2 / (300 + 200))),
        (initializers.zeros, 0),
    ],
)
def test_initializers_have_the_spread_they_promise(initializer, std):
    weights = initializer((300, 200), np.random.default_rng(25), dtype=np.float64)
    assert weights.shape == (300, 200)
    assert weights.std() == pytest.approx(std, rel=0.02)
    assert abs(weights.mean()) <= 0.02 * std
    again = initializer((300, 200), np.random.default_rng(25))
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again, weights.astype(np.float32))


def test_glorot_uniform_stays_within_its_bound():
    weights = initializers.glorot_uniform((30, 20), np.random.default_rng(26))
    assert np.sqrt(6 / 50) * 0.95 < np.abs(weights).max() <= np.sqrt(6 / 50)


def test_fans_of_convolution_weights_count_the_window():
    weights = initializers.he_normal((3, 3, 16, 64), np.random.default_rng(27))
    assert weights.std() == pytest.approx(np.sqrt(2 / (9 * 16)), rel=0.03)


def test_initializers_refuse_bad_arguments():
    rng = np.random.default_rng(28)
    with pytest.raises(ValueError, match="fan_in"):
        initializers.he_normal((5,), rng)
    with pytest.raises(ValueError, match="std is -1"):
        initializers.normal(-1)
    with pytest.raises(TypeError, match="rng is None"):
        initializers.glorot_uniform((5, 4), None)


def test_linear_is_determined_by_its_rng():
    first, second, other = (Linear(4, 3, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.W.data, second.W.data)
    assert not np.array_equal(first.W.data, other.W.data)
    np.testing.assert_array_equal(first.b.data, np.zeros(3))


def test_the_engine_loads_neither_pictures_nor_widgets_nor_progress_bars():
    code = (
        "import sys, course_lib.training, course_lib.gradcheck, course_lib.datasets\n"
        "print([m for m in ('matplotlib', 'ipywidgets', 'tqdm', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
