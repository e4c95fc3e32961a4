"""The networks that are measured."""

import numpy as np

from course_lib import Conv2D, Dropout, Flatten, Linear, MaxPool, ReLU, Sequential


def mlp(sizes, rng):
    """Linear layers of these sizes with ReLU between them."""
    layers = []
    for shape in zip(sizes, sizes[1:], strict=False):
        layers += [Linear(*shape, rng), ReLU()]
    return Sequential(*layers[:-1])


def cnn(rng, dropout=None, dtype=np.float32):
    """Chapter 05's network for images (28, 28, 1). dropout: its layer, if not one with p = 0.5."""
    return Sequential(
        Conv2D(1, 32, 3, rng, dtype=dtype),
        ReLU(),
        MaxPool(2),
        Conv2D(32, 64, 3, rng, dtype=dtype),
        ReLU(),
        MaxPool(2),
        Flatten(),
        dropout or Dropout(0.5, rng),
        Linear(1600, 10, rng, dtype=dtype),
    )
