"""Data to learn from: MNIST, which comes with the package, and toy sets made from an rng."""

from .mnist import Mnist, check_data, load_mnist
from .toy import blobs, line_with_noise, spirals, two_moons

__all__ = [
    "Mnist",
    "blobs",
    "check_data",
    "line_with_noise",
    "load_mnist",
    "spirals",
    "two_moons",
]
