"""Starting values for weights: functions `(shape, rng, dtype) -> array`.

Weights are (fan_in, fan_out), or (kernel height, kernel width, channels in, channels out). All draw
in float64 and cast, so that the same rng gives the same weights in float32 and in float64.
"""

import math

import numpy as np

from .functional._checks import require_generator


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) < 2:
        raise ValueError(f"shape is {shape}, expected at least (fan_in, fan_out)")
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def zeros(shape, rng=None, dtype=np.float32):
    """All zeros: right for biases; in weights it keeps the hidden units identical for ever."""
    return np.zeros(shape, dtype)


def normal(std):
    """An initializer that draws from N(0, std^2): `Linear(..., init=normal(0.02))`.

    Raises ValueError when std is negative or not finite.
    """
    if not (math.isfinite(std) and std >= 0):
        raise ValueError(f"std is {std}, expected a finite number >= 0")

    def initializer(shape, rng, dtype=np.float32):
        return (std * require_generator(rng).standard_normal(shape)).astype(dtype)

    return initializer


def glorot_uniform(shape, rng, dtype=np.float32):
    """Uniform on [-a, a] with a = sqrt(6 / (fan_in + fan_out)), made for tanh-like activations.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16. Also called Xavier initialisation.
    """
    bound = math.sqrt(6 / sum(_fans(shape)))
    return require_generator(rng).uniform(-bound, bound, shape).astype(dtype)


def he_normal(shape, rng, dtype=np.float32):
    """N(0, 2 / fan_in), which keeps the size of activations through ReLU layers.

    Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, equation 10.
    """
    fan_in, _ = _fans(shape)
    return normal(math.sqrt(2 / fan_in))(shape, rng, dtype)
