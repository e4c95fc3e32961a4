"""Keeping trained weights in a file: NumPy's .npz, one array per parameter."""

import os
import tempfile
from pathlib import Path

import numpy as np

from .layers import Layer


def save_weights(model, path) -> None:
    """Write the parameters of `model` to the file `path`, for `load_weights`.

    Names are the index of the layer in its Sequential and the name of the parameter ("0.W", "0.b";
    nested "0.1.W"); a single layer has "W" and "b". The file is written exactly at `path`, whatever
    its ending; its folder is created. An older file is replaced only when the new one is whole.
    Raises TypeError when model is no layer, OSError when the file cannot be written.
    """
    arrays = {name: parameter.data for name, parameter in _named_parameters(model).items()}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}-") as folder:
        temporary = Path(folder, "weights")
        with temporary.open("wb") as file:  # given a name, np.savez would add ".npz" to it
            np.savez(file, **arrays)
        os.replace(temporary, path)


def load_weights(model, path) -> None:
    """Copy the values that `save_weights` wrote to `path` into the parameters of `model`.

    Parameters keep their memory and dtype; their gradients are left alone. Nothing is changed
    unless everything fits. Pickled objects are never loaded.
    Raises FileNotFoundError for no file; ValueError for a file that cannot be read as weights, that
    lacks names or has others, or whose arrays have other shapes; TypeError when model is no layer.
    """
    parameters = _named_parameters(model)
    arrays = _read(Path(path))
    if arrays.keys() != parameters.keys():
        parts = [f"the model has {_list(parameters)}", f"the file holds {_list(arrays)}"]
        parts += [
            f"{word} {_list(names)}"
            for word, names in (
                ("missing in the file:", parameters.keys() - arrays.keys()),
                ("not in the model:", arrays.keys() - parameters.keys()),
            )
            if names
        ]
        raise ValueError(f"the weights in {path} are of another model: {'; '.join(parts)}")
    wrong = [
        f"{name} has shape {arrays[name].shape}, expected {parameter.shape}"
        for name, parameter in parameters.items()
        if arrays[name].shape != parameter.shape
    ]
    if wrong:
        raise ValueError(f"the weights in {path} do not fit the model: {'; '.join(wrong)}")
    for name, parameter in parameters.items():
        parameter.data = arrays[name]


def _named_parameters(model):
    if not isinstance(model, Layer):
        raise TypeError(f"model is {type(model).__name__}, expected a layer or a Sequential")
    return model.named_parameters()


def _read(path):
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: save_weights(model, path) writes one")
    # Opened here, because np.load leaves the file open when it finds a broken archive.
    with path.open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = dict(archive)
        except Exception as error:  # the bytes of a damaged file can make np.load raise anything
            raise ValueError(f"{path} cannot be read as weights ({error})") from error
    for name, array in arrays.items():
        if not (isinstance(array, np.ndarray) and array.dtype.kind == "f"):
            kind = getattr(array, "dtype", "no array")
            raise ValueError(f"{name} in {path} is {kind}, expected floating-point numbers")
    return arrays


def _list(names):
    return ", ".join(sorted(names)) or "nothing"
