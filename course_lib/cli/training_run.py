"""`course train`: a run that can be stopped at any moment and goes on exactly where it was.

The networks are trained on MNIST by plain SGD. The learning rate shrinks from epoch to epoch,
whatever their number, so that a run of 10 epochs followed by 10 more is the run of 20.
"""

import contextlib
import io
import json
import math
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from course_lib.authoring import CourseError, UsageError, write_atomically
from course_lib.layers import Conv2D, Dropout, Flatten, Linear, MaxPool, ReLU, Sequential
from course_lib.losses import CrossEntropy
from course_lib.optimizers import SGD
from course_lib.training import History, accuracy, batches
from course_lib.weights import save_weights

SEED, IMAGES = 0, 60_000
FORMAT = 1
CHECKPOINT, WEIGHTS, REPORT = "checkpoint.npz", "weights.npz", "report.html"


def mlp(rng):
    return Sequential(Linear(784, 128, rng), ReLU(), Linear(128, 10, rng))


def cnn(rng):
    return Sequential(
        Conv2D(1, 32, 3, rng),
        ReLU(),
        MaxPool(2),
        Conv2D(32, 64, 3, rng),
        ReLU(),
        MaxPool(2),
        Flatten(),
        Dropout(0.5, rng),
        Linear(1600, 10, rng),
    )


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    build: rng -> model. flatten: images are rows (784,), not (28, 28, 1). The learning rate is
    multiplied by `decay` after every epoch. shift: by how many pixels each batch is moved at most.
    """

    build: Callable
    title: str
    flatten: bool
    epochs: int
    batch_size: int
    learning_rate: float
    decay: float
    shift: int = 0


RECIPES = {
    "mlp": Recipe(mlp, "784-128-10", True, 10, 32, 0.2, 0.9),
    "cnn": Recipe(cnn, "conv32-conv64-10", False, 5, 16, 0.1, 0.6, shift=1),
}


def moved(x, most, rng):
    """Images x (N, H, W, C), all moved down and right by one pair of numbers from -most to most.

    What leaves on one side, in MNIST hardly ever more than background, comes in on the other.
    """
    return np.roll(x, rng.integers(-most, most + 1, size=2), axis=(1, 2))


@dataclass
class Begun:
    """The epoch that is being trained.

    rng: the generator's state before it shuffled; rng_now: after the last step, for it also gives
    the shifts and the masks of dropout.
    """

    rng: dict
    rng_now: dict | None = None  # before any step, and in checkpoints of earlier versions
    steps: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    seconds: float = 0.0


class Run:
    """A training run in a folder: a model, where its training is, and what it has seen.

    network: a name in RECIPES. images: how many of the training images, from the first on.
    epochs: how many are wanted, by default those of the recipe. The same seed gives the same
    weights, whatever the number of cores and however often the run is stopped. Nothing is written
    before `train`. Raises CourseError where the folder already holds a run, UsageError where it is
    no folder.
    """

    def __init__(self, network, folder, seed=SEED, images=IMAGES, epochs=None):
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(f"{folder} is a file; a folder was wanted")
        for name in (CHECKPOINT, WEIGHTS, REPORT):
            if (self.folder / name).exists():
                raise CourseError(
                    f"{folder} holds {name} of a run already (--resume goes on with it, "
                    "--to names another folder)"
                )
        self._begin(network, seed, images, epochs)

    @classmethod
    def resume(cls, network, folder, seed=None, images=None, epochs=None):
        """The run that was saved in a folder. What is None is as it was saved.

        Raises UsageError where there is none, or where it was another run than the one asked
        for, and CourseError for a checkpoint that cannot be read. Nothing is written.
        """
        run = cls.__new__(cls)
        run.folder = Path(folder)
        path = run.folder / CHECKPOINT
        if not path.is_file():
            raise UsageError(f"there is no run in {folder} to go on with: {path} is missing")
        content = path.read_bytes()
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                arrays = dict(archive)
            about = json.loads(str(arrays["about"]))
            settings = about["settings"]
            run._begin(network, settings["seed"], settings["images"], about["epochs"])
            known = about["format"] == FORMAT and settings == run.settings
            if known:
                run._restore(arrays, about)
        except Exception as error:  # the bytes of a damaged file can raise anything
            raise CourseError(
                f"{path} is damaged and was left as it is ({type(error).__name__}); {WEIGHTS} "
                "beside it may be whole, and --to names another folder for a new run"
            ) from error
        for name, recipe in RECIPES.items():
            if name != network and recipe.title == settings.get("model"):
                raise UsageError(
                    f"the run in {folder} is one of {name}, not of {network}: go on with "
                    f'`course train {name} --resume --to "{folder}"`, or name another folder'
                )
        if not known:
            raise CourseError(f"{path} was written by another version of this course")
        for option, asked, saved in (
            ("--seed", seed, run.settings["seed"]),
            ("--limit", images, run.settings["images"]),
        ):
            if asked not in (None, saved):
                raise UsageError(
                    f"{option} is {asked}, but the run in {folder} has {saved}; leave {option} "
                    "out to go on with it, or name another folder with --to"
                )
        if epochs is not None:
            begun = run.epochs_done + (run.begun.steps > 0)
            if epochs < begun:
                raise UsageError(
                    f"--epochs is {epochs}, but the run in {folder} is in epoch {begun}; "
                    f"{begun} or more was wanted"
                )
            run.epochs = epochs
        return run

    def _begin(self, network, seed, images, epochs):
        self.recipe = RECIPES[network]
        self.settings = {
            "model": self.recipe.title,
            "batch_size": self.recipe.batch_size,
            "learning_rate": self.recipe.learning_rate,
            "decay": self.recipe.decay,
            "seed": seed,
            "images": images,
        }
        if self.recipe.shift:  # no entry for the mlp, so that its older checkpoints go on
            self.settings["shift"] = self.recipe.shift
        self.epochs = self.recipe.epochs if epochs is None else epochs
        self.rng = np.random.default_rng(seed)
        self.model = self.recipe.build(self.rng)
        self.first_weights = self.model[0].W.data.copy()
        self.history = History()  # its validation accuracy is that on the test images
        self.seconds = []  # of each epoch
        self.begun = Begun(self.rng.bit_generator.state)

    @property
    def epochs_done(self):
        return len(self.history.epoch_loss)

    @property
    def finished(self):
        return self.epochs_done == self.epochs

    @property
    def steps(self):
        """How many steps one epoch takes."""
        return math.ceil(self.settings["images"] / self.recipe.batch_size)

    def __str__(self):
        s = self.settings
        return (
            f"{s['model']} on {s['images']:,} images: batches of {self.batch}, "
            f"learning rate {s['learning_rate']}, times {s['decay']} after every epoch, "
            f"seed {s['seed']}"
        )

    @property
    def batch(self):
        """The size of a batch, and how far it is moved, in words."""
        size, shift = self.recipe.batch_size, self.recipe.shift
        return f"{size}, each moved by up to {shift} px" if shift else f"{size}"

    @property
    def place(self):
        """How far the run is, in words."""
        where = f"after epoch {self.epochs_done} of {self.epochs}"
        if self.begun.steps:
            where += f", at step {self.begun.steps:,} of {self.steps:,} in the next"
        return where

    # training --------------------------------------------------------------------------------

    def train(self, data, say):
        """Trains up to `epochs`, saving after each; False if Ctrl-C was pressed meanwhile.

        data: an `Mnist` with as many training images as the run has. say: called with one line
        per epoch, once it is saved. The first Ctrl-C is honoured after the step in hand, and what
        there is is saved; the second raises KeyboardInterrupt at once, and what was saved last
        stays. Raises CourseError where nothing can be saved: at the start, not after an epoch.
        """
        # One thread: with several, the last digits would depend on how many there are.
        with (
            threadpool_limits(1, user_api="blas"),
            self._bar() as bar,
            _first_interrupt_waits() as interrupted,
        ):
            self.save()
            while not self.finished:
                started = time.perf_counter()
                whole = self._steps(data, bar, interrupted)
                test = accuracy(self.model, data.x_test, data.y_test) if whole else None
                self.begun.seconds += time.perf_counter() - started
                if whole:
                    self._end_epoch(test)
                self.save()
                if whole:
                    with bar.external_write_mode():
                        say(self.line())
                if interrupted.is_set():
                    return False
        return True

    def _steps(self, data, bar, interrupted):
        """The steps of an epoch that are left; False if it was interrupted before its end."""
        begun, recipe, loss_fn = self.begun, self.recipe, CrossEntropy()
        rate = recipe.learning_rate * recipe.decay**self.epochs_done
        optimizer = SGD(self.model.parameters(), rate)
        self.rng.bit_generator.state = begun.rng
        shuffled = batches(data.x_train, data.y_train, recipe.batch_size, self.rng)
        if begun.rng_now is not None:
            self.rng.bit_generator.state = begun.rng_now
        for x, labels in islice(shuffled, begun.steps, None):
            if interrupted.is_set():
                return False
            if recipe.shift:
                x = moved(x, recipe.shift, self.rng)
            logits = self.model(x)
            loss = loss_fn(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            self.history.step_loss.append(float(loss))
            begun.steps += 1
            begun.rng_now = self.rng.bit_generator.state
            begun.loss_sum += float(loss) * len(x)
            begun.correct += int((logits.argmax(axis=1) == labels).sum())
            seen = min(begun.steps * recipe.batch_size, len(data.x_train))
            shown = f"loss {begun.loss_sum / seen:.3f}, accuracy {begun.correct / seen:.2%}"
            bar.set_postfix_str(shown, refresh=False)
            bar.update()
        return True

    def _end_epoch(self, test_accuracy):
        images = self.settings["images"]
        self.history.epoch_loss.append(self.begun.loss_sum / images)
        self.history.train_accuracy.append(self.begun.correct / images)
        self.history.validation_accuracy.append(test_accuracy)
        self.seconds.append(self.begun.seconds)
        self.begun = Begun(self.rng.bit_generator.state)

    def line(self):
        """The last epoch in one line."""
        width = len(str(self.epochs))
        return (
            f"epoch {self.epochs_done:{width}} of {self.epochs}: "
            f"loss {self.history.epoch_loss[-1]:.4f}, "
            f"train accuracy {self.history.train_accuracy[-1]:.2%}, "
            f"test accuracy {self.history.validation_accuracy[-1]:.2%}, "
            f"{self.seconds[-1]:.1f} s"
        )

    def _bar(self):
        from tqdm import tqdm  # here: the other commands need none

        return tqdm(
            total=self.epochs * self.steps,
            initial=self.epochs_done * self.steps + self.begun.steps,
            disable=None,  # where standard error is no terminal
            dynamic_ncols=True,
            leave=False,
            unit="step",
        )

    # what is kept ----------------------------------------------------------------------------

    def save(self):
        """Writes the checkpoint and the weights. Raises CourseError where that is impossible."""
        content = io.BytesIO()
        np.savez(content, **self._arrays())
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / CHECKPOINT, content.getvalue())
            save_weights(self.model, self.folder / WEIGHTS)
        except OSError as error:
            raise CourseError(
                f"the run cannot be saved in {self.folder}: {error.strerror or error}"
            ) from error

    def _arrays(self):
        about = {
            "format": FORMAT,
            "settings": self.settings,
            "epochs": self.epochs,
            "begun": asdict(self.begun),
            "seconds": self.seconds,
        }
        parameters = {f"model.{n}": p.data for n, p in self.model.named_parameters().items()}
        history = {f"history.{name}": getattr(self.history, name) for name in _HISTORY}
        return {"about": json.dumps(about), **parameters, **history}

    def _restore(self, arrays, about):
        for name, parameter in self.model.named_parameters().items():
            parameter.data = arrays[f"model.{name}"]
        for name in _HISTORY:
            setattr(self.history, name, arrays[f"history.{name}"].tolist())
        self.seconds = about["seconds"]
        self.begun = Begun(**about["begun"])


_HISTORY = ("step_loss", "epoch_loss", "train_accuracy", "validation_accuracy")


@contextlib.contextmanager
def _first_interrupt_waits():
    """Yields an event that the first Ctrl-C sets; from the second on they interrupt as ever.

    An interrupt between two operations of a step would leave weights that no run has.
    """
    interrupted = threading.Event()

    def note(*_):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
