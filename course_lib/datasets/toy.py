"""Small two-dimensional sets, drawn from an rng; the classes take turns, so any part is balanced.

All return float64 points X (n, 2) and int64 labels y (n,), except the line, which is (n, 1) twice.
"""

import numpy as np


def two_moons(n: int, rng: np.random.Generator, noise: float = 0.1):
    """Two interleaved half circles of radius 1: X (n, 2), y (n,) with labels 0 and 1.

    noise: standard deviation of the Gaussian noise on both coordinates. The lower moon is the upper
    one turned by 180 degrees about (0.5, 0.25), as in scikit-learn's make_moons.
    """
    y = _labels(n, 2)
    angle = rng.uniform(0, np.pi, n)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    X = np.where(y[:, None] == 0, upper, np.array([1.0, 0.5]) - upper)
    return X + noise * rng.standard_normal((n, 2)), y


def spirals(
    n: int, rng: np.random.Generator, classes: int = 3, turns: float = 0.75, noise: float = 0.03
):
    """One spiral arm per class, from the centre to radius 1: X (n, 2), y (n,).

    turns: how often an arm goes round; noise: standard deviation on both coordinates.
    """
    y = _labels(n, classes)
    radius = rng.uniform(0, 1, n)
    angle = 2 * np.pi * (y / classes + turns * radius)
    X = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return X + noise * rng.standard_normal((n, 2)), y


def blobs(n: int, rng: np.random.Generator, classes: int = 3, noise: float = 0.3):
    """One round Gaussian cloud per class, centres evenly on the unit circle: X (n, 2), y (n,).

    noise: standard deviation of a cloud.
    """
    y = _labels(n, classes)
    angle = 2 * np.pi * y / classes
    centres = np.column_stack([np.cos(angle), np.sin(angle)])
    return centres + noise * rng.standard_normal((n, 2)), y


def line_with_noise(
    n: int,
    rng: np.random.Generator,
    slope: float = 2.0,
    intercept: float = 1.0,
    noise: float = 0.3,
):
    """Points about a line, for regression: X (n, 1) in [-1, 1], y (n, 1) = slope X + intercept."""
    X = rng.uniform(-1, 1, (n, 1))
    return X, slope * X + intercept + noise * rng.standard_normal((n, 1))


def _labels(n, classes):
    if n < 1 or classes < 1:
        raise ValueError(f"n is {n} and classes {classes}, expected both to be at least 1")
    return np.arange(n) % classes
