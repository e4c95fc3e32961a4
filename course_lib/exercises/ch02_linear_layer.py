"""Exercises of chapter 02."""

import numpy as np

from course_lib.grading import Call, exercise


def upstream_batches(rng):
    return [
        Call((rng.normal(size=(6, 4)),)),
        Call((rng.normal(size=(5, 3)),)),
        Call((rng.normal(size=(5, 5)),)),
        Call((rng.normal(size=(1, 3)),), "a batch of one sample"),
    ]


@exercise(points=2, probes=upstream_batches, title="Gradient of the bias", outputs=("db",))
def bias_gradient(dY):
    """Gradient of the loss with respect to the bias of a linear layer.

    dY: upstream gradient, (N, M). Returns db, (M,).
    """
    return dY.sum(axis=0)


@bias_gradient.misconception(
    "averaged",
    "Your db is the right one divided by N, the number of samples.",
    "The bias is added to every sample, so its gradient is the sum of what all samples send back; "
    "the 1/N of a mean loss already came in with the loss.",
    "Which call takes a mean where a sum belongs?",
)
def _(dY):
    return dY.mean(axis=0)
