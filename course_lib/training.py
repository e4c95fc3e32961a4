"""The training loop: batches, `fit` and what it remembers."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .functional._checks import require_generator


@dataclass(repr=False)
class History:
    """What `fit` saw.

    step_loss: the loss of every step, nan and inf included. epoch_loss: its mean over the samples
    of every whole epoch. train_accuracy: of the predictions made during the epoch, each before the
    step that learned from it. validation_accuracy: after the epoch. Accuracies need integer labels.
    interrupted: True when KeyboardInterrupt ended the run early.
    """

    step_loss: list[float] = field(default_factory=list)
    epoch_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    interrupted: bool = False

    def __repr__(self):
        parts = [f"{len(self.epoch_loss)} epochs, {len(self.step_loss)} steps"]
        if self.epoch_loss:
            parts.append(f"loss {self.epoch_loss[-1]:.3g}")
        if self.train_accuracy:
            parts.append(f"train accuracy {self.train_accuracy[-1]:.3f}")
        if self.validation_accuracy:
            parts.append(f"validation accuracy {self.validation_accuracy[-1]:.3f}")
        broken = np.flatnonzero(~np.isfinite(self.step_loss))
        if broken.size:
            parts.append(f"loss not finite from step {broken[0] + 1} on")
        if self.interrupted:
            parts.append("interrupted")
        return f"History({', '.join(parts)})"


def fit(
    model, loss_fn, optimizer, x, y, *, epochs, batch_size, rng, validation=None, progress=True
) -> History:
    """Train `model` in place on x, y in shuffled batches; return the `History` of the run.

    x (N, ...), y (N, ...): integer labels (N,) or targets for `loss_fn`. validation: a pair
    (x, labels) measured after every epoch, in eval mode; the training itself runs in the mode the
    model is in. rng shuffles; None keeps the order of the samples.
    A loss that is nan or inf is recorded and training goes on. KeyboardInterrupt ends the run and
    keeps what there is. Raises ValueError for x and y of different lengths, no samples, epochs or
    batch_size below 1, and validation without integer labels.
    """
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}, expected at least 1")
    x, y = _samples(x, y, batch_size)
    has_labels = _are_labels(y)
    if validation is not None:
        if len(validation) != 2:
            raise ValueError(f"validation has {len(validation)} parts, expected (x, labels)")
        if not _are_labels(np.asarray(validation[1])):
            raise ValueError("validation needs integer labels (N,), to measure the accuracy")

    history = History()
    steps = -(-len(x) // batch_size)
    # A diverging run overflows: the history says so, better than warnings from deep inside.
    with np.errstate(over="ignore", invalid="ignore"), _bar(epochs * steps, progress) as bar:
        try:
            for _ in range(epochs):
                loss_sum = correct = 0
                for x_batch, y_batch in batches(x, y, batch_size, rng):
                    prediction = model(x_batch)
                    loss = loss_fn(prediction, y_batch)
                    model.zero_grad()
                    loss.backward()
                    optimizer.step()
                    history.step_loss.append(float(loss))
                    loss_sum += float(loss) * len(x_batch)
                    shown = f"loss {loss:.3g}"
                    if has_labels:
                        hits = int((prediction.argmax(axis=1) == y_batch).sum())
                        correct += hits
                        shown += f", accuracy {hits / len(x_batch):.2f}"
                    bar.set_postfix_str(shown, refresh=False)
                    bar.update()
                history.epoch_loss.append(loss_sum / len(x))
                if has_labels:
                    history.train_accuracy.append(correct / len(x))
                if validation is not None:
                    history.validation_accuracy.append(accuracy(model, *validation))
        except KeyboardInterrupt:
            history.interrupted = True
    return history


def accuracy(model, x, labels, batch_size: int = 250) -> float:
    """Share of the samples whose largest output is at the label, measured in eval mode.

    x (N, ...), labels (N,) integers. Works in batches to save memory. Afterwards every layer is in
    the mode it was in before, also when the measurement is interrupted.
    Raises ValueError for other labels, different lengths or no samples.
    """
    x, labels = _samples(x, labels, batch_size)
    if not _are_labels(labels):
        raise ValueError(
            f"labels have shape {labels.shape} and are {labels.dtype}, expected integers (N,)"
        )
    with model.evaluating():
        correct = sum(
            int((model.forward(x_batch).argmax(axis=1) == batch_labels).sum())
            for x_batch, batch_labels in batches(x, labels, batch_size, rng=None)
        )
    return correct / len(x)


def batches(x, y, batch_size: int, rng) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs (x, y) of `batch_size` samples, every sample once; the last pair may be smaller.

    rng shuffles the samples; None keeps their order.
    Raises ValueError for different lengths, no samples, or a batch_size below 1.
    """
    x, y = _samples(x, y, batch_size)
    order = None if rng is None else require_generator(rng).permutation(len(x))
    return _cut(x, y, batch_size, order)


def _cut(x, y, batch_size, order):
    for start in range(0, len(x), batch_size):
        piece = slice(start, start + batch_size)
        if order is not None:
            piece = order[piece]
        yield x[piece], y[piece]


def _samples(x, y, batch_size):
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(
            f"x has shape {x.shape} and y {y.shape}: expected one row of y per row of x"
        )
    if len(x) == 0:
        raise ValueError("x and y are empty, expected at least one sample")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, expected at least 1")
    return x, y


def _are_labels(y) -> bool:
    return y.ndim == 1 and y.dtype.kind in "iu"


def _bar(total, progress):
    from tqdm.auto import tqdm  # here, so that importing the engine loads no progress bars

    return tqdm(total=total, disable=not progress, leave=False, unit="step")
