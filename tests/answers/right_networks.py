"""Right answers to the exercises on networks, in odd but legitimate styles.

They are registered in the table of `right`, and hold for all valid inputs, which they leave alone.
"""

import decimal
import functools
import itertools
import math
import operator
from collections import namedtuple
from dataclasses import dataclass, field
from functools import partial, reduce

import numpy as np

from .right import RIGHT, right

# ------------------------------------------------------------------------------ relu_forward

RIGHT["relu_forward"] = [
    lambda pre: np.maximum(0, pre),
    partial(np.maximum, 0.0),
    lambda pre: np.clip(pre, 0, None),
    lambda pre: (pre + abs(pre)) / 2,
]


@right("relu_forward")
def relu_subtracts_negative_part(values):
    """z = max(z, 0) + min(z, 0)."""
    return values - np.minimum(values, 0)


@right("relu_forward")
def relu_heaviside(values):
    """A step function times its argument (gives negative zeros)."""
    return values * np.heaviside(values, 0.5)


@right("relu_forward")
def relu_masked_copy(values):
    """Assigns zero through a mask, on a copy."""
    result = np.array(values)
    result[result < 0] = 0
    return result


@right("relu_forward")
def relu_piecewise(values):
    """np.piecewise with a function and a constant."""
    return np.piecewise(values, [values > 0], [lambda v: v, 0.0])


@right("relu_forward")
def relu_every_index(values):
    """One entry at a time, for any number of axes."""
    result = np.zeros(values.shape)
    for place in np.ndindex(*values.shape):
        if values[place] > 0:
            result[place] = values[place]
    return result


@right("relu_forward")
def relu_nested_lists(values):
    """Recursion over the axes; returns nested lists."""
    if np.ndim(values) == 0:
        return max(float(values), 0.0)
    return [relu_nested_lists(part) for part in values]


@right("relu_forward")
def relu_selects(values):
    """np.select with a condition for either sign."""
    return np.select([values < 0, values >= 0], [0.0, values])


@right("relu_forward")
def relu_fortran_order(values):
    """The result is stored column by column."""
    return np.array(np.fmax(values, 0), order="F")


class CachingRelu:
    """A layer object which remembers its mask."""

    def __call__(self, values):
        self.mask = values > 0
        return np.where(self.mask, values, 0)


RIGHT["relu_forward"].append(CachingRelu())


# ----------------------------------------------------------------------------- relu_backward

RIGHT["relu_backward"] = [
    lambda upstream, pre: upstream * (pre > 0),
    lambda upstream, pre: np.where(pre < 0, 0, upstream),
    lambda upstream, pre: upstream * np.heaviside(pre, 0.5),
    lambda upstream, pre: (upstream * (pre > 0)).astype(np.float32),
]


@right("relu_backward")
def relu_back_half_signs(g, s):
    """(1 + sign) / 2 is 1/2 at the kink."""
    return g * (1 + np.sign(s)) / 2


@right("relu_backward")
def relu_back_masked_copy(g, s):
    """Zeroes a copy of the upstream."""
    result = g.copy()
    result[~(s > 0)] = 0
    return result


@right("relu_backward")
def relu_back_copyto(g, s):
    """np.copyto with a mask, 1 at the kink."""
    result = np.zeros_like(g)
    np.copyto(result, g, where=s >= 0)
    return result


@right("relu_backward")
def relu_back_full_jacobian(g, s):
    """Upstream times the diagonal Jacobian of the flattened map."""
    jacobian = np.diag((s.ravel() > 0).astype(float))
    return (g.ravel() @ jacobian).reshape(s.shape)


@right("relu_backward")
def relu_back_einsum(g, s):
    """Elementwise product by einsum."""
    return np.einsum("...,...->...", g, (s > 0).astype(g.dtype))


@right("relu_backward")
def relu_back_zipped_lists(g, s):
    """Recursion over the axes; returns nested lists."""
    if np.ndim(s) == 0:
        return float(g) if s > 0 else 0.0
    return [relu_back_zipped_lists(*pair) for pair in zip(g, s, strict=True)]


@right("relu_backward")
def relu_back_from_output(g, s):
    """The mask is read off the output rather than the input."""
    return np.multiply(g, np.maximum(s, 0) != 0)


@right("relu_backward")
def relu_back_ratio(g, s):
    """relu(z) / z with a guarded divisor."""
    return g * (np.maximum(s, 0) / np.where(s == 0, 1.0, s))


@right("relu_backward")
def relu_back_complex_step(g, s):
    """A complex step through the branch that is active."""
    step = 1e-30
    moved = s + 1j * step
    return g * np.where(s > 0, moved, 0).imag / step


@dataclass
class ReluLayer:
    """Forward, then backward, of a layer with state."""

    kept: list = field(default_factory=list)

    def __call__(self, upstream, pre):
        self.kept = [pre > 0]
        return np.select(self.kept, [upstream])


RIGHT["relu_backward"].append(ReluLayer())


# ----------------------------------------------------------------------- leaky_relu_backward

RIGHT["leaky_relu_backward"] = [
    lambda upstream, pre, slope=0.01: np.where(pre > 0, upstream, slope * upstream),
    lambda upstream, pre, slope=0.01: upstream * np.where(pre < 0, slope, 1),
    lambda g, s, slope=0.01: (slope + (1 - slope) * np.heaviside(s, 0.5)) * g,
    lambda g, s, slope=1e-2: slope * g + (1 - slope) * g * (s >= 0),
]


@right("leaky_relu_backward")
def leaky_masked_copy(g, s, slope=0.01):
    """Scales a copy where z is negative."""
    result = g.copy()
    result[s <= 0] *= slope
    return result


@right("leaky_relu_backward")
def leaky_multiplies_where(g, s, slope=0.01):
    """A masked ufunc."""
    result = np.array(g, dtype=float)
    np.multiply(result, slope, out=result, where=s < 0)
    return result


@right("leaky_relu_backward")
def leaky_two_relus(g, s, slope=0.01):
    """leaky(z) = relu(z) - slope relu(-z)."""
    positive, negative = g * (s > 0), -g * (-s >= 0)
    return positive - slope * negative


@right("leaky_relu_backward")
def leaky_powers(g, s, slope=0.01):
    """slope to the power 0 or 1."""
    return g * np.power(slope, (s <= 0).astype(int))


@right("leaky_relu_backward")
def leaky_chooses(g, s, slope=0.01):
    """Looks the factor up in a table."""
    return g * np.array([slope, 1.0])[(s > 0).astype(int)]


@right("leaky_relu_backward")
def leaky_every_entry(g, s, slope=0.01):
    """A loop over both arrays."""
    products = [a if b > 0 else slope * a for a, b in zip(g.flat, s.flat, strict=True)]
    return np.array(products).reshape(g.shape)


@right("leaky_relu_backward")
def leaky_extrapolates_signs(g, s, slope=0.01):
    """Mean of both slopes plus half their difference, by the sign."""
    return g * ((1 + slope) / 2 + np.sign(s) * (1 - slope) / 2)


class LeakyRelu:
    """A callable with the usual slope."""

    def __call__(self, upstream, pre, slope=0.01):
        return np.piecewise(pre, [pre > 0], [1.0, slope]) * upstream


RIGHT["leaky_relu_backward"].append(LeakyRelu())


# ------------------------------------------------------------------------ two_layer_backward


@right("two_layer_backward")
def regression_plain(inputs, V, c, U, d, wanted):
    """The usual four products."""
    s = inputs @ V + c
    h = np.maximum(s, 0)
    delta = h @ U + d - wanted
    below = delta @ U.T * (s > 0)
    return inputs.T @ below, below.sum(axis=0), h.T @ delta, delta.sum(axis=0)


@right("two_layer_backward")
def regression_einsum(x, W1, b1, W2, b2, t):
    """Every contraction by its indices; returns a list."""
    z = np.einsum("nd,dh->nh", x, W1) + b1
    gate = (z > 0).astype(float)
    a = np.einsum("nh,nh->nh", z, gate)
    e = np.einsum("nh,hm->nm", a, W2) + b2 - t
    g = np.einsum("nm,hm,nh->nh", e, W2, gate)
    return [
        np.einsum("nd,nh->dh", x, g),
        np.einsum("nh->h", g),
        np.einsum("nh,nm->hm", a, e),
        np.einsum("nm->m", e),
    ]


@right("two_layer_backward")
def regression_sums_outer_products(x, W1, b1, W2, b2, t):
    """One sample at a time, outer products added up."""
    total = [np.zeros(np.shape(p)) for p in (W1, b1, W2, b2)]
    for row, wanted in zip(x, t, strict=True):
        z = W1.T @ row + b1
        a = np.where(z > 0, z, 0.0)
        e = W2.T @ a + b2 - wanted
        g = np.diag((z > 0).astype(float)) @ (W2 @ e)
        for sum_, term in zip(total, (np.outer(row, g), g, np.outer(a, e), e), strict=True):
            sum_ += term
    return tuple(total)


@right("two_layer_backward")
def regression_augmented_bias(x, W1, b1, W2, b2, t):
    """The biases are last rows of the weights; a column of ones joins the inputs."""
    first, second = np.vstack([W1, b1]), np.vstack([W2, b2])
    ones = np.ones((len(x), 1))
    x1 = np.hstack([x, ones])
    z = x1 @ first
    a1 = np.hstack([np.maximum(z, 0), ones])
    e = a1 @ second - t
    dz = (e @ second.T)[:, :-1] * (z > 0)
    d1, d2 = x1.T @ dz, a1.T @ e
    return d1[:-1], d1[-1], d2[:-1], d2[-1]


@right("two_layer_backward")
def regression_scalar_loops(x, W1, b1, W2, b2, t):
    """Plain Python numbers and nested loops; returns nested lists."""
    (n, d), (h, m) = x.shape, W2.shape
    dW1, db1 = [[0.0] * h for _ in range(d)], [0.0] * h
    dW2, db2 = [[0.0] * m for _ in range(h)], [0.0] * m
    for i in range(n):
        z = [sum(x[i, k] * W1[k, j] for k in range(d)) + b1[j] for j in range(h)]
        a = [max(v, 0.0) for v in z]
        e = [sum(a[j] * W2[j, k] for j in range(h)) + b2[k] - t[i, k] for k in range(m)]
        for k in range(m):
            db2[k] += e[k]
        for j in range(h):
            for k in range(m):
                dW2[j][k] += a[j] * e[k]
            if z[j] <= 0:
                continue
            g = sum(e[k] * W2[j, k] for k in range(m))
            db1[j] += g
            for k in range(d):
                dW1[k][j] += x[i, k] * g
    return dW1, db1, dW2, db2


@right("two_layer_backward")
def regression_tape(x, W1, b1, W2, b2, t):
    """Closures are stacked on the way forward and popped on the way back."""
    tape, grads = [], {}

    def linear(name, inputs, W, b):
        def back(g):
            grads["W" + name], grads["b" + name] = inputs.T @ g, np.ones(len(g)) @ g
            return g @ W.T

        tape.append(back)
        return inputs @ W + b

    def rectify(z):
        tape.append(lambda g: np.where(z > 0, g, 0))
        return np.where(z > 0, z, 0)

    g = linear("2", rectify(linear("1", x, W1, b1)), W2, b2) - t
    while tape:
        g = tape.pop()(g)
    return grads["W1"], grads["b1"], grads["W2"], grads["b2"]


@right("two_layer_backward")
def regression_complex_step(*arguments):
    """Forward mode: a tiny imaginary step in each parameter, with the loss's own formula."""
    x, *params, t = arguments
    step, grads = 1e-30, []

    def loss(W1, b1, W2, b2):
        z = x @ W1 + b1
        out = np.where(z.real > 0, z, 0) @ W2 + b2 - t
        return (out * out).sum() / 2

    for which, p in enumerate(params):
        grad = np.empty(p.shape)
        for place in np.ndindex(*p.shape):
            moved = [q.astype(complex) for q in params]
            moved[which][place] += 1j * step
            grad[place] = loss(*moved).imag / step
        grads.append(grad)
    return tuple(grads)


Gradients = namedtuple("Gradients", "W1 b1 W2 b2")


@right("two_layer_backward")
def regression_column_vectors(x, W1, b1, W2, b2, t):
    """Works with samples as columns, and returns a named tuple."""
    x, t = x.T, t.T
    z = W1.T @ x + b1[:, None]
    a = np.clip(z, 0, None)
    e = W2.T @ a + b2[:, None] - t
    g = (W2 @ e) * np.heaviside(z, 0)
    return Gradients((g @ x.T).T, g.sum(axis=1), (e @ a.T).T, e.sum(axis=1))


@right("two_layer_backward")
def regression_single_precision_result(x, W1, b1, W2, b2, t):
    """Calculates in double precision and stores in single."""
    return tuple(g.astype(np.float32) for g in regression_plain(x, W1, b1, W2, b2, t))


@right("two_layer_backward")
def regression_normal_equations(x, W1, b1, W2, b2, t):
    """Works from the Gram matrix of the activations: a'(a U + d - t) multiplied out."""
    z = x @ W1 + b1
    a = z * (z > 0)
    e = np.stack([row @ W2 + b2 - wanted for row, wanted in zip(a, t, strict=True)])
    dW2 = (a.T @ a) @ W2 + np.outer(a.sum(axis=0), b2) - a.T @ t
    g = np.tensordot(e, W2, axes=(1, 1)) * (z > 0)
    return np.tensordot(x, g, axes=(0, 0)), np.add.reduce(g), dW2, np.add.reduce(e)


# -------------------------------------------------------------------------------- dead_units

RIGHT["dead_units"] = [
    lambda pre: np.all(pre <= 0, axis=0),
    lambda pre: ~(pre > 0).any(axis=0),
    lambda pre: pre.max(axis=0) <= 0,
    lambda pre: np.count_nonzero(pre > 0, axis=0) == 0,
]


@right("dead_units")
def dead_list(pre):
    """A list of Python booleans."""
    return [all(v <= 0 for v in column) for column in zip(*pre.tolist(), strict=True)]


@right("dead_units")
def dead_folds_rows(pre):
    """Reduces row by row with a logical and."""
    return reduce(np.logical_and, [row <= 0 for row in pre])


@right("dead_units")
def dead_relu_output(pre):
    """A dead unit outputs zero only."""
    return np.logical_not(np.maximum(pre, 0).any(axis=0))


@right("dead_units")
def dead_strikes_off(pre):
    """All are dead until seen alive."""
    dead = np.ones(pre.shape[1], dtype=bool)
    dead[np.nonzero(pre > 0)[1]] = False
    return dead


@right("dead_units")
def dead_set_difference(pre):
    """Membership in the set of units ever active."""
    alive = {int(j) for _, j in np.argwhere(pre > 0)}
    return np.array([j not in alive for j in range(pre.shape[1])])


@right("dead_units")
def dead_last_of_sorted(pre):
    """The last entry of a sorted copy of each column."""
    return np.sort(pre, axis=0)[-1] <= 0


@right("dead_units")
def dead_one_sample_or_split(pre):
    """Recursion: dead in both halves of the batch."""
    if len(pre) == 1:
        return pre[0] <= 0
    half = len(pre) // 2
    return dead_one_sample_or_split(pre[:half]) & dead_one_sample_or_split(pre[half:])


# ----------------------------------------------------------------------------------- softmax


@right("softmax")
def softmax_shifts_by_max(scores):
    """The usual shift by the row's maximum."""
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@right("softmax")
def softmax_logaddexp(scores):
    """Exponential of the log-probabilities by a pairwise reduction."""
    return np.exp(scores - np.logaddexp.reduce(scores, axis=1)[:, None])


@right("softmax")
def softmax_pairwise(scores):
    """1 / sum_j exp(z_j - z_i), where an overflow means zero."""
    with np.errstate(over="ignore"):
        return 1 / np.exp(scores[:, None, :] - scores[:, :, None]).sum(axis=2)


@right("softmax")
def softmax_math_loops(scores):
    """Rows of Python floats with an exact sum; returns lists."""
    rows = []
    for row in scores.tolist():
        e = [math.exp(v - max(row)) for v in row]
        rows.append([v / math.fsum(e) for v in e])
    return rows


@right("softmax")
def softmax_along_axis(scores):
    """np.apply_along_axis with a function of one row."""

    def of_one(row):
        e = np.exp(row - np.max(row))
        return e / e.sum()

    return np.apply_along_axis(of_one, 1, scores)


@right("softmax")
def softmax_online(scores):
    """One pass over the classes with a running maximum and a rescaled running sum."""
    top, total = scores[:, 0].copy(), np.ones(len(scores))
    for column in scores.T[1:]:
        higher = np.maximum(top, column)
        total = total * np.exp(top - higher) + np.exp(column - higher)
        top = higher
    return np.exp(scores - top[:, None]) / total[:, None]


@right("softmax")
def softmax_decimals(scores):
    """Decimal arithmetic needs no shift."""
    with decimal.localcontext() as context:
        context.prec = 30
        rows = [[decimal.Decimal(v).exp() for v in row] for row in scores.tolist()]
        return np.array([[float(e / sum(row)) for e in row] for row in rows])


@right("softmax")
def softmax_splits_last(scores):
    """Recursion: the last class takes a share p, the others share the rest."""
    if scores.shape[1] == 1:
        return np.ones_like(scores)
    others = np.logaddexp.reduce(scores[:, :-1], axis=1)
    last = np.exp(-np.logaddexp(0, others - scores[:, -1]))[:, None]
    rest = np.exp(-np.logaddexp(0, scores[:, -1] - others))[:, None]
    return np.hstack([softmax_splits_last(scores[:, :-1]) * rest, last])


@right("softmax")
def softmax_halved_twice(scores):
    """softmax(z) from the square of exp(z / 2)."""
    root = np.exp((scores - np.max(scores, axis=-1)[..., np.newaxis]) / 2)
    return root**2 / np.einsum("nc,nc->n", root, root)[:, None]


@right("softmax")
def softmax_single_precision_result(scores):
    """Calculates in double precision and stores in single."""
    return softmax_shifts_by_max(scores).astype(np.float32)


@right("softmax")
def softmax_transposed(scores):
    """Works on columns, so that no keepdims is needed; the result is a transposed view."""
    e = np.exp(scores.T - scores.max(axis=1))
    return (e / e.sum(axis=0)).T


# ----------------------------------------------------------------------------- cross_entropy


def log_probabilities(scores):
    """Log-softmax by rows."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@right("cross_entropy")
def entropy_logaddexp(scores, digits):
    """log-sum-exp minus the label's logit."""
    return np.mean(np.logaddexp.reduce(scores, axis=1) - scores[np.arange(len(digits)), digits])


@right("cross_entropy")
def entropy_one_hot(scores, digits):
    """Inner product with rows of the identity."""
    return -np.vdot(np.eye(scores.shape[1])[digits], log_probabilities(scores)) / len(scores)


@right("cross_entropy")
def entropy_every_pair(scores, digits):
    """The diagonal of the table (sample, label of sample)."""
    return float(-np.trace(log_probabilities(scores)[:, digits]) / len(digits))


@right("cross_entropy")
def entropy_takes_along_axis(scores, digits):
    """np.take_along_axis keeps both axes."""
    return -np.take_along_axis(log_probabilities(scores), digits[:, None], axis=1).mean()


@right("cross_entropy")
def entropy_math_loops(scores, digits):
    """Plain Python with exact sums."""
    losses = []
    for row, digit in zip(scores.tolist(), digits.tolist(), strict=True):
        top = max(row)
        losses.append(top - row[digit] + math.log(math.fsum(math.exp(v - top) for v in row)))
    return math.fsum(losses) / len(losses)


@right("cross_entropy")
def entropy_softplus_of_rivals(scores, digits):
    """log(1 + exp(lead of the rivals)), where the rivals are all other classes."""
    own = scores[np.arange(len(scores)), digits]
    rivals = np.where(np.arange(scores.shape[1]) == digits[:, None], -np.inf, scores)
    return float(np.logaddexp(0, np.logaddexp.reduce(rivals, axis=1) - own).mean())


@right("cross_entropy")
def entropy_running_mean(scores, digits):
    """Updates a mean sample by sample."""
    mean = 0.0
    for count, (row, digit) in enumerate(zip(scores, digits, strict=True), start=1):
        margins = row - row[digit]
        top = margins.max()
        mean += (top + np.log(np.exp(margins - top).sum()) - mean) / count
    return mean


@right("cross_entropy")
def entropy_boolean_mask(scores, digits):
    """The label's entries by a boolean table; sum of a fold over classes."""
    own = np.equal.outer(digits, range(scores.shape[1]))
    total = functools.reduce(np.logaddexp, scores.T)
    return (total - scores[own]).sum() / scores.shape[0]


@right("cross_entropy")
def entropy_weighted_dot(scores, digits):
    """Equal weights 1/N in a dot product."""
    n = len(scores)
    losses = -log_probabilities(scores).ravel()[np.arange(n) * scores.shape[1] + digits]
    return losses @ np.full(n, 1 / n)


@right("cross_entropy")
def entropy_class_by_class(scores, digits):
    """Groups the samples by label; the result is an array without axes."""
    logs = log_probabilities(scores)
    sums = [logs[digits == c, c].sum() for c in range(scores.shape[1])]
    return np.array(-sum(sums) / len(scores))


# ----------------------------------------------------------- softmax_cross_entropy_backward


@right("softmax_cross_entropy_backward")
def fused_plain(scores, digits):
    """Probabilities minus one at the label, over N."""
    d = softmax_shifts_by_max(scores)
    d[np.arange(len(d)), digits] -= 1
    return d / len(d)


@right("softmax_cross_entropy_backward")
def fused_identity_rows(scores, digits):
    """One-hot rows of the identity."""
    return (np.exp(log_probabilities(scores)) - np.eye(scores.shape[1])[digits]) / digits.size


@right("softmax_cross_entropy_backward")
def fused_jacobian_rows(scores, digits):
    """The label's row of the Jacobian of log-softmax, for each sample."""
    n, c = scores.shape
    rows = []
    for p, digit in zip(softmax_shifts_by_max(scores), digits, strict=True):
        jacobian = np.eye(c) - np.outer(np.ones(c), p)
        rows.append(-jacobian[digit] / n)
    return np.array(rows)


@right("softmax_cross_entropy_backward")
def fused_jacobian_of_probabilities(scores, digits):
    """The softmax Jacobian's column p_y (1[j = y] - p_j), with its 1 / p_y cancelled by hand."""
    p = softmax_shifts_by_max(scores)
    same = np.arange(scores.shape[1]) == digits[:, np.newaxis]
    return np.where(same, p - 1, p) / len(p)


@right("softmax_cross_entropy_backward")
def fused_subtracts_at(scores, digits):
    """np.subtract.at on a scaled table."""
    n = len(scores)
    d = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)) / n
    np.subtract.at(d, (range(n), digits), 1 / n)
    return d


@right("softmax_cross_entropy_backward")
def fused_lists(scores, digits):
    """Plain Python; returns nested lists."""
    n = len(digits)
    return [
        [(p - (j == digit)) / n for j, p in enumerate(row)]
        for row, digit in zip(softmax_math_loops(scores), digits, strict=True)
    ]


@right("softmax_cross_entropy_backward")
def fused_complex_step(scores, digits):
    """A tiny imaginary step in each logit of the stable loss."""
    step, (n, c) = 1e-30, scores.shape
    d = np.zeros((n, c))
    for i, j in itertools.product(range(n), range(c)):
        row = scores[i] - scores[i].max() + 0j
        row[j] += 1j * step
        d[i, j] = (np.log(np.exp(row).sum()) - row[digits[i]]).imag / step / n
    return d


@right("softmax_cross_entropy_backward")
def fused_label_as_minus_rivals(scores, digits):
    """Rows add up to zero, so the label's entry is minus the sum of the others."""
    own = np.eye(scores.shape[1], dtype=bool)[digits]
    d = np.where(own, 0, softmax_shifts_by_max(scores))
    d[own] = -d.sum(axis=1)
    return np.true_divide(d, len(d))


@right("softmax_cross_entropy_backward")
def fused_weights_by_einsum(scores, digits):
    """The upstream 1/N of each sample enters by einsum."""
    n = len(scores)
    wanted = np.zeros_like(scores)
    wanted[np.arange(n), digits] = 1
    return -np.einsum("n,nc->nc", np.full(n, 1 / n), wanted - softmax_online(scores))


@right("softmax_cross_entropy_backward")
def fused_single_precision_result(scores, digits):
    """Calculates in double precision and stores in single."""
    return fused_plain(scores, digits).astype(np.float32)


# ------------------------------------------------------------------------------ mlp_backward


@right("mlp_backward")
def network_plain(inputs, digits, V, c, U, d):
    """The usual steps."""
    s = inputs @ V + c
    h = np.maximum(s, 0)
    scores = h @ U + d
    g = fused_plain(scores, digits)
    below = g @ U.T * (s > 0)
    loss = entropy_logaddexp(scores, digits)
    return loss, inputs.T @ below, below.sum(axis=0), h.T @ g, g.sum(axis=0)


@right("mlp_backward")
def network_one_sample_at_a_time(x, y, W1, b1, W2, b2):
    """Adds up outer products and divides by N at the very end; returns a list."""
    loss, total = 0.0, [np.zeros(np.shape(p)) for p in (W1, b1, W2, b2)]
    for row, digit in zip(x, y, strict=True):
        z = row @ W1 + b1
        a = z.clip(min=0)
        scores = a @ W2 + b2
        logs = scores - np.logaddexp.reduce(scores)
        e = np.exp(logs)
        e[digit] -= 1
        g = np.where(z > 0, W2 @ e, 0)
        loss -= logs[digit]
        for sum_, term in zip(total, (np.outer(row, g), g, np.outer(a, e), e), strict=True):
            sum_ += term
    return [quantity / len(x) for quantity in (loss, *total)]


@right("mlp_backward")
def network_weighted_activations(x, y, W1, b1, W2, b2):
    """The 1/N goes to the activations instead of the upstream."""
    n = len(x)
    z = x @ W1 + b1
    a = np.where(z > 0, z, 0)
    logs = log_probabilities(a @ W2 + b2)
    e = np.exp(logs) - np.eye(logs.shape[1])[y]
    g = (e @ W2.T) * (z > 0)
    loss = float(-logs[np.arange(n), y].mean())
    return loss, (x / n).T @ g, g.mean(axis=0), (a / n).T @ e, e.mean(axis=0)


@right("mlp_backward")
def network_augmented_bias(x, y, W1, b1, W2, b2):
    """The biases are first rows of the weights."""
    ones = np.ones((len(x), 1))
    first, second = np.vstack([b1, W1]), np.vstack([b2, W2])
    x1 = np.hstack([ones, x])
    z = x1 @ first
    a1 = np.hstack([ones, np.maximum(z, 0)])
    scores = a1 @ second
    g = fused_identity_rows(scores, y)
    d2 = a1.T @ g
    d1 = x1.T @ ((g @ W2.T) * np.sign(a1[:, 1:]))
    return entropy_one_hot(scores, y), d1[1:], d1[0], d2[1:], d2[0]


@right("mlp_backward")
def network_recursive(x, y, *params):
    """Recursion down the layers; each level returns its input's gradient and those below."""

    def level(inputs, layers):
        (W, b), *rest = layers
        z = inputs @ W + b
        if not rest:
            loss, d, grads = entropy_softplus_of_rivals(z, y), fused_subtracts_at(z, y), ()
        else:
            loss, d, grads = level(np.fmax(z, 0), rest)
            d = d * (z > 0)
        return loss, d @ W.T, (inputs.T @ d, d.sum(axis=0), *grads)

    loss, _, grads = level(x, list(zip(params[::2], params[1::2], strict=True)))
    return (loss, *grads)


@right("mlp_backward")
def network_einsum(x, y, W1, b1, W2, b2):
    """Every contraction by its indices."""
    gate = np.heaviside(np.einsum("nd,dh->nh", x, W1) + b1, 0)
    a = gate * (np.einsum("nd,dh->nh", x, W1) + b1)
    scores = np.einsum("nh,hc->nc", a, W2) + b2
    e = fused_weights_by_einsum(scores, y)
    return (
        entropy_every_pair(scores, y),
        np.einsum("nc,hc,nh,nd->dh", e, W2, gate, x),
        np.einsum("nc,hc,nh->h", e, W2, gate),
        np.einsum("nh,nc->hc", a, e),
        np.einsum("nc->c", e),
    )


@right("mlp_backward")
def network_complex_step(x, y, *params):
    """A tiny imaginary step in each parameter."""
    step, rows, grads = 1e-30, np.arange(len(x)), []

    def loss(W1, b1, W2, b2):
        z = x @ W1 + b1
        scores = np.where(z.real > 0, z, 0) @ W2 + b2
        shifted = scores - scores.real.max(axis=1, keepdims=True)
        return (np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, y]).mean()

    for which, p in enumerate(params):
        grad = np.empty(p.shape)
        for place in np.ndindex(*p.shape):
            moved = [q.astype(complex) for q in params]
            moved[which][place] += 1j * step
            grad[place] = loss(*moved).imag / step
        grads.append(grad)
    return (loss(*params), *grads)


class Block:
    """A linear layer, with an optional ReLU, which keeps its gradients."""

    def __init__(self, W, b, active):
        self.W, self.b, self.active = W, b, active

    def forward(self, inputs):
        self.inputs = inputs
        self.pre = inputs @ self.W + self.b
        return np.maximum(self.pre, 0) if self.active else self.pre

    def backward(self, upstream):
        if self.active:
            upstream = upstream * (self.pre > 0)
        self.grads = self.inputs.T @ upstream, upstream.sum(axis=0)
        return upstream @ self.W.T


class Network:
    """Blocks in order; a call gives the loss and all gradients."""

    def __call__(self, x, y, W1, b1, W2, b2):
        blocks = [Block(W1, b1, True), Block(W2, b2, False)]
        scores = reduce(lambda inputs, block: block.forward(inputs), blocks, x)
        reduce(
            lambda upstream, block: block.backward(upstream), blocks[::-1], fused_plain(scores, y)
        )
        return entropy_takes_along_axis(scores, y), *blocks[0].grads, *blocks[1].grads


RIGHT["mlp_backward"].append(Network())


# ---------------------------------------------------------------------------- relative_error

RIGHT["relative_error"] = [
    lambda p, q: np.max(abs(p - q) / np.maximum(np.maximum(abs(p), abs(q)), 1e-12)),
    lambda p, q: float((abs(p - q) / np.clip(np.fmax(abs(p), abs(q)), 1e-12, None)).max()),
]


@right("relative_error")
def error_python_loop(p, q):
    """A running maximum over pairs of floats."""
    worst = 0.0
    for u, v in zip(np.ravel(p).tolist(), np.ravel(q).tolist(), strict=True):
        worst = max(worst, abs(u - v) / max(abs(u), abs(v), 1e-12))
    return worst


@right("relative_error")
def error_stacked(p, q):
    """The maximum of three stacked tables."""
    scale = np.stack([np.abs(p), np.abs(q), np.full(np.shape(p), 1e-12)]).max(axis=0)
    return np.amax(np.divide(np.abs(np.subtract(p, q)), scale))


@right("relative_error")
def error_nditer(p, q):
    """A generator over np.nditer."""
    return max(
        abs(float(u - v)) / max(abs(float(u)), abs(float(v)), 1e-12) for u, v in np.nditer([p, q])
    )


@right("relative_error")
def error_last_of_sorted(p, q):
    """The last of the sorted errors."""
    p, q = np.ravel(p), np.ravel(q)
    scale = reduce(np.maximum, (p, -p, q, -q, 1e-12))
    return np.sort(np.sqrt(np.square((p - q) / scale)))[-1]


@right("relative_error")
def error_recursion(p, q):
    """The worst of the parts along the first axis."""
    if np.ndim(p) == 0:
        return operator.truediv(abs(p - q), max(abs(p), abs(q), 1e-12))
    return max(map(error_recursion, p, q))


@right("relative_error")
def error_norms(p, q):
    """Maximum norm of the ratio; the scale by masked assignment."""
    p, q = p.reshape(-1), q.reshape(-1)
    scale = np.abs(p)
    larger = np.abs(q) > scale
    scale[larger] = np.abs(q)[larger]
    scale[scale < 1e-12] = 1e-12
    return np.linalg.norm((p - q) / scale, ord=np.inf)


@right("relative_error")
def error_where(p, q):
    """np.where twice."""
    p_size, q_size = np.where(p < 0, -p, p), np.absolute(q)
    scale = np.where(p_size > q_size, p_size, q_size)
    return (np.absolute(q - p) / np.where(scale > 1e-12, scale, 1e-12)).max().item()


# --------------------------------------------------------------------------------- train_mlp


def he_start(rng, hidden, dtype=float):
    """Random weights with variance 2 / fan-in, and zero biases."""
    W1 = rng.normal(0, np.sqrt(2 / 784), (784, hidden))
    W2 = rng.normal(0, np.sqrt(2 / hidden), (hidden, 10))
    return [p.astype(dtype) for p in (W1, np.zeros(hidden), W2, np.zeros(10))]


def slopes(params, x, y, upstream=None):
    """Gradients of the mean cross-entropy (or of a loss with the given upstream)."""
    W1, b1, W2, b2 = params
    a = np.maximum(x @ W1 + b1, 0)
    g = (upstream or fused_plain)(a @ W2 + b2, y)
    below = g @ W2.T * (a > 0)
    return x.T @ below, below.sum(axis=0), a.T @ g, g.sum(axis=0)


def shuffled_batches(rng, n, size, epochs):
    """Indices of mini-batches, in a new order each epoch."""
    for _ in range(epochs):
        order = rng.permutation(n)
        yield from (order[start : start + size] for start in range(0, n, size))


@right("train_mlp")
def train_momentum(images, digits, rng):
    """Mini-batches with momentum."""
    params = he_start(rng, 48)
    speeds = [np.zeros_like(p) for p in params]
    for batch in shuffled_batches(rng, len(images), 64, 8):
        for p, v, g in zip(
            params, speeds, slopes(params, images[batch], digits[batch]), strict=True
        ):
            v *= 0.9
            v -= 0.05 * g
            p += v
    return tuple(params)


@right("train_mlp")
def train_adam_single_precision(images, digits, rng):
    """Adam in float32."""
    images, params = images.astype(np.float32), he_start(rng, 64, np.float32)
    first, second = ([np.zeros_like(p) for p in params] for _ in range(2))
    for t, batch in enumerate(shuffled_batches(rng, len(images), 100, 8), start=1):
        for k, g in enumerate(slopes(params, images[batch], digits[batch])):
            first[k] = 0.9 * first[k] + 0.1 * g
            second[k] = 0.999 * second[k] + 0.001 * g * g
            step = (first[k] / (1 - 0.9**t)) / (np.sqrt(second[k] / (1 - 0.999**t)) + 1e-8)
            params[k] = params[k] - np.float32(0.003) * step.astype(np.float32)
    return params


@right("train_mlp")
def train_full_batch(images, digits, rng):
    """Every step sees all images, in single precision; momentum and 120 steps."""
    images, params = images.astype(np.float32), he_start(rng, 32, np.float32)
    speeds = [0.0] * 4
    for _ in range(120):
        grads = slopes(params, images, digits)
        speeds = [0.9 * v - 0.2 * g for v, g in zip(speeds, grads, strict=True)]
        params = [p + v for p, v in zip(params, speeds, strict=True)]
    return params


@right("train_mlp")
def train_one_image_at_a_time(images, digits, rng):
    """Stochastic gradient descent with batches of one image, three passes, with smaller steps."""
    W1, b1, W2, b2 = he_start(rng, 32)
    for rate in (0.02, 0.01, 0.004):
        for i in rng.permutation(len(images)):
            x = images[i]
            a = np.maximum(x @ W1 + b1, 0)
            e = a @ W2 + b2
            e = np.exp(e - e.max())
            e /= e.sum()
            e[digits[i]] -= 1
            below = (W2 @ e) * (a > 0)
            W2 -= rate * np.outer(a, e)
            b2 -= rate * e
            W1 -= rate * np.outer(x, below)
            b1 -= rate * below
    return W1, b1, W2, b2


@right("train_mlp")
def train_rmsprop(images, digits, rng):
    """Steps scaled by a running mean of squared gradients, decaying step size."""
    params = he_start(rng, 40)
    squares = [np.zeros_like(p) for p in params]
    for t, batch in enumerate(shuffled_batches(rng, len(images), 50, 8)):
        for p, s, g in zip(
            params, squares, slopes(params, images[batch], digits[batch]), strict=True
        ):
            s += 0.1 * (g * g - s)
            p -= 0.002 / (1 + t / 100) * g / (np.sqrt(s) + 1e-6)
    return tuple(params)


@right("train_mlp")
def train_squared_error(images, digits, rng):
    """Squared error to one-hot rows instead of cross-entropy."""

    def residual(scores, y):
        return (scores - np.eye(10)[y]) / len(y)

    params = he_start(rng, 80)
    for batch in shuffled_batches(rng, len(images), 50, 12):
        grads = slopes(params, images[batch], digits[batch], residual)
        params = [p - 0.1 * g for p, g in zip(params, grads, strict=True)]
    return params


@right("train_mlp")
def train_random_features(images, digits, rng):
    """A random hidden layer and ridge regression for the last one."""
    W1 = rng.normal(0, 0.07, (784, 800))
    b1 = rng.normal(0, 0.3, 800)
    a = np.hstack([np.maximum(images @ W1 + b1, 0), np.ones((len(images), 1))])
    solution = np.linalg.solve(a.T @ a + 10 * np.eye(801), a.T @ np.eye(10)[digits])
    return W1, b1, solution[:-1], solution[-1]


@right("train_mlp")
def train_standardised_then_folded(images, digits, rng):
    """Trains on centred and scaled pixels, and folds centre and scale into the first layer."""
    centre, scale = images.mean(axis=0), images.std(axis=0) + 0.1
    x = (images - centre) / scale
    params = he_start(rng, 32)
    for batch in shuffled_batches(rng, len(x), 50, 6):
        grads = slopes(params, x[batch], digits[batch])
        params = [p - 0.05 * g for p, g in zip(params, grads, strict=True)]
    W1, b1, W2, b2 = params
    W1 = W1 / scale[:, None]
    return W1, b1 - centre @ W1, W2, b2


class Trainer:
    """Nesterov's momentum as an object; uniform start with small positive biases."""

    def __call__(self, images, digits, rng):
        params = [
            rng.uniform(-0.06, 0.06, (784, 50)),
            np.full(50, 0.05),
            rng.uniform(-0.2, 0.2, (50, 10)),
            np.zeros(10),
        ]
        speeds = [np.zeros(p.shape) for p in params]
        for batch in shuffled_batches(rng, len(images), 80, 8):
            ahead = [p + 0.9 * v for p, v in zip(params, speeds, strict=True)]
            grads = slopes(ahead, images[batch], digits[batch])
            speeds = [0.9 * v - 0.05 * g for v, g in zip(speeds, grads, strict=True)]
            params = [p + v for p, v in zip(params, speeds, strict=True)]
        return params


RIGHT["train_mlp"].append(Trainer())
