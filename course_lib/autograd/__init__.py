"""Automatic differentiation: gradients of anything made of the operations in the table `ops`.

`Value` is for single numbers and shows the idea; `Tensor` is for arrays. `backward()` adds to
`.grad` of the leaves, as the layers do; `grad`, `value_and_grad`, `vjp`, `jacobian`, `hessian` and
`hvp` turn functions into functions and nest.
"""

from . import ops
from .core import Primitive, Tensor, defvjp, no_grad, primitive
from .ops import *  # noqa: F403 - ops.__all__ is the list of the operations
from .transforms import grad, hessian, hvp, jacobian, value_and_grad, vjp
from .value import Value, topological_order

__all__ = [
    "Primitive",
    "Tensor",
    "Value",
    "defvjp",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "no_grad",
    "primitive",
    "topological_order",
    "value_and_grad",
    "vjp",
    *ops.__all__,
]
