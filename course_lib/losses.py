"""Loss functions: `loss_fn(model(x), target)` is a `Loss` that can run the model backward."""

from functools import cached_property

import numpy as np

from .functional import squared_error_backward, squared_error_forward
from .layers import Output


class Loss:
    """The value of a loss, `float(loss)`, and its gradient in the prediction, `loss.gradient`."""

    def __init__(self, value, prediction, gradient):
        self._value = float(value)
        self._prediction = prediction
        self._compute_gradient = gradient

    @cached_property
    def gradient(self) -> np.ndarray:
        """dL/dprediction, of the prediction's shape; holds the 1/N of a mean loss."""
        return self._compute_gradient()

    def backward(self) -> None:
        """Run the model backward, which adds to the gradients of its parameters.

        Raises RuntimeError when the prediction is no model's output, when the model was called
        again since, or when backward already ran for this call of the model.
        """
        prediction = self._prediction
        if not isinstance(prediction, Output) or prediction.model is None:
            raise RuntimeError(
                "the prediction is a plain array, so there is no model to run backward: give the "
                "loss model(x) itself, or pass loss.gradient to your model's backward"
            )
        if not prediction.is_current():
            raise RuntimeError(
                "the model was called again after it made this prediction, so its cache belongs "
                "to other data: compute the loss and its backward right after model(x)"
            )
        prediction.model.backward(self.gradient, input_gradient=False)

    def __float__(self):
        return self._value

    def __format__(self, spec):
        return format(self._value, spec)

    def __repr__(self):
        return f"Loss({self._value:.4g})"


class SquaredError:
    """L = 1/(2N) * sum of (prediction - target)^2; without 1/N for reduction="sum".

    Call it with a prediction (N, C) and targets of the same shape, or integer labels (N,), which
    stand for one-hot rows. Raises ValueError when target and prediction do not fit together.
    """

    def __init__(self, reduction: str = "mean"):
        if reduction not in ("mean", "sum"):
            raise ValueError(f'reduction is {reduction!r}, expected "mean" or "sum"')
        self.reduction = reduction

    def __call__(self, prediction, target) -> Loss:
        values, target = np.asarray(prediction), np.asarray(target)
        if values.ndim == 2 and target.ndim == 1:
            target = one_hot(target, values.shape, values.dtype)
        value, cache = squared_error_forward(values, target, self.reduction)
        return Loss(value, prediction, lambda: squared_error_backward(1.0, cache))

    def __repr__(self):
        return f'SquaredError(reduction="{self.reduction}")'


def one_hot(labels, shape: tuple[int, int], dtype=np.float64) -> np.ndarray:
    """Rows of zeros with a 1 in the column of the label.

    labels (N,), integers from 0 to C - 1; shape (N, C), the shape of the prediction.
    Raises ValueError for labels of another number, kind or range.
    """
    labels = np.asarray(labels)
    rows, classes = shape
    if labels.shape != (rows,):
        raise ValueError(
            f"labels have shape {labels.shape} but the prediction {shape}: expected "
            f"({rows},), one label per row"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels are {labels.dtype}, expected integers; targets that are not labels need the "
            f"prediction's shape {shape}"
        )
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise ValueError(
            f"label {wrong[0]} is out of range: the prediction has {classes} columns, "
            f"so labels go from 0 to {classes - 1}"
        )
    encoded = np.zeros(shape, dtype)
    encoded[np.arange(rows), labels] = 1
    return encoded
