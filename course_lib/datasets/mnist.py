"""The MNIST handwritten digits; README.md in this folder has credit and licence."""

import hashlib
import zipfile
import zlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

_FILE = Path(__file__).with_name("mnist.npz")
_MEND = (
    "Bring the file back with `git restore course_lib/datasets/mnist.npz`, or install the course "
    "again."
)
_SHA256 = {  # of each array's raw bytes
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}


class Mnist(NamedTuple):
    """Images and labels, for training and for the test."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def __repr__(self):
        sizes = ", ".join(f"{name} {getattr(self, name).shape}" for name in self._fields)
        return f"Mnist({sizes})"


def load_mnist(*, flatten=True, dtype=np.float32, train=None, test=None) -> Mnist:
    """MNIST with pixels in [0, 1], as fresh arrays.

    x (N, 784), or (N, 28, 28, 1) with flatten=False; y (N,) int64. train, test: how many images,
    from the first on; None means all 60,000 and 10,000.
    Raises ValueError for a dtype without fractions or a number of images that does not exist,
    RuntimeError, saying how to mend it, when the data file is missing or damaged.
    """
    if not np.issubdtype(dtype, np.floating):
        raise ValueError(f"dtype is {np.dtype(dtype)}, expected a float: pixels are in [0, 1]")
    arrays = _raw_arrays()
    shape = (-1, 784) if flatten else (-1, 28, 28, 1)
    parts = []
    for part, count in (("train", train), ("test", test)):
        images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
        count = len(labels) if count is None else count
        if not 1 <= count <= len(labels):
            raise ValueError(f"{part} is {count}, expected 1 to {len(labels)} images")
        x = np.divide(images[:count].reshape(shape), 255, dtype=dtype)
        parts += [x, labels[:count].astype(np.int64)]
    return Mnist(*parts)


def check_data() -> tuple[bool, str]:
    """Whether the data file is there and whole, and a sentence that says so or how to mend it."""
    try:
        _raw_arrays()
    except RuntimeError as error:
        return False, str(error)
    return True, "MNIST is complete: 60,000 training and 10,000 test images."


@cache
def _raw_arrays() -> dict[str, np.ndarray]:
    """The stored uint8 arrays, read and checked once per process."""
    if not _FILE.exists():
        raise RuntimeError(f"The MNIST file {_FILE} is missing. {_MEND}")
    try:
        # Opened here, because np.load leaves the file open when it finds a broken archive.
        with _FILE.open("rb") as file, np.load(file) as archive:
            arrays = {name: archive[name] for name in _SHA256}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RuntimeError(f"The MNIST file {_FILE} cannot be read ({error}). {_MEND}") from error
    for name, expected in _SHA256.items():
        found = hashlib.sha256(arrays[name]).hexdigest()
        if found != expected:
            raise RuntimeError(
                f"The MNIST file {_FILE} is damaged: {name} has SHA-256 {found[:12]}…, expected "
                f"{expected[:12]}…. {_MEND}"
            )
    return arrays
