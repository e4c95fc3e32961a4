"""Loss functions: `loss_fn(model(x), target)` is a `Loss` that can run the model backward."""

from functools import cached_property

import numpy as np

from .functional import (
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    squared_error_backward,
    squared_error_forward,
)
from .functional._checks import require_labels, require_reduction
from .layers import Output, Sequential, Softmax


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


class LossFunction:
    """Base of the loss functions: calling one with (prediction, target) returns a `Loss`.

    Raises ValueError unless reduction is "mean" (over the rows) or "sum".
    """

    def __init__(self, reduction: str = "mean"):
        self.reduction = require_reduction(reduction)

    def __call__(self, prediction, target) -> Loss:
        raise NotImplementedError(f"{type(self).__name__} must write __call__")

    def __repr__(self):
        return f'{type(self).__name__}(reduction="{self.reduction}")'


class SquaredError(LossFunction):
    """L = 1/(2N) * sum of (prediction - target)^2; without 1/N for reduction="sum".

    Call it with a prediction (N, C) and targets of the same shape, or integer labels (N,), which
    stand for one-hot rows. Raises ValueError when target and prediction do not fit together.
    """

    def __call__(self, prediction, target) -> Loss:
        values, target = np.asarray(prediction), np.asarray(target)
        # A single column is a number to predict, not a class: there (N,) is just the wrong shape.
        if values.ndim == 2 and values.shape[1] > 1 and target.ndim == 1:
            target = one_hot(target, values.shape, values.dtype)
        value, cache = squared_error_forward(values, target, self.reduction)
        return Loss(value, prediction, lambda: squared_error_backward(1.0, cache))


class CrossEntropy(LossFunction):
    """L = 1/N * sum of -log softmax(logits)[label]; without 1/N for reduction="sum".

    Call it with logits (N, C), un-normalised scores, and integer labels (N,). The softmax is part
    of the loss. Raises ValueError when labels and logits do not fit together, and for the output of
    a model that ends in `Softmax`, to which it would be applied a second time.
    """

    def __call__(self, logits, labels) -> Loss:
        if isinstance(logits, Output) and _ends_in_softmax(logits.model):
            raise ValueError(
                "the model's last layer is Softmax, but CrossEntropy takes logits and applies the "
                "softmax itself, so it would be applied twice: leave the Softmax layer out"
            )
        value, cache = softmax_cross_entropy_forward(np.asarray(logits), labels, self.reduction)
        return Loss(value, logits, lambda: softmax_cross_entropy_backward(1.0, cache))


def _ends_in_softmax(model):
    while isinstance(model, Sequential):
        model = model[-1]
    return isinstance(model, Softmax)


def one_hot(labels, shape: tuple[int, int], dtype=np.float64) -> np.ndarray:
    """Rows of zeros with a 1 in the column of the label.

    labels (N,), integers from 0 to C - 1; shape (N, C), the shape of the prediction.
    Raises ValueError for labels of another number, kind or range.
    """
    labels = require_labels(labels, shape, of="prediction")
    encoded = np.zeros(shape, dtype)
    encoded[np.arange(len(labels)), labels] = 1
    return encoded
