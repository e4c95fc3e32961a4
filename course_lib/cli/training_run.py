"""`course train`: a run that can be stopped at any moment and goes on exactly where it was.

The network is 784-128-10 with ReLU, trained on MNIST by plain SGD. The learning rate shrinks from
epoch to epoch, whatever their number, so that a run of 10 epochs followed by 10 more is the run of
20.
"""

import contextlib
import io
import json
import math
import signal
import threading
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from course_lib.authoring import CourseError, UsageError, write_atomically
from course_lib.layers import Linear, ReLU, Sequential
from course_lib.losses import CrossEntropy
from course_lib.optimizers import SGD
from course_lib.training import History, accuracy, batches
from course_lib.weights import save_weights

HIDDEN, BATCH_SIZE, LEARNING_RATE, DECAY = 128, 32, 0.2, 0.9
FOLDER, EPOCHS, SEED, IMAGES = Path("trained/mlp"), 10, 0, 60_000
FORMAT = 1
CHECKPOINT, WEIGHTS, REPORT = "checkpoint.npz", "weights.npz", "report.html"


@dataclass
class Begun:
    """The epoch that is being trained. rng: the generator's state before it shuffled."""

    rng: dict
    steps: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    seconds: float = 0.0


class Run:
    """A training run in a folder: a model, where its training is, and what it has seen.

    images: how many of the training images, from the first on. epochs: how many are wanted.
    The same seed gives the same weights, whatever the number of cores and however often the run
    is stopped. Nothing is written before `train`. Raises CourseError where the folder already
    holds a run, UsageError where it is no folder.
    """

    def __init__(self, folder, seed=SEED, images=IMAGES, epochs=EPOCHS):
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(f"{folder} is a file; a folder was wanted")
        for name in (CHECKPOINT, WEIGHTS, REPORT):
            if (self.folder / name).exists():
                raise CourseError(
                    f"{folder} holds {name} of a run already (--resume goes on with it, "
                    "--to names another folder)"
                )
        self._begin(seed, images, epochs)

    @classmethod
    def resume(cls, folder, seed=None, images=None, epochs=None):
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
            run._begin(settings["seed"], settings["images"], about["epochs"])
            known = about["format"] == FORMAT and settings == run.settings
            if known:
                run._restore(arrays, about)
        except Exception as error:  # the bytes of a damaged file can raise anything
            raise CourseError(
                f"{path} is damaged and was left as it is ({type(error).__name__}); {WEIGHTS} "
                "beside it may be whole, and --to names another folder for a new run"
            ) from error
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

    def _begin(self, seed, images, epochs):
        self.settings = {
            "model": f"784-{HIDDEN}-10",
            "batch_size": BATCH_SIZE,
            "learning_rate": LEARNING_RATE,
            "decay": DECAY,  # the rate is multiplied by it after every epoch
            "seed": seed,
            "images": images,
        }
        self.epochs = epochs
        self.rng = np.random.default_rng(seed)
        self.model = Sequential(Linear(784, HIDDEN, self.rng), ReLU(), Linear(HIDDEN, 10, self.rng))
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
        return math.ceil(self.settings["images"] / BATCH_SIZE)

    def __str__(self):
        s = self.settings
        return (
            f"{s['model']} on {s['images']:,} images: batches of {s['batch_size']}, "
            f"learning rate {s['learning_rate']}, times {s['decay']} after every epoch, "
            f"seed {s['seed']}"
        )

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
        begun, loss_fn = self.begun, CrossEntropy()
        optimizer = SGD(self.model.parameters(), LEARNING_RATE * DECAY**self.epochs_done)
        self.rng.bit_generator.state = begun.rng
        left = islice(batches(data.x_train, data.y_train, BATCH_SIZE, self.rng), begun.steps, None)
        for x, labels in left:
            if interrupted.is_set():
                return False
            logits = self.model(x)
            loss = loss_fn(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            self.history.step_loss.append(float(loss))
            begun.steps += 1
            begun.loss_sum += float(loss) * len(x)
            begun.correct += int((logits.argmax(axis=1) == labels).sum())
            seen = min(begun.steps * BATCH_SIZE, len(data.x_train))
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
