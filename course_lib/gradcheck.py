"""Compare backward functions with central differences.

Use inputs away from kinks (ReLU at 0, ties in max pooling): there a difference quotient measures
something between the slopes of both sides.
"""

from dataclasses import dataclass

import numpy as np

# A right 0 against the error of central differences would count as 100 % off. The error comes from
# rounding inside f and from h^2 / 6 times the third derivative, which tends to grow with the
# gradient; so entries below these floors, or below the rounding of f(x), are compared with them.
_ABSOLUTE_FLOOR = 1e-4
_FLOOR_RELATIVE_TO_LARGEST = 1e-3


def numerical_gradient(f, x, upstream=None, h=1e-5):
    """Gradient of sum(upstream * f(x)) by central differences, (f(x + h) - f(x - h)) / 2h each.

    x: float64 array of any shape; f(x) a scalar, or an array whose shape `upstream` has. Entries
    of x are changed in place, one at a time, and put back, so f may also be a function that
    ignores its argument and reads that memory.
    Raises TypeError when x or f(x) is not float64: in float32 such small differences are noise.
    Raises ValueError when f(x) is an array and upstream is missing or of another shape.
    """
    x = _require_float64(x, "x")
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        try:
            x[index] = kept + h
            above = np.array(f(x))  # a copy: f may return x itself, or a buffer it uses again
            x[index] = kept - h
            below = np.array(f(x))
        finally:
            x[index] = kept
        gradient[index] = _weighted_sum(above - below, upstream) / (2 * h)
    return gradient


def _weighted_sum(difference, upstream):
    _require_float64(difference, "f(x)")
    if upstream is None:
        if difference.size != 1:
            raise ValueError(
                f"f(x) has shape {difference.shape}: give an upstream gradient of that shape"
            )
        return difference.item()
    if np.shape(upstream) != difference.shape:
        raise ValueError(
            f"upstream has shape {np.shape(upstream)}, expected {difference.shape}, that of f(x)"
        )
    return np.sum(upstream * difference)


def _require_float64(value, name):
    array = np.asarray(value)
    if array.dtype != np.float64:
        raise TypeError(f"{name} is {array.dtype}, expected float64: use {name}.astype(np.float64)")
    return array


def relative_error(analytic, numeric, floor=1e-12) -> float:
    """Largest |a - n| / max(|a|, |n|, floor) over the entries; inf where one is nan or infinite.

    Entries that are 0 on both sides count as 0. Raises ValueError for different shapes.
    """
    errors = _relative_errors(analytic, numeric, floor)
    return float(errors.max(initial=0.0))


def _relative_errors(analytic, numeric, floor):
    a, n = np.asarray(analytic), np.asarray(numeric)
    if a.shape != n.shape:
        raise ValueError(f"analytic has shape {a.shape}, numeric {n.shape}: expected the same")
    finite = np.isfinite(a) & np.isfinite(n)
    a, n = np.where(finite, a, 0.0), np.where(finite, n, 0.0)
    errors = np.abs(a - n) / np.maximum(np.maximum(np.abs(a), np.abs(n)), floor)
    return np.where(finite, errors, np.inf)


@dataclass(repr=False)
class GradientCheck:
    """Result of a gradient check; true in a condition when the gradient is right.

    index, analytic, numeric and relative_error describe the worst entry; they are None when the
    shape is already wrong.
    """

    ok: bool
    message: str
    index: tuple[int, ...] | None = None
    analytic: float | None = None
    numeric: float | None = None
    relative_error: float | None = None

    def __bool__(self):
        return self.ok

    def raise_if_wrong(self) -> None:
        """Raise AssertionError with the message unless the gradient is right."""
        if not self.ok:
            raise AssertionError(self.message)

    def __repr__(self):
        return f"GradientCheck({'ok' if self.ok else 'wrong'}: {self.message})"


def check_gradient(
    f, x, analytic, upstream=None, rtol=1e-6, h=1e-5, name="gradient"
) -> GradientCheck:
    """Check `analytic`, the gradient of sum(upstream * f(x)) in x, against central differences.

    An entry is right when it is within rtol of the larger of both values. Entries too small for
    central differences are measured against a floor instead: the largest of 1e-4, a thousandth of
    the largest entry, and the rounding noise of f(x). The shape is looked at first.
    Raises what `numerical_gradient` raises.
    """
    x = _require_float64(x, "x")
    analytic = np.array(analytic)  # a copy: it may share memory with x, which is about to change
    if analytic.dtype.kind not in "fiu":
        return GradientCheck(False, f"{name} is {analytic.dtype}, expected numbers")
    if analytic.shape != x.shape:
        return GradientCheck(False, f"{name} has shape {analytic.shape}, expected {x.shape}")
    numeric = numerical_gradient(f, x, upstream, h)
    if x.size == 0:
        return GradientCheck(True, f"{name} has no entries to compare")
    largest = np.abs(numeric[np.isfinite(numeric)]).max(initial=0.0)
    size_of_f = np.abs(f(x) if upstream is None else upstream * f(x)).sum()
    noise = 2 * np.finfo(np.float64).eps * size_of_f / h
    floor = max(_ABSOLUTE_FLOOR, _FLOOR_RELATIVE_TO_LARGEST * largest, noise / rtol)
    errors = _relative_errors(analytic, numeric, floor)
    index = tuple(int(i) for i in np.unravel_index(errors.argmax(), errors.shape))
    worst = index, float(analytic[index]), float(numeric[index]), float(errors[index])
    if errors[index] <= rtol:
        message = f"{name}: all {x.size} entries agree, relative error at most {rtol:g}"
        return GradientCheck(True, message, *worst)
    where = f" at {list(index)}" if index else ""
    message = (
        f"{name}{where} is {worst[1]:.6g}, but central differences give {worst[2]:.6g}: "
        f"relative error {worst[3]:.2g}, and {np.count_nonzero(errors > rtol)} of {x.size} "
        "entries are wrong"
    )
    return GradientCheck(False, message, *worst)


def check_vjp(forward, backward, inputs, rng, rtol=1e-6, h=1e-5, names=None) -> GradientCheck:
    """Check a pair forward(*inputs) -> (out, cache), backward(dout, cache) -> input gradients.

    inputs: float64 arrays; dout is drawn from rng, never ones. names: what to call the inputs in
    the message. Returns the check of the first wrong gradient, else that of the worst right one.
    Raises TypeError when an input is not float64 (put integers into `forward` by a closure).
    """
    inputs = [_require_float64(x, f"input {i}") for i, x in enumerate(inputs)]
    names = names or [f"input {i}" for i in range(len(inputs))]
    out, cache = forward(*inputs)
    upstream = rng.standard_normal(np.shape(out))
    gradients = backward(upstream, cache)
    if not isinstance(gradients, tuple | list):
        gradients = (gradients,)
    if len(gradients) != len(inputs):
        return GradientCheck(
            False, f"backward returned {len(gradients)} gradients for {len(inputs)} inputs"
        )
    gradients = [np.array(gradient) for gradient in gradients]

    checks = []
    for position, (x, gradient, name) in enumerate(zip(inputs, gradients, names, strict=True)):

        def output(changed, position=position):
            return forward(*inputs[:position], changed, *inputs[position + 1 :])[0]

        check = check_gradient(output, x, gradient, upstream, rtol, h, f"gradient of {name}")
        if not check:
            return check
        checks.append(check)
    return max(checks, key=lambda check: check.relative_error or 0.0)
