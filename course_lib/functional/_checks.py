"""Checks of arguments: errors name the argument, what was given and what was wanted."""

import math

import numpy as np


def array_of_rank(name: str, value, rank: int, layout: str) -> np.ndarray:
    """`value` as an array of `rank` axes; `layout` says in the error what the axes mean."""
    array = np.asarray(value)
    if array.ndim != rank:
        raise ValueError(f"{name} has shape {array.shape}, expected {rank} axes: {name} {layout}")
    return array


def images(name: str, value) -> np.ndarray:
    """`value` as an array of floating-point numbers (N, H, W, C), one image per sample."""
    array = as_floats(value)
    if array.ndim == 4:
        return array
    message = f"{name} has shape {array.shape}, expected 4 axes: {name} (N, H, W, C)"
    if array.ndim == 2:
        message += ", so reshape rows of pixels to images; load_mnist(flatten=False) gives images"
    elif array.ndim == 3:
        message += f", so add the axis of channels: {name}[..., np.newaxis]"
    raise ValueError(message)


def require_integer(name: str, value, at_least: int) -> int:
    """`value` as an int; raise ValueError unless it is an integer and not below `at_least`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < at_least:
        raise ValueError(f"{name} is {value}, expected an integer >= {at_least}")
    return int(value)


def upstream(dout, shape: tuple[int, ...]) -> np.ndarray:
    """`dout` as an array; raise ValueError unless it has `shape`, the shape of the output."""
    dout = np.asarray(dout)
    require_same_shape("gradient of the output", dout, "the output", shape)
    return dout


def require_same_shape(name: str, array: np.ndarray, other: str, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `array` has `shape`, the shape of the array called `other`."""
    if array.shape == shape:
        return
    message = f"{name} has shape {array.shape}, expected {shape}, the shape of {other}"
    if array.ndim == len(shape):
        axis = next(
            i for i, pair in enumerate(zip(array.shape, shape, strict=True)) if pair[0] != pair[1]
        )
        message += f": axis {axis} has {array.shape[axis]} entries, not {shape[axis]}"
    raise ValueError(message)


def require_labels(labels, shape: tuple[int, int], of: str) -> np.ndarray:
    """`labels` as an array; ValueError unless they are N integers from 0 to C - 1.

    shape (N, C) is that of the array called `of`.
    """
    labels = np.asarray(labels)
    rows, classes = shape
    if labels.shape != (rows,):
        raise ValueError(
            f"labels have shape {labels.shape} but the {of} {shape}: expected "
            f"({rows},), one label per row"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels are {labels.dtype}, expected integers from 0 to {classes - 1}")
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise ValueError(
            f"label {wrong[0]} is out of range: {classes} classes have labels 0 to {classes - 1}"
        )
    return labels


def require_reduction(reduction: str) -> str:
    """Return `reduction`; raise ValueError unless it is "mean" or "sum"."""
    if reduction not in ("mean", "sum"):
        raise ValueError(f'reduction is {reduction!r}, expected "mean" or "sum"')
    return reduction


def require_probability(name: str, value) -> float:
    """`value` as a float; raise ValueError unless 0 <= value < 1."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} is {value}, expected a probability below 1: 0 <= {name} < 1")
    return float(value)


def require_generator(rng) -> np.random.Generator:
    """Return `rng` unchanged; raise TypeError when it is no `np.random.Generator`."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng is {rng!r}, expected a numpy.random.Generator such as np.random.default_rng(0)"
        )
    return rng


def require_finite(name: str, value) -> float:
    """`value` as a float; raise ValueError for nan and infinities."""
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}, expected a finite number")
    return float(value)  # a NumPy float64 would turn float32 products to float64


def as_floats(value) -> np.ndarray:
    """`value` as an array of floating-point numbers: float64 where it holds integers."""
    array = np.asarray(value)
    return array if array.dtype.kind in "fc" else array.astype(np.float64)
