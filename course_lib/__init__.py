"""A course on backpropagation: a NumPy engine, exercises that name the mistake, and chapters.

Everything public is loaded on first use, so that `import course_lib` costs next to nothing.
"""

import importlib

_HOME = {
    "judge": "exercises",
    "AveragePool": "layers",
    "Conv2D": "layers",
    "Dropout": "layers",
    "Flatten": "layers",
    "LeakyReLU": "layers",
    "Linear": "layers",
    "MaxPool": "layers",
    "Parameter": "layers",
    "ReLU": "layers",
    "Sequential": "layers",
    "Sigmoid": "layers",
    "Softmax": "layers",
    "Tanh": "layers",
    "CrossEntropy": "losses",
    "SquaredError": "losses",
    "load_weights": "weights",
    "save_weights": "weights",
    "SGD": "optimizers",
    "fit": "training",
    "accuracy": "training",
    "load_mnist": "datasets",
    "answer": "widgets",
    "answers": "widgets",
    "ask": "widgets",
    "check": "widgets",
    "explore": "widgets.explorer",
    "progress_board": "widgets",
    "self_test": "widgets",
    "yours": "widgets",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the names above, loaded lazily


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"course_lib has no {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"course_lib.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__
