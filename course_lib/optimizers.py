"""Optimizers: they use the gradients that backpropagation computed."""

import math

import numpy as np

from .autograd import Tensor
from .layers import Parameter


class SGD:
    """Stochastic gradient descent: v = momentum * v + grad, then w = w - learning_rate * v.

    Momentum in PyTorch's form without dampening (torch.optim.SGD); v starts at zero, so momentum 0
    is plain gradient descent. `learning_rate` may be changed between steps.
    Raises ValueError for a rate that is negative or not finite, a momentum outside [0, 1), or no
    parameters; TypeError for anything but Parameters and Tensors with requires_grad=True.
    """

    def __init__(self, parameters, learning_rate: float, momentum: float = 0.0):
        try:
            self.parameters = list(parameters)
        except TypeError:
            self.parameters = [parameters]
        if not self.parameters:
            raise ValueError("no parameters to train: give SGD model.parameters()")
        for parameter in self.parameters:
            leaf = isinstance(parameter, Tensor) and parameter.grad is not None
            if not (leaf or isinstance(parameter, Parameter)):
                raise TypeError(
                    f"got {type(parameter).__name__} among the parameters, expected "
                    "Parameters: give SGD model.parameters()"
                )
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum is {momentum}, expected 0 <= momentum < 1")
        self.learning_rate = learning_rate
        self.momentum = float(momentum)
        self._velocities = [np.zeros_like(p.data) for p in self.parameters] if momentum else None

    @property
    def learning_rate(self) -> float:
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"learning_rate is {value}, expected a finite number >= 0")
        self._learning_rate = float(value)  # a NumPy float64 would turn float32 products to float64

    def step(self) -> None:
        """Change every parameter in place, downhill along its gradient."""
        for index, parameter in enumerate(self.parameters):
            update = parameter.grad
            if self._velocities is not None:
                velocity = self._velocities[index]
                velocity *= self.momentum
                velocity += parameter.grad
                update = velocity
            parameter.data -= self.learning_rate * update

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to zero."""
        for parameter in self.parameters:
            parameter.zero_grad()

    def __repr__(self):
        return f"SGD(learning_rate={self.learning_rate:g}, momentum={self.momentum:g})"
