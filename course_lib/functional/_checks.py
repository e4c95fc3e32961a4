"""Checks of arguments: errors name the argument, what was given and what was wanted."""

import math

import numpy as np


def array_of_rank(name: str, value, rank: int, layout: str) -> np.ndarray:
    """`value` as an array of `rank` axes; `layout` says in the error what the axes mean."""
    array = np.asarray(value)
    if array.ndim != rank:
        raise ValueError(f"{name} has shape {array.shape}, expected {rank} axes: {name} {layout}")
    return array


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


def require_finite(name: str, value) -> float:
    """`value` as a float; raise ValueError for nan and infinities."""
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}, expected a finite number")
    return float(value)  # a NumPy float64 would turn float32 products to float64


def as_floats(value) -> np.ndarray:
    """`value` as an array of floating-point numbers: float64 where it holds integers."""
    array = np.asarray(value)
    return array if array.dtype.kind in "fc" else array.astype(np.float64)
