"""Squared error with the factor 1/2, which cancels the 2 of the derivative."""

import numpy as np

from ._checks import as_floats, require_reduction, require_same_shape


def squared_error_forward(prediction, target, reduction="mean"):
    """L = 1/(2N) * sum of (prediction - target)^2, N the number of rows; without 1/N for "sum".

    prediction and target of one shape (N, ...). Returns the scalar loss and the cache for
    `squared_error_backward`. The target is taken in the dtype of the prediction.
    Raises ValueError for different shapes, an empty batch or another reduction.
    """
    require_reduction(reduction)
    prediction, target = np.asarray(prediction), np.asarray(target)
    require_same_shape("target", target, "prediction", prediction.shape)
    if prediction.ndim == 0 or prediction.shape[0] == 0:
        raise ValueError(f"prediction has shape {prediction.shape}, expected at least one row")
    prediction = as_floats(prediction)  # differences of unsigned integers would wrap round
    difference = prediction - target.astype(prediction.dtype, copy=False)
    rows = prediction.shape[0] if reduction == "mean" else 1
    return np.square(difference).sum() / (2 * rows), (difference, rows)


def squared_error_backward(dloss, cache):
    """Gradient with respect to the prediction: (prediction - target) / N; without 1/N for "sum".

    dloss: upstream gradient, a scalar (1.0 when the loss is the end of the graph).
    Returns dprediction, of the prediction's shape. This is where the 1/N comes in, once.
    """
    difference, rows = cache
    return difference * np.asarray(dloss, dtype=difference.dtype) / rows
