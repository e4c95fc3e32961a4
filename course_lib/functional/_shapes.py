"""Shape errors that name the arrays, both shapes and the axis at fault."""

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
