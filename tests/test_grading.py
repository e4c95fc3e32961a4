"""The judge: outcomes, findings, hostile attempts, time."""

import copy
import functools
import sys
import threading
import time

import numpy as np
import pytest

import course_lib
from course_lib import exercises, grading
from course_lib.autograd import Tensor
from course_lib.exercises import find
from course_lib.grading import Call, Finding, Step, exercise
from course_lib.grading.outcomes import Odd, agrees, plain_array
from course_lib.grading.watchdog import Escaped, TooSlow, run_within
from tests.answers import right, wrong

NOT_SPECIFIC = {"values"}


def of(table):
    return [
        pytest.param(name, f, id=f"{name}-{getattr(f, '__name__', k)}")
        for name, attempts in table.items()
        for k, f in enumerate(attempts)
    ]


# answers written without sight of the catalogue ---------------------------------------------------


@pytest.mark.parametrize(("name", "attempt"), of(right.RIGHT))
def test_odd_right_answer_passes(name, attempt):
    verdict = course_lib.judge(name, attempt)
    assert verdict.status == "passed", verdict.message


@functools.cache
def judged(name, attempt):
    """The verdict, once for all tests: some attempts train a network."""
    return course_lib.judge(name, attempt)


@pytest.mark.parametrize(("name", "attempt"), of(wrong.WRONG))
def test_uncatalogued_wrong_answer_is_refused(name, attempt):
    verdict = judged(name, attempt)
    assert verdict.status in ("failed", "error")
    assert verdict.points == 0
    assert verdict.finding
    assert verdict.message


def test_uncatalogued_wrong_answers_get_specific_findings():
    verdicts = [judged(n, f) for n, fs in wrong.WRONG.items() for f in fs]
    vague = [v for v in verdicts if v.finding.kind in NOT_SPECIFIC]
    assert len(verdicts) >= 60
    assert len(vague) <= 0.15 * len(verdicts), "\n".join(map(str, vague))


@pytest.mark.parametrize(("name", "attempt"), of(wrong.BLIND))
def test_stated_blind_spots_are_what_passes(name, attempt):
    assert course_lib.judge(name, attempt).status == "passed"
    assert exercises.find(name).blind_spots


@pytest.mark.parametrize("name", sorted(wrong.HOSTILE))
def test_hostile_attempts_get_a_verdict(name):
    state = np.geterr(), sys.stdout, threading.current_thread()
    for attempt in wrong.HOSTILE[name]:
        verdict = course_lib.judge(name, attempt)
        assert verdict.status in ("failed", "error", "not attempted"), attempt.__doc__
        assert verdict.points == 0
        assert isinstance(verdict.message, str)
    assert (np.geterr(), sys.stdout, threading.current_thread()) == state


def descend(gradient, x, steps, step):
    """The points of a descent whose steps follow some rule of the gradient."""
    points = [float(x)]
    for _ in range(steps):
        points.append(points[-1] + step(gradient(points[-1])))
    return points


# findings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "attempt", "finding"),
    [
        ("weight_gradient", lambda X, dY: 3 * X.T @ dY, ("factor", "dW", "3")),
        ("weight_gradient", lambda X, dY: X.T @ dY * X.shape[1], ("factor", "dW", "D")),
        ("input_gradient", lambda dY, W: dY @ W.T * len(dY), ("factor", "dX", "N")),
        ("bias_gradient", lambda dY: -dY.sum(axis=0), ("factor", "db", "-1")),
        ("linear_forward", lambda X, W, b: np.abs(X @ W + b), ("absolute value", "Y", None)),
        ("input_gradient", lambda dY, W: (dY @ W.T)[:, ::-1], ("columns reversed", "dX", None)),
        (
            "weight_gradient",
            lambda X, dY: (X.T @ dY)[None],
            ("extra axis", "dW", ((1, 3, 4), (3, 4))),
        ),
        ("weight_gradient", lambda X, dY: np.einsum("nd,nm->ndm", X, dY), ("not summed", "dW", 0)),
        ("weight_gradient", lambda X, dY: X[:-1].T @ dY[:-1], ("sample: last missing", "dW", "N")),
        ("sgd_step", lambda p, g, r: [a - b / r for a, b in zip(p, g, strict=True)], None),
        (
            "chain_backward",
            lambda u, x: u * np.cos(3 * x**2 + 1) * 6,
            ("missing factor", "dL/dx", "x"),
        ),
        ("quadratic_chain", lambda x: 18 * x + 6, ("equals", "dy/dx", "18 * x + 6")),
        ("quadratic_chain", lambda x: 30.0, ("constant", "dy/dx", 30.0)),
        (
            "gradient_descent",
            lambda g, x, r, n: [x] * (n + 1),
            ("step", "points", "nothing changed"),
        ),
        (
            "gradient_descent",
            lambda g, x, r, n: descend(g, x, n, lambda d: -r * np.sign(d)),
            ("step", "points", "learning_rate subtracted or added, by the sign of the gradient"),
        ),
        (
            "gradient_descent",
            lambda g, x, r, n: descend(g, x, n, lambda d: -r * abs(d)),
            ("step", "points", "learning_rate * |gradient| subtracted"),
        ),
        (
            "gradient_descent",
            lambda g, x, r, n: descend(g, x, n, lambda d: -2 * r * d),
            ("step", "points", "2 * learning_rate * gradient subtracted"),
        ),
        (
            "gradient_descent",
            lambda g, x, r, n: descend(g, x, n, lambda d: -r),
            ("step", "points", "learning_rate subtracted"),
        ),
        (
            "quadratic_chain",
            lambda x: ((3 * (x + 1e-6) + 2) ** 2 - (3 * x + 2) ** 2) / 1e-6,
            ("precision", "dy/dx", 1e-6),
        ),
        ("double", lambda x: print(2 * x), ("type", "2x", "None")),
        ("double", lambda x: str(2 * x), ("type", "2x", "string")),
        ("gradient_of_two", lambda x, y: 2 * x * y, ("type", "df/dx", "single")),
        ("gradient_of_two", lambda x, y: (2 * x * y, x, y), ("count", "df/dx", "3 values")),
    ],
)
def test_finding(name, attempt, finding):
    verdict = course_lib.judge(name, attempt)
    assert verdict.status == "failed"
    if finding is None:
        assert verdict.finding.kind not in NOT_SPECIFIC
    else:
        assert verdict.finding == Finding(*finding)


def solution(name):
    return find(name).solution


def im2col_plus(pad):
    return lambda x, k, s=1: np.pad(solution("im2col")(x, k, s), pad)


@pytest.mark.parametrize(
    ("name", "attempt", "kind", "words"),
    [
        (
            "conv2d_forward",
            lambda *a: solution("conv2d_forward")(*a).transpose(0, 3, 1, 2),
            "axes",
            "come in the order (N, F, Ho, Wo); (N, Ho, Wo, F) is wanted",
        ),
        (
            "max_pool_forward",
            lambda *a: solution("max_pool_forward")(*a).transpose(0, 3, 1, 2),
            "axes",
            "come in the order (N, C, Ho, Wo); (N, Ho, Wo, C) is wanted",
        ),
        ("im2col", im2col_plus(((0, 0), (0, 2))), "grown", "too much at the end of axis 1"),
        ("im2col", im2col_plus(((1, 1), (0, 0))), "grown", "too much on both sides of axis 0"),
        (
            "max_pool_backward",
            lambda *a: solution("max_pool_backward")(*a)[:, 1:, 1:],
            "cut",
            "entries at the beginning of axis 1 and axis 2 are missing",
        ),
        (
            "max_pool_forward",
            lambda x, size=2: solution("max_pool_forward")(x[:, : -(len(x[0]) % size)], size),
            "empty",
            "is empty in some cases",
        ),
        (
            "conv2d_backward",
            lambda dY, x, *a: (
                solution("conv2d_backward")(dY, x, *a)[0] * (np.round(x**2) % 2),
                *solution("conv2d_backward")(dY, x, *a)[1:],
            ),
            "depends",
            "does not depend on x",
        ),
        (
            "dropout_backward",
            lambda dY, mask, p: dY * np.random.default_rng(0).random(dY.shape),
            "independent",
            "when half of mask is turned round",
        ),
        ("dropout_backward", lambda dY, mask, p: dY * mask / np.sqrt(1 - p), "step", "square root"),
        (
            "max_pool_forward",
            lambda *a: np.roll(solution("max_pool_forward")(*a), 1, axis=2),
            "step",
            "shifted by one along its axis 2",
        ),
    ],
)
def test_finding_in_images(name, attempt, kind, words):
    verdict = course_lib.judge(name, attempt)
    assert verdict.status == "failed"
    assert verdict.finding.kind == kind, verdict.message
    assert words in verdict.message


def drops(draw):
    def attempt(x, p, rng):
        mask = draw(x, p, rng)
        return x * mask / (1 - p), mask

    return attempt


@pytest.mark.parametrize(
    ("draw", "kind"),
    [
        (lambda x, p, rng: rng.random(x.shape[1:]) >= p + 0 * x, "together"),
        (lambda x, p, rng: rng.random(x.shape) >= 0.9 * p, "rate"),
        (lambda x, p, rng: rng.random(x.shape) >= p * (1 + 0.3 * np.sign(x)), "x"),
        (lambda x, p, rng: copy.deepcopy(rng).random(x.shape) >= p, "stands still"),
        (
            lambda x, p, rng: (rng.random(), np.random.default_rng(3).random(x.shape) >= p)[1],
            "seed ignored",
        ),
        (
            lambda x, p, rng: rng.permutation(x.size).reshape(x.shape) >= round(p * x.size),
            "fixed count",
        ),
        (
            lambda x, p, rng: rng.random(x.shape).argsort(axis=-1) >= round(p * x.shape[-1]),
            "counted",
        ),
    ],
)
def test_what_is_odd_about_a_mask(draw, kind):
    verdict = course_lib.judge("dropout_forward", drops(draw))
    assert verdict.finding == Finding("mask", "mask", kind), verdict.message


def test_masks_of_a_spawned_generator_are_right():
    spawned = drops(lambda x, p, rng: rng.spawn(1)[0].random(x.shape) >= p)
    assert course_lib.judge("dropout_forward", spawned).passed


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_any_split_among_ties_is_right(share):
    def max_pool_backward(dY, x, size=2):
        first = solution("max_pool_backward")(dY, x, size)
        last = solution("max_pool_backward")(
            dY[:, ::-1, ::-1], x[:, : dY.shape[1] * size, : dY.shape[2] * size][:, ::-1, ::-1], size
        )[:, ::-1, ::-1]
        dx = share * first
        dx[:, : last.shape[1], : last.shape[2]] += (1 - share) * last
        return dx

    assert course_lib.judge("max_pool_backward", max_pool_backward).passed


@pytest.mark.parametrize("more", [1.01, -1.0])
def test_a_split_that_adds_up_to_something_else_is_wrong(more):
    def max_pool_backward(dY, x, size=2):
        dx = solution("max_pool_backward")(dY, x, size)
        return np.where(x == np.round(x), more * dx, dx)

    assert course_lib.judge("max_pool_backward", max_pool_backward).status == "failed"


def test_a_buffer_that_the_next_call_overwrites_is_refused():
    buffers = {}

    def im2col(x, kernel_size, stride=1):
        cols = solution("im2col")(x, kernel_size, stride)
        kept = buffers.setdefault(cols.shape, cols)
        kept[...] = cols
        return kept

    assert course_lib.judge("im2col", im2col).finding == Finding("shared memory", "cols")

    def dropout_forward(x, p, rng):
        y, mask = solution("dropout_forward")(x, p, rng)
        kept = buffers.setdefault((x.shape, p), mask)
        kept[...] = mask
        return y, kept

    verdict = course_lib.judge("dropout_forward", dropout_forward)
    assert verdict.finding == Finding("shared memory", "mask")


def test_lists_that_are_far_too_long_are_refused():
    verdict = course_lib.judge("bias_gradient", lambda dY: [[0.0] * 3000] * 2000)
    assert verdict.finding == Finding("type", "db", "too large")


@pytest.mark.parametrize(
    ("attempt", "finding"),
    [
        (
            lambda x, size=2: solution("max_pool_forward")(x, min(size, 3)),
            ("numbers", "y", ("size", (1, 2, 3), (4,))),
        ),
        (lambda x, size=3: solution("max_pool_forward")(x, size), ("default", "y", "size")),
        (
            lambda x, size=2: (solution("max_pool_forward")(x, size), x.size)[:1],
            ("extra axis", "y", None),
        ),
        (
            lambda x, size=2: (solution("max_pool_forward")(x, size),) * 2,
            ("several", "y", None),
        ),
        (
            lambda x, size=2: solution("max_pool_forward")(x, size).squeeze(),
            ("lacks an axis", "y", None),
        ),
    ],
)
def test_right_for_some_numbers_or_in_another_wrapping(attempt, finding):
    verdict = course_lib.judge("max_pool_forward", attempt)
    assert verdict.status == "failed"
    said = verdict.finding
    wanted = Finding(*finding)
    assert (said.kind, said.variable) == (wanted.kind, wanted.variable), verdict.message
    assert wanted.data is None or said.data == wanted.data


# graphs -------------------------------------------------------------------------------------------


def value_with(**methods):
    """The reference's class, made anew, with some of its methods replaced."""
    scope = {"np": np}
    exec(find("Value").source, scope)
    for name, method in methods.items():
        setattr(scope["Value"], name, method)
    return scope["Value"]


@pytest.mark.parametrize(
    ("slopes", "words"),
    [
        (lambda x, y: (y, -x), "The size is right, the sign is not."),
        (lambda x, y: (y, 2 * x), "That is twice the right one."),
        (lambda x, y: (y, y), "That is b itself."),
        (lambda x, y: (y, 0.0), "Nothing comes back to b, though a * b depends on it."),
        (lambda x, y: (y, np.nan), "That is no finite number."),
        (lambda x, y: (y, x * y * y), "Either the local derivative of a * b is off"),
    ],
)
def test_the_first_wrong_gradient_is_named_with_its_operation(slopes, words):
    def product(self, other):
        other = other if isinstance(other, type(self)) else type(self)(other)
        x, y = self.data, other.data
        return type(self)(x * y, (self, other), slopes(x, y))

    verdict = course_lib.judge("Value", value_with(__mul__=product))
    assert verdict.finding.kind == "gradient"
    assert verdict.finding.variable == "b in a * b", verdict.message
    assert verdict.message.startswith("The gradient of b in a * b is ")
    assert words in verdict.message


def backward_then(change):
    def backward(self):
        solution("Value").backward(self)
        change(self)

    return value_with(backward=backward)


def test_the_part_that_is_there_is_named_where_a_node_is_used_twice():
    def forget(y):
        if y.data == 48 and y.parents[0].data == 6:  # c = a * b; d = c + a; y = c * d
            y.parents[0].grad = 6.0

    verdict = course_lib.judge("Value", backward_then(forget))
    assert verdict.finding == Finding("gradient", "c", "6")
    assert "That is only what comes back through d; c is used 2 times" in verdict.message


def test_what_is_multiplied_with_a_right_gradient_is_doubted_where_the_operation_is_right():
    def double(y):
        for node in y.parents:
            for parent in node.parents:
                parent.grad *= 1.5 if node.grad != 1 else 1

    verdict = course_lib.judge("Value", backward_then(double))
    assert verdict.finding.variable == "b"
    assert "a graph of + alone gets the right ones: so it is how c.grad enters" in verdict.message


def test_a_node_that_is_visited_too_early_is_named():
    def backward(self):
        self.grad, waiting = 1.0, [self]
        for node in waiting:  # the last parent first: in y = d * c, c before d
            for parent, local in zip(node.parents[::-1], node.local[::-1], strict=True):
                parent.grad += local * node.grad
                if parent not in waiting:
                    waiting.append(parent)

    verdict = course_lib.judge("Value", value_with(backward=backward))
    assert verdict.finding == Finding("gradient", "b", "16")
    assert "That is what c sends when it has got only what comes back through y" in verdict.message


def test_a_gradient_of_what_is_no_part_of_the_root():
    made = []

    def create(self, *args):
        solution("Value").__init__(self, *args)
        made.append(self)

    def backward(self):
        solution("Value").backward(self)
        for node in set(made) - set(solution("topological_order")(self)):
            node.grad = 0.5
        made.clear()

    verdict = course_lib.judge("Value", value_with(__init__=create, backward=backward))
    assert verdict.finding.kind == "gradient"
    assert "is no part of y" in verdict.message


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ("__sub__", "a - b asks for a method __sub__ that takes"),
        ("__rtruediv__", " / a asks for a method __rtruediv__ that takes"),
        ("relu", "a.relu() asks for a method relu that takes"),
    ],
)
def test_a_method_that_is_not_there_is_asked_for_by_its_name(left_out, said):
    Value = value_with()
    delattr(Value, left_out)
    verdict = course_lib.judge("Value", Value)
    assert verdict.finding.kind == "unfinished"
    assert said in verdict.message


def test_a_walk_along_every_path_is_right_and_told_what_it_costs():
    def every_path(node):
        return [n for parent in node.parents for n in every_path(parent)] + [node]

    verdict = course_lib.judge("topological_order", lambda n: list(dict.fromkeys(every_path(n))))
    assert verdict.passed
    assert "Right. But for 40 sums in a row" in verdict.message

    def backward(self, gradient=1.0):
        self.grad += gradient
        for parent, local in zip(self.parents, self.local, strict=True):
            parent.backward(local * gradient)

    verdict = course_lib.judge("Value", value_with(backward=backward))
    assert verdict.passed
    assert "your backward had not finished" in verdict.message
    assert course_lib.judge("Value", value_with()).message == "Right."


def test_the_large_case_is_judged_like_the_others():
    def short(root):
        order = solution("topological_order")(root)
        return order if len(order) != 41 else order[1:]

    assert course_lib.judge("topological_order", short).finding.kind == "missing"

    def raising(root):
        order = solution("topological_order")(root)
        if len(order) == 41:
            raise OverflowError("too long")
        return order

    assert "raised OverflowError" in course_lib.judge("topological_order", raising).message


def test_a_value_that_changes_the_number_of_an_operand():
    def exp(self):
        self.data = float(np.exp(self.data))
        return type(self)(self.data, (self,), (self.data,))

    verdict = course_lib.judge("Value", value_with(exp=exp))
    assert verdict.finding.kind == "changed"
    assert "a.exp() has changed the data of a" in verdict.message


def test_an_unfinished_value_says_which_operation_is_missing():
    class Value(solution("Value")):
        def __truediv__(self, other):
            raise NotImplementedError

    verdict = course_lib.judge("Value", Value)
    assert (verdict.status, verdict.finding) == (
        "error",
        Finding("unfinished", "a / b", ("+", "*", "-", "**", "relu", "exp", "tanh")),
    )


def test_an_exception_is_told_with_the_operation_it_came_from():
    class Value(solution("Value")):
        __radd__ = None

    verdict = course_lib.judge("Value", Value)
    assert verdict.finding.variable == "2.3 + a"
    assert "a.__radd__(2.3)" in verdict.message


@pytest.mark.parametrize("slope", [0.0, 0.4, 1.0])
def test_any_slope_of_relu_at_0_is_right_in_a_graph(slope):
    class Value(solution("Value")):
        def relu(self):
            result = super().relu()
            return result if self.data else type(result)(0.0, (self,), (slope,))

    assert course_lib.judge("Value", Value).passed


def test_nodes_that_are_no_nodes_and_orders_that_are_no_lists():
    verdict = course_lib.judge("topological_order", lambda root: [root.data])
    assert verdict.finding.kind == "type"
    assert "? is no node at all" in verdict.message
    verdict = course_lib.judge("topological_order", lambda root: {root})
    assert verdict.finding == Finding("type", "order", "set")


def test_an_order_that_takes_the_graph_apart_is_refused():
    def topological_order(root):
        order = solution("topological_order")(root)
        for node in order:
            node.parents = tuple(list(node.parents))
        return order

    verdict = course_lib.judge("topological_order", topological_order)
    assert verdict.finding == Finding("inputs changed", "parents")


def test_a_tensor_is_an_array_of_numbers():
    x = Tensor([1.0, 2.5], requires_grad=True)
    for tensor in (x, x.detach(), x * 1.0):
        np.testing.assert_array_equal(plain_array(tensor), [1.0, 2.5])
    assert plain_array(x) is not x.data


def test_slips_made_of_unknown_quantities_are_refused():
    with pytest.raises(ValueError, match=r"slip 'it is squared' of step 'y' needs \['z'\]"):

        @exercise(
            points=1,
            probes=[Call((2.0,))],
            steps=(Step("y", lambda x: x, "", {"it is squared": lambda z: z * z}),),
        )
        def squared(x):
            """x. Returns y."""
            return x


def test_a_transpose_that_raises_only_where_the_layer_is_not_square():
    verdict = course_lib.judge("input_gradient", lambda dY, W: dY @ W)
    assert verdict.misconception == "W not transposed"


def test_an_exception_is_shown_with_its_line_and_shapes():
    def weight_gradient(X, dY):
        return X @ dY @ X

    verdict = course_lib.judge("weight_gradient", weight_gradient)
    assert verdict.status == "error"
    assert verdict.finding.data == ("ValueError", "return X @ dY @ X")
    assert "X is (1, 3)" in verdict.message
    assert "return X @ dY @ X" in verdict.message


def test_a_result_that_depends_on_chance_is_called_that():
    rng = np.random.default_rng(0)
    verdict = course_lib.judge("relu_forward", lambda z: np.maximum(z, 0) + rng.normal())
    assert verdict.finding == Finding("unsteady", "a")


def test_numpy_is_put_back_after_an_attempt():
    def relu_forward(z):
        np.allclose = np.array_equal = lambda *a, **k: True
        np.abs = 5
        return 3 * z

    before = np.allclose, np.array_equal, np.abs
    assert course_lib.judge("relu_forward", relu_forward).status == "failed"
    assert (np.allclose, np.array_equal, np.abs) == before


def test_a_huge_result_is_refused_by_its_shape():
    verdict = course_lib.judge("bias_gradient", lambda dY: np.ones(10**6))
    assert verdict.finding == Finding("shape", "db", ((10**6,), (4,)))


def test_true_and_false_in_place_of_numbers():
    verdict = course_lib.judge("relu_backward", lambda dA, z: dA * z > 0)
    assert verdict.finding == Finding("type", "dz", "booleans")


def test_updated_parameters_in_place_of_gradients():
    def two_layer_backward(X, W1, b1, W2, b2, target):
        gradients = exercises.find("two_layer_backward").solution(X, W1, b1, W2, b2, target)
        return [p - 0.1 * g for p, g in zip((W1, b1, W2, b2), gradients, strict=True)]

    verdict = course_lib.judge("two_layer_backward", two_layer_backward)
    assert verdict.finding == Finding("updated", "dW2", "1/10")


def test_training_that_spoils_the_data_is_refused():
    def train_mlp(X, labels, rng):
        weights = exercises.find("train_mlp").solution(X, labels, rng)
        X[:] = 0
        return weights

    verdict = course_lib.judge("train_mlp", train_mlp)
    assert verdict.finding == Finding("inputs changed", "X")


def test_a_missing_default_is_named():
    verdict = course_lib.judge("leaky_relu_backward", lambda dA, z, slope: dA)
    assert verdict.finding.kind == "arity"
    assert "Write slope=0.01" in verdict.message


def test_wrong_number_of_parameters():
    verdict = course_lib.judge("weight_gradient", lambda X: X)
    assert (verdict.status, verdict.finding.kind) == ("error", "arity")
    assert "(X, dY)" in verdict.message


# a computation in steps ---------------------------------------------------------------------------


def forward(X, W1, b1, W2, b2):
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    return z1, a1, a1 @ W2 + b2


def test_the_first_wrong_quantity_is_named_and_what_is_right_before_it():
    def two_layer_backward(X, W1, b1, W2, b2, target):
        z1, a1, z2 = forward(X, W1, b1, W2, b2)
        dz2 = z2 - target
        dz1 = dz2 @ W2.T * (z1 <= 0)
        return X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)

    verdict = course_lib.judge("two_layer_backward", two_layer_backward)
    assert verdict.finding == Finding("step", "dz1", "the mask is upside down")
    assert verdict.message.startswith("Your dW1 and db1 are what comes out if the mask is upside")
    assert verdict.message.endswith("Already right: dW2 and db2.")


def test_two_slips_in_different_steps_are_both_named():
    def two_layer_backward(X, W1, b1, W2, b2, target):
        z1, a1, z2 = forward(X, W1, b1, W2, b2)
        dz2 = z2 - target
        dz1 = dz2 @ W2.T * (z1 > 0)
        return X.T @ dz1, dz1.sum(axis=0) / len(X), a1.T @ dz2, 2 * dz2.sum(axis=0)

    message = course_lib.judge("two_layer_backward", two_layer_backward).message
    assert "Your db2 is twice the right one. And db1 is the right one divided by N." in message


def test_a_slip_that_explains_a_part_says_that_more_may_be_wrong():
    def two_layer_backward(X, W1, b1, W2, b2, target):
        z1, a1, z2 = forward(X, W1, b1, W2, b2)
        dz2 = 3 * (z2 - target)
        return np.cos(X).T @ dz2 @ W2.T, np.exp(b1), a1.T @ dz2 / 3, dz2.sum(axis=0) * 2

    verdict = course_lib.judge("two_layer_backward", two_layer_backward)
    assert verdict.finding.variable == "db2"
    assert "Already right: dW2." in verdict.message


def test_slips_never_explain_what_is_right():
    for name in ("two_layer_backward", "mlp_backward", "cross_entropy", "relative_error"):
        assert course_lib.judge(name, exercises.find(name).solution).finding is None


@pytest.mark.parametrize(
    "exercise", [e for e in exercises.load().values() if getattr(e, "steps", ())]
)
def test_steps_give_the_reference(exercise):
    for probe in exercise.probes():
        inputs = exercise.defaults | grading.probes.inputs_of(probe, exercise)
        known = grading.steps.quantities(exercise.steps, inputs)
        right = exercise.solution(*probe.args)
        right = right if exercise.several else [right]
        for name, want in zip(exercise.outputs, right, strict=True):
            assert agrees(np.asarray(known[name]), np.asarray(want), 1e-9, 1e-12), name


def test_one_special_case_that_is_off_otherwise_does_not_hide_the_mistake():
    def cross_entropy(logits, labels):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return -np.sum(np.log(p[np.arange(len(labels)), labels]))

    verdict = course_lib.judge("cross_entropy", cross_entropy)
    assert verdict.misconception == "summed"
    assert "(With logits as large as 1000 it goes wrong, too" in verdict.message


# several right answers ----------------------------------------------------------------------------


@pytest.mark.parametrize(("at_zero", "status"), [(0, "passed"), (0.3, "passed"), (1, "passed")])
def test_any_slope_of_the_kink_is_right(at_zero, status):
    def relu_backward(dA, z):
        return dA * np.heaviside(z, at_zero)

    assert course_lib.judge("relu_backward", relu_backward).status == status


@pytest.mark.parametrize("at_zero", [-0.1, 1.1, 2, np.nan])
def test_beyond_the_slopes_of_the_kink_is_wrong(at_zero):
    verdict = course_lib.judge("relu_backward", lambda dA, z: dA * np.heaviside(z, at_zero))
    assert verdict.status == "failed"
    assert verdict.finding.data == "pre-activations that are exactly 0"


def test_a_mistake_is_named_whatever_is_taken_at_the_kink():
    verdict = course_lib.judge("relu_backward", lambda dA, z: dA * (z >= 0) / len(z))
    assert verdict.finding == Finding("factor", "dz", "1/N")


# training -----------------------------------------------------------------------------------------


def test_training_is_judged_by_what_it_reads_and_says_what_was_measured():
    def train_mlp(X, labels, rng):
        return np.zeros((784, 5)), np.zeros(5), np.zeros((5, 10)), np.zeros(10)

    verdict = course_lib.judge("train_mlp", train_mlp)
    assert verdict.misconception == "units alike"
    assert "of 2,000 unseen digits; 88% is wanted" in verdict.message
    assert verdict.example is None


def test_training_with_wrong_shapes_says_which():
    def train_mlp(X, labels, rng):
        return np.zeros((5, 784)), np.zeros(5), np.zeros((5, 10)), np.zeros(10)

    verdict = course_lib.judge("train_mlp", train_mlp)
    assert verdict.finding.kind == "shape"
    assert "(5, 784), (5,), (5, 10), (10,); (784, H)" in verdict.message


def test_processor_time_is_counted_not_waiting():
    def waits():
        time.sleep(0.35)
        return "done"

    assert run_within(0.2, waits, cpu_time=True) == "done"
    with pytest.raises(TooSlow):
        run_within(0.2, waits)


def test_processor_time_ends_as_well():
    def works():
        while True:
            pass

    start = time.monotonic()
    with pytest.raises(TooSlow):
        run_within(0.2, works, cpu_time=True)
    assert time.monotonic() - start < 20


def test_right_but_for_one_case():
    def bias_gradient(dY):
        return dY.sum(axis=0) if len(dY) > 1 else dY[0] * 0

    verdict = course_lib.judge("bias_gradient", bias_gradient)
    assert verdict.finding == Finding("edge", "db", "a batch of one sample")


def test_right_the_first_time_only():
    calls = []

    def bias_gradient(dY):
        calls.append(1)
        return dY.sum(axis=0) * (1 if len(calls) % 2 else 3)

    assert course_lib.judge("bias_gradient", bias_gradient).finding.kind == "first time only"


def test_inputs_changed():
    def bias_gradient(dY):
        total = dY.sum(axis=0)
        dY *= 0
        return total

    verdict = course_lib.judge("bias_gradient", bias_gradient)
    assert verdict.finding == Finding("inputs changed", "dY")


def test_unfinished_class_is_an_error_that_says_how_far_it_got():
    class Linear(exercises.find("Linear").solution):
        def backward(self, dY):
            raise NotImplementedError

    verdict = course_lib.judge("Linear", Linear)
    assert (verdict.status, verdict.finding.kind) == ("error", "unfinished")
    assert "Y" in verdict.message


def test_not_implemented_and_starters_are_not_attempted():
    def bias_gradient(dY):
        raise NotImplementedError("later")

    assert course_lib.judge("bias_gradient", bias_gradient).status == "not attempted"


def test_prints_are_kept_and_do_not_reach_the_screen(capsys):
    def bias_gradient(dY):
        print("looking at", dY.shape)
        return dY.sum(axis=0)

    verdict = course_lib.judge("bias_gradient", bias_gradient)
    assert verdict.passed
    assert "looking at (6, 4)" in verdict.printed
    assert capsys.readouterr().out == ""


def test_what_is_not_callable():
    verdict = course_lib.judge("bias_gradient", 3)
    assert verdict.status == "error"
    assert "int" in verdict.message


def test_unknown_exercise_suggests_a_name():
    with pytest.raises(KeyError, match="bias_gradient"):
        course_lib.judge("bias_gradent", abs)


def test_probes_are_not_changed_by_judging():
    before = [p.args[0].copy() for p in exercises.find("bias_gradient").probes()]

    def bias_gradient(dY):
        dY[:] = 7
        return dY[0]

    course_lib.judge("bias_gradient", bias_gradient)
    after = [p.args[0] for p in exercises.find("bias_gradient").probes()]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_layer_that_spoils_its_input_later_is_refused():
    class Linear(exercises.find("Linear").solution):
        def backward(self, dY):
            dX = super().backward(dY)
            self.X *= 0
            return dX

    verdict = course_lib.judge("Linear", Linear)
    assert verdict.finding == Finding("inputs changed", "X")


def test_what_is_accepted_is_not_held_against_the_layer():
    class Linear(exercises.find("Linear").solution):
        def __init__(self, in_features, out_features, rng):
            self.W = rng.uniform(size=(in_features, out_features))
            self.b = np.zeros(out_features)

        def backward(self, dY):
            dX = super().backward(dY)
            dY *= 0
            return dX

    assert course_lib.judge("Linear", Linear).finding == Finding("inputs changed", "dY")


def test_an_attribute_that_is_never_set():
    class Linear(exercises.find("Linear").solution):
        def backward(self, dY):
            return dY @ self.W.T

    verdict = course_lib.judge("Linear", Linear)
    assert verdict.finding == Finding("missing", "dW", "no attribute dW")
    assert "self.dW" in verdict.message


def test_global_state_is_put_back(capsys):
    def bias_gradient(dY):
        np.random.seed(1)  # noqa: NPY002
        sys.setrecursionlimit(5000)
        sys.stderr = None
        sys.stdout.close()
        return dY.sum(axis=0)

    before = np.random.get_state()[1].tolist(), sys.getrecursionlimit(), sys.stderr  # noqa: NPY002
    assert course_lib.judge("bias_gradient", bias_gradient).passed
    after = np.random.get_state()[1].tolist(), sys.getrecursionlimit(), sys.stderr  # noqa: NPY002
    assert after == before


def test_a_class_that_answers_questions_by_raising():
    class Meta(type):
        def __getattribute__(cls, name):
            raise SystemExit(name)

    class Linear(metaclass=Meta):
        pass

    assert course_lib.judge("Linear", Linear).status in ("failed", "error")


def test_results_far_too_large():
    verdict = course_lib.judge(
        "bias_gradient", lambda dY: np.broadcast_to(1.0, (10**6, 10**6, 10**3))
    )
    assert verdict.finding.data == "too large"
    verdict = course_lib.judge("bias_gradient", lambda dY: [10**400] * dY.shape[1])
    assert verdict.finding.data == "too large"


def test_a_line_inside_a_comprehension_is_counted_with_its_function():
    def bias_gradient(dY):
        columns = dY.T
        return [c.nope for c in columns]

    verdict = course_lib.judge("bias_gradient", bias_gradient)
    assert "in its line 3, `return [c.nope for c in columns]`" in verdict.message


# outcomes -----------------------------------------------------------------------------------------


class Liar(np.ndarray):
    def __eq__(self, other):
        return True

    def __array_function__(self, *args):
        return np.array(True)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "None"),
        ("1.5", "string"),
        (..., "ellipsis"),
        ({1.0}, "set"),
        ([[1], [2, 3]], "ragged"),
        (np.ma.masked_all(3), "masked"),
        (np.array(["1"]), "not numbers"),
        (lambda: 1, "function"),
        ([1.0, None], "None"),
        (np.array([1 + 2j]), "complex"),
        ((i for i in range(3)), "generator"),
    ],
)
def test_what_is_no_array_of_numbers(value, kind):
    odd = plain_array(value)
    assert isinstance(odd, Odd)
    assert odd.kind == kind


@pytest.mark.parametrize(
    "value",
    [
        [1, 2.5],
        (1, 2.5),
        np.array([1, 2.5]).view(Liar),
        np.array([1, 2.5], dtype=object),
        np.array([1 + 0j, 2.5]),
    ],
)
def test_what_is_an_array_of_numbers(value):
    array = plain_array(value)
    assert type(array) is np.ndarray
    np.testing.assert_array_equal(array.astype(float), [1, 2.5])


def test_tolerances():
    want = np.array([1.0, -2.0, 1e-3])
    assert agrees(want * (1 + 5e-10), want, 1e-9, 1e-12)
    assert not agrees(want * (1 + 1e-7), want, 1e-9, 1e-12)
    assert agrees((want * (1 + 5e-5)).astype(np.float32), want, 1e-9, 1e-12)
    assert not agrees((want * (1 + 5e-3)).astype(np.float32), want, 1e-9, 1e-12)
    assert agrees(np.array([np.nan, np.inf]), np.array([np.nan, np.inf]), 1e-9, 1e-12)
    assert not agrees(np.array([np.inf]), np.array([-np.inf]), 1e-9, 1e-12)
    assert not agrees(want[None], want, 1e-9, 1e-12)


# time ---------------------------------------------------------------------------------------------


@pytest.fixture
def quick():
    """An exercise with little patience, removed afterwards."""

    @exercise(points=1, probes=[Call((2.0,)), Call((3.0,))])
    def quick_exercise(x):
        """x again. Returns x."""
        return x

    quick_exercise.seconds = 0.3
    yield quick_exercise
    del grading.REGISTRY["quick_exercise"]


def test_endless_loop_is_stopped(quick):
    def endless(x):
        while True:
            x += 1

    verdict = grading.judge(quick, endless)
    assert (verdict.status, verdict.finding.kind) == ("error", "timeout")


def test_endless_loop_that_catches_exceptions_is_stopped(quick):
    def stubborn(x):
        while True:
            try:
                time.sleep(0.01)
            except Exception:  # noqa: BLE001
                continue

    assert grading.judge(quick, stubborn).finding.kind == "timeout"


def test_loop_that_swallows_everything_ends_with_restart(quick):
    release = threading.Event()

    def swallows(x):
        while not release.is_set():
            try:
                time.sleep(0.01)
            except BaseException:  # noqa: BLE001
                continue

    verdict = grading.judge(quick, swallows)
    release.set()
    assert verdict.finding == Finding("timeout", "quick_exercise", "stuck")
    assert "Restart the kernel" in verdict.message


def test_work_can_be_judged_after_one_was_stopped(quick):
    grading.judge(quick, lambda x: [0 for _ in iter(int, 1)])
    assert grading.judge(quick, lambda x: x).passed


def test_exceptions_of_the_work_arrive_with_their_cause():
    with pytest.raises(Escaped) as escaped:
        run_within(1, lambda: 1 / 0)
    assert isinstance(escaped.value.cause, ZeroDivisionError)


def test_interrupt_of_the_caller_comes_through():
    def work():
        while True:
            time.sleep(0.01)

    caller = threading.main_thread()
    if threading.current_thread() is not caller:
        pytest.fail("this test must run in the main thread")
    import _thread

    threading.Timer(0.2, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        run_within(3, work)


def test_too_slow_raises():
    with pytest.raises(TooSlow):
        run_within(0.1, lambda: time.sleep(0.25))


# exercises and their definition -------------------------------------------------------------------


def test_two_exercises_of_one_name_are_refused(quick):
    other = grading.exercise(points=1, probes=[(1.0,)])

    def quick_exercise(x):
        return x

    quick_exercise.__module__ = "somewhere_else"
    with pytest.raises(ValueError, match="two exercises are called 'quick_exercise'"):
        other(quick_exercise)


def test_points_out_of_range_are_refused():
    with pytest.raises(ValueError, match="1 to 5 points"):
        exercise(points=9, probes=[])


def test_misconception_with_one_sentence_is_preceded_by_what_differs(quick):
    quick.misconception("half", "A half is not the whole.")(lambda x: x / 2)
    verdict = grading.judge(quick, lambda x: x * 0.5)
    assert verdict.misconception == "half"
    assert verdict.message.startswith("Your quick_exercise has the right shape but other values.")


def test_plain_tuples_are_probes(quick):
    quick._probes = [(1.0,), (2.0,)]
    assert [p.args for p in quick.probes()] == [(1.0,), (2.0,)]
