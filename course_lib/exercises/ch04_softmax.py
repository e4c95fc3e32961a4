"""Exercises of chapter 04."""

from dataclasses import replace
from functools import cache

import numpy as np

from course_lib.datasets import load_mnist
from course_lib.exercises.ch03_relu import BACKWARD_STEPS, TWO_LAYER_STEPS
from course_lib.grading import Call, Finding, Seed, Step, by_nudging, exercise
from course_lib.grading.lines import FindLine, Line
from course_lib.grading.ordering import Move, Order
from course_lib.grading.outcomes import Odd
from course_lib.grading.questions import Choice, Matrix, Option, Predict
from course_lib.grading.variants import question

LARGE = "logits as large as 1000"
SQUARE, SINGLE = "as many classes as samples", "a batch of one sample"


def _labels(rng, N, C):
    """Labels that cover every class where there are samples enough."""
    every = np.arange(C) if N >= C else rng.permutation(C - 1)[:N]  # and not always the last one
    return rng.permutation(np.concatenate([every, rng.integers(0, C, max(0, N - C))]))


def _scores(rng, labels=True):
    """Cases (logits, labels): moderate, square, N = 1, and far too large for a bare exp."""
    cases = []
    for (N, C), label in (
        ((6, 4), ""),
        ((6, 4), ""),
        ((8, 3), ""),
        ((7, 5), ""),
        ((5, 5), SQUARE),
        ((1, 6), SINGLE),
    ):
        cases.append((rng.normal(size=(N, C)) * 2, _labels(rng, N, C), label))
    large = np.array(
        [
            [1000.0, 999.0, 0.0],
            [-1000.0, -998.5, -1000.0],
            [0.5, -0.25, 0.125],
            [3.0, 1000.0, -1000.0],
            [-1000.0, 0.0, 2.0],
        ]
    )
    cases.append((large, np.array([1, 0, 2, 2, 1]), LARGE))
    return [Call((z, y) if labels else (z,), label) for z, y, label in cases]


# Softmax ------------------------------------------------------------------------------------------

_SOFTMAX_STEPS = (
    Step(
        "shifted",
        lambda logits: logits - logits.max(axis=1, keepdims=True),
        "The scores go into the exponential as they are, up to one number that is taken from all "
        "of a row: the largest, so that no exponent is above 0.",
        {
            "the mean of each row is subtracted, not the largest": lambda logits: (
                logits - logits.mean(axis=1, keepdims=True)
            ),
            "the smallest of each row is subtracted, not the largest": lambda logits: (
                logits - logits.min(axis=1, keepdims=True)
            ),
            "the largest of each row is added, not subtracted": lambda logits: (
                logits + logits.max(axis=1, keepdims=True)
            ),
            "scores are cut to the range from -500 to 500": lambda logits: np.clip(
                logits, -500, 500
            ),
            "scores are cut to the range from -700 to 700": lambda logits: np.clip(
                logits, -700, 700
            ),
        },
    ),
    Step(
        "e",
        lambda shifted: np.exp(shifted),
        "Softmax makes scores positive by the exponential function.",
        {
            "2 is the base and not e": lambda shifted: 2.0**shifted,
            "10 is the base and not e": lambda shifted: 10.0**shifted,
            "exp(-z) is taken for exp(z)": lambda logits: np.exp(
                -(logits - logits.min(axis=1, keepdims=True))
            ),
            "the scores, less the smallest of their row, are not exponentiated": lambda logits: (
                logits - logits.min(axis=1, keepdims=True)
            ),
            "the scores are squared, not exponentiated": lambda logits: logits**2,
            "sizes without signs are exponentiated": lambda logits: np.exp(np.abs(logits)),
        },
    ),
    Step(
        "p",
        lambda e: e / e.sum(axis=1, keepdims=True),
        "Each row is divided by its own sum, so that it adds up to 1.",
        {
            "the exponentials are not divided by their sum": lambda e: e,
            "the largest score is taken off above the line only": lambda e, logits: (
                e / np.exp(logits).sum(axis=1, keepdims=True)
            ),
            "the largest score is taken off below the line only": lambda e, logits: (
                np.exp(logits) / e.sum(axis=1, keepdims=True)
            ),
            "the sum is subtracted, not divided by": lambda e: e - e.sum(axis=1, keepdims=True),
            "the sum runs over the whole array": lambda e: e / e.sum(),
            "each row is divided by the root of the sum of its squares": lambda e: (
                e / np.sqrt((e * e).sum(axis=1, keepdims=True))
            ),
            "softmax is applied to its own result": lambda e: _softmax(_softmax(np.log(e))),
            "the mean stands where the sum belongs": lambda e: e / e.mean(axis=1, keepdims=True),
        },
    ),
)


def _softmax(z, axis=1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


@exercise(
    points=2,
    minutes=8,
    probes=lambda rng: _scores(rng, labels=False),
    title="Softmax",
    outputs=("p",),
    hints=(
        "np.exp makes every score positive. Then divide each row by its sum.",
        "sum(axis=1, keepdims=True) has the shape (N, 1), which divides row by row.",
        "np.exp(1000) is inf. Subtract the largest score of each row first.",
    ),
    steps=_SOFTMAX_STEPS,
)
def softmax(logits):
    """Probabilities from scores, row by row.

    logits: scores, (N, C). Returns p, (N, C); each row adds up to 1. Right for logits of +-1000.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    return e / e.sum(axis=1, keepdims=True)


@softmax.misconception(
    "no shift",
    "Your p is right for moderate logits, and nan for large ones.",
    "exp(1000) is beyond the largest number a float64 holds, and inf / inf is nan; taking the same "
    "number from all scores of a row changes nothing but that.",
    "Which number would make the largest exponent of each row 0?",
)
def _(logits):
    e = np.exp(logits)
    return e / e.sum(axis=1, keepdims=True)


@softmax.misconception(
    "one shift for all rows",
    "Your p is right for moderate logits, and nan where one row's logits are far below another's.",
    "With the largest of the whole array subtracted, every exponential of such a row is 0, and "
    "0/0 is nan.",
    "Each row needs a largest score of its own.",
)
def _(logits):
    e = np.exp(logits - logits.max())
    return e / e.sum(axis=1, keepdims=True)


@softmax.misconception(
    "wrong axis",
    "Your p adds up to 1 along the samples, not along the classes.",
    "A sample is a row; its probabilities for all classes share one sum.",
    "Which axis counts the classes?",
)
def _(logits):
    return _softmax(logits, axis=0)


@softmax.misconception(
    "one sum for all",
    "Your p adds up to 1 over the whole array, not in each row.",
    "Every sample has probabilities of its own.",
    "Give the sum an axis, and keepdims=True.",
)
def _(logits):
    return _softmax(logits, axis=(0, 1))


@softmax.misconception(
    "not divided",
    "Your p holds the exponentials: they are not divided by their sum.",
    "Probabilities of a row add up to 1.",
    "What does each row of yours add up to?",
)
def _(logits):
    return np.exp(logits)


@softmax.misconception(
    "no exponential",
    "Your p divides the scores themselves by their sum.",
    "Scores may be negative; the exponential makes them positive and keeps their order.",
    "Where does np.exp enter?",
)
def _(logits):
    return logits / logits.sum(axis=1, keepdims=True)


@softmax.misconception(
    "sigmoid",
    "Your p is the sigmoid of each score by itself.",
    "Classes compete: a higher score of one lowers the probability of all others.",
    "What does each row of yours add up to?",
)
def _(logits):
    return 1 / (1 + np.exp(-logits))


@softmax.misconception(
    "logarithm",
    "Your p is the logarithm of the right one.",
    "A probability is positive; log-probabilities are for the loss.",
    "Look for a log.",
)
def _(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@softmax.also_right("logarithms first")
def _(logits):
    largest = logits.max(axis=1)
    log_sum = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1))
    return np.exp(logits - log_sum[:, None])


@softmax.also_right("row by row")
def _(logits):
    rows = []
    for z in logits:
        e = [np.exp(s - max(z)) for s in z]
        rows.append([v / sum(e) for v in e])
    return rows


@softmax.also_right("one over the sum of differences")
def _(logits):
    with np.errstate(over="ignore"):
        return 1 / np.exp(logits[:, None, :] - logits[:, :, None]).sum(axis=2)


# Cross-entropy ------------------------------------------------------------------------------------


def _picked(a, labels):
    return a[np.arange(len(labels)), labels]


def _log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _with_epsilon():
    return {
        f"{eps:g} is added inside the logarithm": lambda log_p, labels, eps=eps: (
            -np.log(_picked(np.exp(log_p), labels) + eps)
        )
        for eps in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16)
    } | {
        f"probabilities below {eps:g} are cut off": lambda log_p, labels, eps=eps: (
            -np.log(np.maximum(_picked(np.exp(log_p), labels), eps))
        )
        for eps in (1e-7, 1e-8, 1e-10, 1e-12, 1e-15, 1e-16)
    }


@exercise(
    points=2,
    minutes=8,
    probes=_scores,
    title="Cross-entropy",
    outputs=("loss",),
    hints=(
        "p[np.arange(N), labels] picks, in each row, the probability of the true class.",
        "-log of softmax: the logarithm of a quotient is a difference, so no quotient is needed.",
        "Write ln p of the true class as its score less ln of the sum; then shift both.",
        "-log p[label] = log(sum of exp(z)) - z[label], with the largest score of the row taken "
        "from z first.",
    ),
    steps=(
        Step(
            "log_p",
            lambda logits: _log_softmax(logits),
            "The probabilities come from softmax, row by row.",
            {
                "softmax is applied twice": lambda logits: _log_softmax(_softmax(logits)),
                "softmax runs along the samples": lambda logits: np.log(_softmax(logits, axis=0)),
                "softmax has one sum for the whole array": lambda logits: np.log(
                    _softmax(logits, axis=(0, 1))
                ),
                "a sigmoid takes the place of softmax": lambda logits: -np.log1p(np.exp(-logits)),
                "the logits are not turned into probabilities": lambda logits: np.log(logits),
                "the logits are taken for log-probabilities": lambda logits: logits,
                "no largest score is subtracted": lambda logits: np.log(
                    np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
                ),
            },
        ),
        Step(
            "surprise",
            lambda log_p, labels: -_picked(log_p, labels),
            "The surprise is -ln of the probability that the true class got, as it is; written as "
            "score less ln of the sum it never needs a logarithm of 0.",
            {
                "the probability itself is the surprise": lambda log_p, labels: _picked(
                    np.exp(log_p), labels
                ),
                "1 - p is the surprise": lambda log_p, labels: 1 - _picked(np.exp(log_p), labels),
                "the logarithm has base 2": lambda log_p, labels: (
                    -_picked(log_p, labels) / np.log(2)
                ),
                "the logarithm has base 10": lambda log_p, labels: (
                    -_picked(log_p, labels) / np.log(10)
                ),
                "the most likely class is taken for the true one": lambda log_p: -log_p.max(axis=1),
                "the least likely class is taken for the true one": lambda log_p: (
                    -log_p.min(axis=1)
                ),
                "ln p is averaged over all classes, and the labels play no part": lambda log_p: (
                    -log_p.mean(axis=1)
                ),
                "every class is taken, not the true one": lambda log_p: -log_p.sum(axis=1),
                "p log p is added up over the classes (the entropy)": lambda log_p: (
                    -(np.exp(log_p) * log_p).sum(axis=1)
                ),
                "the square (1 - p)^2 is the surprise": lambda log_p, labels: (
                    (1 - _picked(np.exp(log_p), labels)) ** 2
                ),
                "the wrong classes count as well, by -ln(1 - p)": lambda log_p, labels: (
                    -_picked(log_p, labels)
                    - np.log1p(-np.exp(log_p)).sum(axis=1)
                    + np.log1p(-np.exp(_picked(log_p, labels)))
                ),
                "the classes are counted from 1": lambda log_p, labels: -_picked(log_p, labels - 1),
                "the labels are sorted first": lambda log_p, labels: (
                    -_picked(log_p, np.sort(labels))
                ),
                "the largest score less the true one is the surprise": lambda logits, labels: (
                    logits.max(axis=1) - _picked(logits, labels)
                ),
                "the true score is not shifted, but the sum is": lambda logits, labels: (
                    np.log(np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1))
                    - _picked(logits, labels)
                ),
                "only the true score counts, not the sum": lambda logits, labels: (
                    -_picked(logits, labels)
                ),
                "the squared error of p is the surprise": lambda log_p, labels: (
                    (np.exp(log_p) - np.eye(log_p.shape[1])[labels]) ** 2
                ).sum(axis=1),
                "half the squared error of p is the surprise": lambda log_p, labels: (
                    ((np.exp(log_p) - np.eye(log_p.shape[1])[labels]) ** 2).sum(axis=1) / 2
                ),
                "all entries of the squared error of p are averaged": lambda log_p, labels: (
                    (np.exp(log_p) - np.eye(log_p.shape[1])[labels]) ** 2
                ).mean(axis=1),
                "the probability with a minus sign is the surprise": lambda log_p, labels: (
                    -_picked(np.exp(log_p), labels)
                ),
                "every sample is given the first label": lambda log_p, labels: -log_p[:, labels[0]],
                **_with_epsilon(),
            },
        ),
        Step(
            "loss",
            lambda surprise: np.mean(surprise),
            "The loss is the mean over the samples.",
            {
                "the surprises of the samples are added up": lambda surprise: surprise.sum(),
                "a surprise for each sample is returned, no mean": lambda surprise: surprise,
                "e is raised to the loss (the perplexity)": lambda surprise: np.exp(
                    surprise.mean()
                ),
                "only the first sample counts, divided by N": lambda surprise: (
                    surprise[0] / len(surprise)
                ),
                "only the last sample counts, divided by N": lambda surprise: (
                    surprise[-1] / len(surprise)
                ),
                "the last sample is left out": lambda surprise: (
                    surprise[:-1].mean() if len(surprise) > 1 else surprise.mean()
                ),
                "the last sample is left out, the N kept": lambda surprise: (
                    surprise[:-1].sum() / len(surprise)
                ),
                "N - 1 is divided by": lambda surprise: surprise.sum() / (len(surprise) - 1),
                "the median takes the place of the mean": lambda surprise: np.median(surprise),
                "the largest surprise takes the place of the mean": lambda surprise: surprise.max(),
                "the mean runs over classes as well": lambda surprise, log_p: (
                    surprise.sum() / log_p.size
                ),
                "the root of the mean square is taken": lambda surprise: np.sqrt(
                    np.mean(surprise**2)
                ),
                "the mean probability goes into one logarithm": lambda surprise: (
                    -np.log(np.mean(np.exp(-surprise)))
                ),
            },
        ),
    ),
)
def cross_entropy(logits, labels):
    """Mean cross-entropy of softmax probabilities.

    logits: scores, (N, C). labels: the true classes, integers from 0 to C - 1, (N,). Returns a
    number: the mean over the samples of -ln p[label]. Right for logits of +-1000.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return np.mean(log_sum - shifted[np.arange(len(labels)), labels])


@cross_entropy.misconception(
    "summed",
    "Your loss is N times the right one: the samples are added up.",
    "The mean over the batch keeps the loss the same size whatever the batch.",
    "Sum or mean?",
)
def _(logits, labels):
    return -_picked(_log_softmax(logits), labels).sum()


@cross_entropy.misconception(
    "sign",
    "Your loss is negative: the minus sign is missing.",
    "The logarithm of a probability is negative or 0; surprise is -ln p.",
    "What is ln 0.5?",
)
def _(logits, labels):
    return np.mean(_picked(_log_softmax(logits), labels))


@cross_entropy.misconception(
    "something added to p",
    "Your loss is right for moderate logits, and too small where the true class got next to "
    "nothing: p is kept above 1e-12, by adding it or by cutting p off there.",
    "The loss then stops at about 27.63, and its slope in the logits goes to 0, where the true "
    "slope is near -1.",
    "ln(e^a / s) = a - ln s: then no logarithm of 0 can occur.",
)
def _(logits, labels):
    return -np.mean(np.log(_picked(_softmax(logits), labels) + 1e-12))


@cross_entropy.misconception(
    "logarithm of 0",
    "Your loss is right for moderate logits, and infinite where the true class got next to "
    "nothing: p has been rounded to 0 before the logarithm.",
    "ln(e^a / s) = a - ln s needs neither the quotient nor a logarithm of it.",
    "Do it in one: subtract the logarithm of the sum from the score.",
)
def _(logits, labels):
    return -np.mean(np.log(_picked(_softmax(logits), labels)))


@cross_entropy.misconception(
    "no shift",
    "Your loss is right for moderate logits, and nan for large ones: exp overflows, or the "
    "logarithm of a p that was rounded to 0 is multiplied by 0.",
    "inf / inf is nan, and so is 0 times -inf, for the wrong classes of a one-hot row too.",
    "Take ln p as score less ln of the sum, with the largest score of the row taken off first.",
)
def _(logits, labels):
    log_sum = np.log(np.exp(logits).sum(axis=1))
    return np.mean(log_sum - _picked(logits, labels))


@cross_entropy.misconception(
    "averaged over the classes too",
    "Your loss is the right one divided by C: the mean was taken over all N times C entries.",
    "Each sample has one true class, and one surprise.",
    "How many numbers are averaged?",
)
def _(logits, labels):
    one_hot = np.eye(logits.shape[1])[labels]
    return -np.mean(one_hot * _log_softmax(logits))


@cross_entropy.misconception(
    "likeliest class",
    "Your loss takes the probability of the likeliest class, not of the true one.",
    "The loss asks how surprised the network is by the truth; without the labels it knows none.",
    "Where do the labels enter?",
)
def _(logits, labels):
    return -np.mean(_log_softmax(logits).max(axis=1))


@cross_entropy.misconception(
    "all pairs",
    "Your loss pairs every sample with every label of the batch.",
    "`p[:, labels]` are all rows in those columns, but each sample has one true class.",
    "A row index is needed beside the column index: row 0 with labels[0], row 1 with labels[1]…",
)
def _(logits, labels):
    return -np.mean(_log_softmax(logits)[:, labels])


@cross_entropy.misconception(
    "base 2",
    "Your loss is in bits: the logarithm has base 2.",
    "The loss is measured with the natural logarithm; then the gradient is p minus one-hot "
    "without another factor.",
    "np.log2 or np.log?",
)
def _(logits, labels):
    return -np.mean(_picked(_log_softmax(logits), labels)) / np.log(2)


@cross_entropy.also_right("logaddexp")
def _(logits, labels):
    return float((np.logaddexp.reduce(logits, axis=1) - _picked(logits, labels)).mean())


@cross_entropy.also_right("loop")
def _(logits, labels):
    total = 0.0
    for z, label in zip(logits, labels, strict=True):
        largest = max(z)
        total += np.log(sum(np.exp(s - largest) for s in z)) + largest - z[label]
    return total / len(labels)


@cross_entropy.also_right("one-hot, 0-d array")
def _(logits, labels):
    one_hot = np.eye(logits.shape[1])[labels]
    return np.array(-np.einsum("nc,nc->", one_hot, _log_softmax(logits)) / len(labels))


# The gradient in the logits -----------------------------------------------------------------------


@exercise(
    points=3,
    minutes=12,
    probes=_scores,
    title="Softmax and cross-entropy, backward",
    outputs=("dlogits",),
    hints=(
        "For one sample: the probabilities, less 1 at the true class.",
        "The loss is a mean over N samples: here, and nowhere else, the 1/N comes in.",
        "np.eye(C)[labels] is the one-hot array.",
    ),
    ingredients=lambda logits, labels: {
        "p": _softmax(logits),
        "one_hot": np.eye(logits.shape[1])[labels],
    },
    numerical=lambda logits, labels: by_nudging(
        lambda z: cross_entropy.solution(z, labels), logits
    ),
    steps=(
        Step(
            "p",
            lambda logits: _softmax(logits),
            "The probabilities come from softmax, row by row.",
            {
                "softmax is applied twice": lambda logits: _softmax(_softmax(logits)),
                "softmax runs along the samples": lambda logits: _softmax(logits, axis=0),
                "softmax has one sum for the whole array": lambda logits: _softmax(
                    logits, axis=(0, 1)
                ),
                "a sigmoid takes the place of softmax": lambda logits: 1 / (1 + np.exp(-logits)),
                "p is rounded to 0 and 1": lambda logits: np.round(_softmax(logits)),
                "p is 1 at the likeliest class, 0 elsewhere": lambda logits: np.eye(
                    logits.shape[1]
                )[logits.argmax(axis=1)],
                "log p stands in the place of p": lambda logits: _log_softmax(logits),
                "exp(z) is not divided by its sum": lambda logits: np.exp(logits),
                "no largest score is subtracted": lambda logits: (
                    np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
                ),
            },
        ),
        Step(
            "one_hot",
            lambda logits, labels: np.eye(logits.shape[1])[labels],
            "Each row of the one-hot array has its 1 in the column of its own label.",
            {
                "every row gets all labels of the batch": lambda logits, labels: np.broadcast_to(
                    np.isin(np.arange(logits.shape[1]), labels) * 1.0, logits.shape
                ),
                "every row gets the first label": lambda logits, labels: np.eye(logits.shape[1])[
                    np.full(len(labels), labels[0])
                ],
                "labels are counted from 1": lambda logits, labels: np.eye(logits.shape[1])[
                    labels - 1
                ],
                "labels are one too large": lambda logits, labels: np.eye(logits.shape[1])[
                    (labels + 1) % logits.shape[1]
                ],
                "the label itself stands where the 1 belongs": lambda logits, labels: (
                    np.eye(logits.shape[1])[labels] * labels[:, None]
                ),
                "1 is taken in the first row only": lambda logits, labels: (
                    np.eye(logits.shape[1])[labels] * (np.arange(len(labels)) == 0)[:, None]
                ),
                "1 - one-hot stands in its place": lambda logits, labels: (
                    1 - np.eye(logits.shape[1])[labels]
                ),
                "-1 stands at the wrong classes": lambda logits, labels: (
                    2 * np.eye(logits.shape[1])[labels] - 1
                ),
                "the label's number is subtracted from the whole row": lambda logits, labels: (
                    np.broadcast_to(labels[:, None] * 1.0, logits.shape)
                ),
                "the likeliest class is taken for the true one": lambda logits: np.eye(
                    logits.shape[1]
                )[logits.argmax(axis=1)],
                "labels are taken for row numbers": lambda logits, labels: np.broadcast_to(
                    np.isin(np.arange(len(logits)), labels % len(logits))[:, None] * 1.0,
                    logits.shape,
                ),
                "the labels are sorted first": lambda logits, labels: np.eye(logits.shape[1])[
                    np.sort(labels)
                ],
                "1/C is taken off everywhere": lambda logits, labels: np.full(
                    logits.shape, 1 / logits.shape[1]
                ),
            },
        ),
        Step(
            "dlogits",
            lambda p, one_hot: (p - one_hot) / len(p),
            "For one sample it is p, less 1 at the true class; the mean over the batch brings 1/N.",
            {
                "only the true class gets a gradient": lambda p, one_hot: (
                    (p - 1) * one_hot / len(p)
                ),
                "the true class gets none": lambda p, one_hot: p * (1 - one_hot) / len(p),
                "the true class gets -1 in place of p - 1": lambda p, one_hot: (
                    (p * (1 - one_hot) - one_hot) / len(p)
                ),
                "only the true class's entry is divided by N": lambda p, one_hot: np.where(
                    one_hot, (p - 1) / len(p), p
                ),
                "only the wrong classes are divided by N": lambda p, one_hot: np.where(
                    one_hot, p - 1, p / len(p)
                ),
                "rows whose likeliest class is right get no gradient": lambda p, one_hot: (
                    (p - one_hot) * ((p * one_hot).sum(axis=1) < p.max(axis=1))[:, None] / len(p)
                ),
                "1 is taken from the true score, before softmax": lambda logits, one_hot: (
                    _softmax(logits - one_hot) / len(logits)
                ),
                "1 is taken from the true score, and then from p": lambda logits, one_hot: (
                    (_softmax(logits - one_hot) - one_hot) / len(logits)
                ),
                "each sample is divided by how many share its label": lambda p, one_hot: (
                    (p - one_hot) / (one_hot @ one_hot.sum(axis=0))[:, None]
                ),
                "the loss were the squared error of p": lambda p, one_hot: (
                    p * ((p - one_hot) - (p * (p - one_hot)).sum(axis=1, keepdims=True)) / len(p)
                ),
                "p (1 - p) multiplies it, the slope of a sigmoid": lambda p, one_hot: (
                    (p - one_hot) * p * (1 - p) / len(p)
                ),
                "p multiplies it": lambda p, one_hot: (p - one_hot) * p / len(p),
                "it is the gradient in the probabilities, -1/p": lambda p, one_hot: (
                    -one_hot / p / len(p)
                ),
                "it is the gradient in the probabilities, -1/p, not averaged": lambda p, one_hot: (
                    -one_hot / p
                ),
                "the sizes are taken, without signs": lambda p, one_hot: (
                    np.abs(p - one_hot) / len(p)
                ),
                "the squares (p - one-hot)^2 are taken": lambda p, one_hot: (
                    (p - one_hot) ** 2 / len(p)
                ),
                "the mean of each row is subtracted, not the one-hot row": lambda p: (
                    (p - p.mean(axis=1, keepdims=True)) / len(p)
                ),
                "it is averaged over the samples": lambda p, one_hot: np.broadcast_to(
                    (p - one_hot).mean(axis=0), p.shape
                ),
                "it is averaged to one row": lambda p, one_hot: (p - one_hot).mean(axis=0),
                "only p is divided by N": lambda p, one_hot: p / len(p) - one_hot,
                "only the one-hot row is divided by N": lambda p, one_hot: p - one_hot / len(p),
                "it is added, not subtracted": lambda p, one_hot: (p + one_hot) / len(p),
            },
        ),
    ),
)
def softmax_cross_entropy_backward(logits, labels):
    """Gradient of the mean cross-entropy with respect to the logits.

    logits: scores, (N, C). labels: the true classes, integers from 0 to C - 1, (N,). Returns
    dlogits, (N, C). Right for logits of +-1000.
    """
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    dlogits = e / e.sum(axis=1, keepdims=True)
    dlogits[np.arange(len(labels)), labels] -= 1
    return dlogits / len(labels)


def _p_and_one_hot(logits, labels):
    return _softmax(logits), np.eye(logits.shape[1])[labels]


@softmax_cross_entropy_backward.misconception(
    "1/N missing",
    "Your dlogits is N times the right one: the 1/N of the mean is missing.",
    "The loss is a mean over N samples, so each sample's part is divided by N, here and nowhere "
    "else.",
    "Where does the batch size enter?",
)
def _(logits, labels):
    p, one_hot = _p_and_one_hot(logits, labels)
    return p - one_hot


@softmax_cross_entropy_backward.misconception(
    "y - p",
    "Your dlogits has the opposite sign: the probabilities are taken from the one-hot rows.",
    "A higher score of the true class lowers the loss, so its gradient is negative: p - 1.",
    "Which entry of a row must be negative?",
)
def _(logits, labels):
    p, one_hot = _p_and_one_hot(logits, labels)
    return (one_hot - p) / len(p)


@softmax_cross_entropy_backward.misconception(
    "whole columns",
    "Your dlogits takes 1 from whole columns: from every sample, at every label that occurs in "
    "the batch.",
    "`p[:, labels]` are all rows in those columns, but each row has one true class.",
    "A row index is needed beside the column index: row 0 with labels[0], row 1 with labels[1]…",
)
def _(logits, labels):
    p = _softmax(logits)
    p[:, labels] -= 1
    return p / len(p)


@softmax_cross_entropy_backward.misconception(
    "nothing subtracted",
    "Your dlogits is p / N: nothing is subtracted at the true class.",
    "Without it the gradient would lower every score, and the labels would play no part.",
    "Where do the labels enter?",
)
def _(logits, labels):
    return _softmax(logits) / len(logits)


@softmax_cross_entropy_backward.misconception(
    "true class only",
    "Your dlogits is 0 except at the true class: either the wrong classes were left out, or only "
    "the diagonal of softmax's Jacobian was used.",
    "Each score stands in the sum below every probability, so the true class's probability falls "
    "when any other score rises.",
    "What must each row of dlogits add up to, if adding 1 to all scores changes nothing?",
)
def _(logits, labels):
    p, one_hot = _p_and_one_hot(logits, labels)
    return (p - 1) * one_hot / len(p)


@softmax_cross_entropy_backward.misconception(
    "softmax twice",
    "Your dlogits applies softmax to what softmax gave.",
    "Logits are scores before any softmax; it is applied once.",
    "Which array do you hand to which function?",
)
def _(logits, labels):
    p, one_hot = _p_and_one_hot(_softmax(logits), labels)
    return (p - one_hot) / len(p)


@softmax_cross_entropy_backward.misconception(
    "no softmax",
    "Your dlogits is (logits - one-hot) / N: the scores themselves stand where the probabilities "
    "belong.",
    "That is the gradient of a squared error on the scores.",
    "Where does softmax enter?",
)
def _(logits, labels):
    return (logits - np.eye(logits.shape[1])[labels]) / len(logits)


@softmax_cross_entropy_backward.misconception(
    "wrong axis",
    "Your dlogits uses a softmax that runs along the samples.",
    "The probabilities of one sample, a row, add up to 1.",
    "Which axis counts the classes?",
)
def _(logits, labels):
    return (_softmax(logits, axis=0) - np.eye(logits.shape[1])[labels]) / len(logits)


@softmax_cross_entropy_backward.misconception(
    "gradient in the probabilities",
    "Your dlogits is the gradient with respect to the probabilities, -1/p at the true class.",
    "Between probabilities and scores lies softmax: one more link of the chain, its Jacobian.",
    "Which variable is the derivative taken by?",
)
def _(logits, labels):
    p, one_hot = _p_and_one_hot(logits, labels)
    return -one_hot / p / len(p)


@softmax_cross_entropy_backward.misconception(
    "no shift",
    "Your dlogits is right for moderate logits, and nan for large ones: exp overflows.",
    "Taking the largest score of a row from all its scores changes nothing but that.",
    "You have a softmax that survives 1000 already.",
)
def _(logits, labels):
    e = np.exp(logits)
    return (e / e.sum(axis=1, keepdims=True) - np.eye(logits.shape[1])[labels]) / len(logits)


@softmax_cross_entropy_backward.misconception(
    "averaged over the classes too",
    "Your dlogits is the right one divided by C: the mean ran over all N times C entries.",
    "Each sample has one surprise; the mean is over the N samples.",
    "What do you divide by?",
)
def _(logits, labels):
    p, one_hot = _p_and_one_hot(logits, labels)
    return (p - one_hot) / p.size


@softmax_cross_entropy_backward.also_right("one-hot")
def _(logits, labels):
    N, C = logits.shape
    return (softmax.solution(logits) - (np.arange(C) == labels[:, None])) / N


@softmax_cross_entropy_backward.also_right("the Jacobian of log-softmax, row by row")
def _(logits, labels):
    rows = []
    for p, label in zip(_softmax(logits), labels, strict=True):
        jacobian = np.eye(p.size) - np.outer(np.ones(p.size), p)
        rows.append(-jacobian[label])
    return np.array(rows) / len(rows)


@softmax_cross_entropy_backward.also_right("loops, float32")
def _(logits, labels):
    out = np.zeros(logits.shape, np.float32)
    for n, label in enumerate(labels):
        e = np.exp(logits[n] - logits[n].max())
        for c in range(len(e)):
            out[n, c] = (e[c] / e.sum() - (c == label)) / len(labels)
    return out


# The complete network -----------------------------------------------------------------------------


def _mlp_cases(rng):
    calls = []
    for (N, D, H, C), label, scale in (
        ((6, 3, 5, 4), "", 1),
        ((6, 3, 5, 4), "", 1),
        ((7, 4, 6, 5), "", 1),
        ((8, 5, 4, 3), "", 1),
        ((5, 5, 5, 5), "square matrices (N = D = H = C)", 1),
        ((1, 3, 4, 6), SINGLE, 1),
        ((6, 4, 5, 3), LARGE, 400),
    ):
        while True:
            X, labels = rng.normal(size=(N, D)), _labels(rng, N, C)
            W1, b1 = rng.normal(size=(D, H)), rng.normal(size=H)
            W2, b2 = rng.normal(size=(H, C)) * scale, rng.normal(size=C)
            args = X, labels, W1, b1, W2, b2
            if label != LARGE or _is_telling(*args):
                break
        calls.append(Call(args, label))
    return calls


def _is_telling(X, labels, W1, b1, W2, b2):
    """Whether large logits show what they are for: a log of 0 without the shift.

    Nor may gradients that are exact cancel down to their rounding.
    """
    z1 = X @ W1 + b1
    z2 = np.maximum(z1, 0) @ W2 + b2
    log_p = _log_softmax(z2)
    dz2 = (np.exp(log_p) - np.eye(z2.shape[1])[labels]) / len(X)
    dz1 = (dz2 @ W2.T) * (z1 > 0)
    sizes = [np.abs(g).max() for g in (dz2.sum(axis=0), dz1.sum(axis=0), X.T @ dz1)]
    return _picked(log_p, labels).min() < -800 and min(sizes) > 0.01


@exercise(
    points=5,
    minutes=25,
    probes=_mlp_cases,
    title="The complete network",
    outputs=("loss", "dW1", "db1", "dW2", "db2"),
    hints=(
        "Seven gradients, from the end: dz2, dW2, db2, da1, dz1, dW1, db1.",
        "dz2 is softmax_cross_entropy_backward of z2. It carries the 1/N; nothing else divides.",
        "From dz2 on it is two_layer_backward of chapter 03, word for word.",
    ),
    steps=(
        *TWO_LAYER_STEPS,
        Step(
            "log_p",
            lambda z2: _log_softmax(z2),
            "Probabilities come from softmax, row by row.",
            {
                "softmax is applied twice": lambda z2: _log_softmax(_softmax(z2)),
                "softmax runs along the samples": lambda z2: np.log(_softmax(z2, axis=0)),
                "softmax has one sum for the whole array": lambda z2: np.log(
                    _softmax(z2, axis=(0, 1))
                ),
                "a sigmoid takes the place of softmax": lambda z2: -np.log1p(np.exp(-z2)),
            },
        ),
        Step("p", lambda log_p: np.exp(log_p), "Probabilities come from softmax, row by row."),
        Step(
            "loss",
            lambda log_p, labels: -np.mean(_picked(log_p, labels)),
            "The loss is the mean over the samples of -ln of the true class's probability.",
            {
                "the surprises are added up, not averaged": lambda z2, labels: (
                    -np.sum(_picked(_log_softmax(z2), labels))
                ),
                "the mean of ln p has no minus sign": lambda z2, labels: np.mean(
                    _picked(_log_softmax(z2), labels)
                ),
                "the mean runs over classes as well": lambda z2, labels: (
                    -np.sum(_picked(_log_softmax(z2), labels)) / z2.size
                ),
                "the likeliest class is taken for the true one": lambda z2: (
                    -np.mean(_log_softmax(z2).max(axis=1))
                ),
                "1 - p of the true class is averaged": lambda p, labels: np.mean(
                    1 - _picked(p, labels)
                ),
                "the squared error of p is taken": lambda p, labels: (
                    np.sum((p - np.eye(p.shape[1])[labels]) ** 2) / 2 / len(p)
                ),
                "the squared error of p is taken, without the 1/2": lambda p, labels: (
                    np.sum((p - np.eye(p.shape[1])[labels]) ** 2) / len(p)
                ),
                "the squared error of z2 is taken": lambda z2, labels: (
                    np.sum((z2 - np.eye(z2.shape[1])[labels]) ** 2) / 2 / len(z2)
                ),
                "a list of surprises is returned": lambda z2, labels: (
                    -_picked(_log_softmax(z2), labels)
                ),
                **{
                    f"{eps:g} is added inside the logarithm": lambda p, labels, eps=eps: (
                        -np.mean(np.log(_picked(p, labels) + eps))
                    )
                    for eps in (1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
                },
                "p is rounded to 0 before the logarithm": lambda p, labels: (
                    -np.mean(np.log(_picked(p, labels)))
                ),
            },
        ),
        Step(
            "dz2",
            lambda p, labels: (p - np.eye(p.shape[1])[labels]) / len(p),
            "For one sample dz2 is p, less 1 at the true class; the mean of the loss brings the "
            "1/N, here and nowhere else.",
            {
                "nothing is subtracted at the true class": lambda p: p / len(p),
                "dz2 is one-hot minus p": lambda p, labels: (
                    (np.eye(p.shape[1])[labels] - p) / len(p)
                ),
                "dz2 is p - one-hot, without the 1/N": lambda p, labels: (
                    p - np.eye(p.shape[1])[labels]
                ),
                "1 is taken from whole columns": lambda p, labels: (
                    (p - np.isin(np.arange(p.shape[1]), labels)) / len(p)
                ),
                "only the true class gets a gradient": lambda p, labels: (
                    (p - 1) * np.eye(p.shape[1])[labels] / len(p)
                ),
                "dz2 is z2 - one-hot": lambda z2, labels: (
                    (z2 - np.eye(z2.shape[1])[labels]) / len(z2)
                ),
                "dz2 is z2 - one-hot, without the 1/N": lambda z2, labels: (
                    z2 - np.eye(z2.shape[1])[labels]
                ),
                "dz2 is the gradient in the probabilities, -1/p": lambda p, labels: (
                    -np.eye(p.shape[1])[labels] / p / len(p)
                ),
                "dz2 is divided by N times C, not by N": lambda p, labels: (
                    (p - np.eye(p.shape[1])[labels]) / p.size
                ),
                "the 1/N is taken twice": lambda p, labels: (
                    (p - np.eye(p.shape[1])[labels]) / len(p) ** 2
                ),
                "dz2 is multiplied by p (1 - p)": lambda p, labels: (
                    (p - np.eye(p.shape[1])[labels]) * p * (1 - p) / len(p)
                ),
                "dz2 comes from the likeliest class, not the label": lambda p: (
                    (p - np.eye(p.shape[1])[p.argmax(axis=1)]) / len(p)
                ),
                "dz2 is multiplied by the loss": lambda p, labels, loss: (
                    loss * (p - np.eye(p.shape[1])[labels]) / len(p)
                ),
                "softmax is applied once more": lambda p, labels: (
                    (_softmax(p) - np.eye(p.shape[1])[labels]) / len(p)
                ),
                "dz2 is masked with [z2 > 0]": lambda p, labels, z2: (
                    (p - np.eye(p.shape[1])[labels]) / len(p) * (z2 > 0)
                ),
                "dz2 is the gradient of the squared error of p": lambda p, labels: (
                    _through_softmax(p, p - np.eye(p.shape[1])[labels]) / len(p)
                ),
            },
        ),
        *BACKWARD_STEPS,
    ),
)
def mlp_backward(X, labels, W1, b1, W2, b2):
    """Loss and gradients of a network: linear, ReLU, linear, softmax and mean cross-entropy.

    X: inputs, (N, D). labels: the true classes, integers from 0 to C - 1, (N,).
    W1: weights, (D, H). b1: biases, (H,). W2: weights, (H, C). b2: biases, (C,).
    Returns (loss, dW1, db1, dW2, db2). Right for logits of +-1000.
    """
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    shifted = z2 - z2.max(axis=1, keepdims=True)
    rows, sums = np.arange(len(X)), np.exp(shifted).sum(axis=1, keepdims=True)
    loss = np.mean(np.log(sums[:, 0]) - shifted[rows, labels])
    dz2 = np.exp(shifted) / sums
    dz2[rows, labels] -= 1
    dz2 /= len(X)
    dW2, db2 = a1.T @ dz2, dz2.sum(axis=0)
    da1 = dz2 @ W2.T
    dz1 = da1 * (z1 > 0)
    dW1, db1 = X.T @ dz1, dz1.sum(axis=0)
    return loss, dW1, db1, dW2, db2


def _through_softmax(p, dp):
    return p * (dp - (p * dp).sum(axis=1, keepdims=True))


def _mlp(X, labels, W1, b1, W2, b2, **slips):
    """The same with some lines replaced, for the misconceptions."""
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    loss = cross_entropy.solution(z2, labels)
    dz2 = slips.get("dz2", lambda d: d)(softmax_cross_entropy_backward.solution(z2, labels))
    dW2, db2 = slips.get("seen", lambda z, a: a)(z1, a1).T @ dz2, dz2.sum(axis=0)
    da1 = dz2 @ slips.get("back", lambda W, dW: W)(W2, dW2).T
    dz1 = slips.get("gate", lambda d, z: d * (z > 0))(da1, z1)
    divide = slips.get("divide", lambda g: g)
    return loss, *map(divide, (X.T @ dz1, dz1.sum(axis=0), dW2, db2))


@mlp_backward.misconception(
    "no mask",
    "Your dW1 and db1 leave out the gate: the gradient comes back through closed ReLUs too. The "
    "loss, dW2 and db2 are right.",
    "dz1 is da1 where z1 is positive and 0 elsewhere.",
    "What stands between da1 and the first layer?",
)
def _(*args):
    return _mlp(*args, gate=lambda d, z: d)


@mlp_backward.misconception(
    "1/N missing",
    "All four of your gradients are N times too large. The loss is right.",
    "The loss is a mean, so dz2 carries a 1/N, and everything after it inherits that.",
    "Where does the batch size enter?",
)
def _(*args):
    return _mlp(*args, dz2=lambda d: d * len(d))


@mlp_backward.misconception(
    "1/N twice",
    "All four of your gradients are N times too small. The loss is right.",
    "dz2 carries the 1/N of the mean already; the layers add up over the batch and divide by "
    "nothing.",
    "Where do you divide, or take a mean, a second time?",
)
def _(X, *args):
    return _mlp(X, *args, divide=lambda g: g / len(X))


@mlp_backward.misconception(
    "sign",
    "All four of your gradients have the wrong sign. The loss is right.",
    "dz2 is p - one-hot: negative at the true class only, where a higher score lowers the loss.",
    "Which is subtracted from which?",
)
def _(*args):
    return _mlp(*args, dz2=lambda d: -d)


@mlp_backward.misconception(
    "z1 for a1",
    "Your dW2 is made with z1, before the gate, in place of a1. All else is right.",
    "The weights of the second layer met a1: a blocked unit has no part in the output.",
    "What did the second layer multiply on the way forward?",
)
def _(*args):
    return _mlp(*args, seen=lambda z, a: z)


@mlp_backward.misconception(
    "weights already updated",
    "Your dW1 and db1 come from a W2 that has moved already, by 0.1 of its gradient. The rest is "
    "right.",
    "All gradients belong to the weights of the forward pass.",
    "Compute all gradients first; whoever called you moves the weights.",
)
def _(*args):
    return _mlp(*args, back=lambda W, dW: W - 0.1 * dW)


@mlp_backward.misconception(
    "mask from the gradient",
    "Your dW1 and db1 keep the positive entries of da1: the gate is set by the gradient. The loss, "
    "dW2 and db2 are right.",
    "The gate was set by z1, on the way forward; gradients of either sign pass an open one.",
    "Whose sign decides?",
)
def _(*args):
    return _mlp(*args, gate=lambda d, z: d * (d > 0))


@mlp_backward.misconception(
    "0 times the logarithm of 0",
    "Your loss is right for moderate logits, and nan for large ones: the logarithm of a p that was "
    "rounded to 0 is multiplied by 0. The gradients are right.",
    "0 times -inf is nan, for the wrong classes of a one-hot row too.",
    "You have a cross-entropy that survives logits of 1000.",
)
def _(X, labels, W1, b1, W2, b2):
    _, *gradients = _mlp(X, labels, W1, b1, W2, b2)
    p = _softmax(np.maximum(X @ W1 + b1, 0) @ W2 + b2)
    return -np.sum(np.eye(p.shape[1])[labels] * np.log(p)) / len(p), *gradients


@mlp_backward.misconception(
    "weights averaged",
    "Your dW1 and dW2 are divided by N once too often; the loss, db1 and db2 are right.",
    "dz2 carries the 1/N of the mean already, and no layer divides by N.",
    "Where does the product for dW divide?",
)
def _(X, *args):
    loss, dW1, db1, dW2, db2 = _mlp(X, *args)
    return loss, dW1 / len(X), db1, dW2 / len(X), db2


@mlp_backward.misconception(
    "biases averaged",
    "Your db1 and db2 are divided by N once too often; the loss, dW1 and dW2 are right.",
    "dz2 carries the 1/N of the mean already, and what the samples send back adds up.",
    "Where do you take a mean over the samples?",
)
def _(X, *args):
    loss, dW1, db1, dW2, db2 = _mlp(X, *args)
    return loss, dW1, db1 / len(X), dW2, db2 / len(X)


@mlp_backward.misconception(
    "logarithm of 0",
    "Your loss is right for moderate logits, and infinite where the true class got next to "
    "nothing: p has been rounded to 0 before the logarithm. The gradients are right.",
    "ln(e^a / s) = a - ln s needs neither the quotient nor a logarithm of it.",
    "You have a cross-entropy that survives logits of 1000.",
)
def _(X, labels, W1, b1, W2, b2):
    _, *gradients = _mlp(X, labels, W1, b1, W2, b2)
    p = _softmax(np.maximum(X @ W1 + b1, 0) @ W2 + b2)
    return -np.mean(np.log(_picked(p, labels))), *gradients


@mlp_backward.misconception(
    "order of the results",
    "Your four gradients come in another order: dW2, db2 and then dW1, db1.",
    "They are found back to front, but wanted front to back.",
    "Read the last line of the docstring.",
)
def _(*args):
    loss, dW1, db1, dW2, db2 = _mlp(*args)
    return loss, dW2, db2, dW1, db1


@mlp_backward.misconception(
    "no shift",
    "Your loss and gradients are right for moderate logits, and nan for large ones: exp overflows.",
    "Taking the largest score of a row from all its scores changes nothing but that.",
    "You have a softmax and a cross-entropy that survive 1000.",
)
def _(X, labels, W1, b1, W2, b2):
    z2 = np.maximum(X @ W1 + b1, 0) @ W2 + b2
    p = np.exp(z2) / np.exp(z2).sum(axis=1, keepdims=True)
    dz2 = (p - np.eye(p.shape[1])[labels]) / len(p)
    gradients = _mlp(X, labels, W1, b1, W2, b2, dz2=lambda _: dz2)[1:]
    return -np.mean(np.log(_picked(p, labels))), *gradients


@mlp_backward.also_right("einsum, mask from a1, log-sum-exp")
def _(X, labels, W1, b1, W2, b2):
    N, C = len(X), len(b2)
    a1 = np.einsum("nd,dh->nh", X, W1) + b1
    a1[a1 < 0] = 0
    z2 = np.einsum("nh,hc->nc", a1, W2) + b2
    log_sum = np.logaddexp.reduce(z2, axis=1)
    dz2 = (np.exp(z2 - log_sum[:, None]) - np.eye(C)[labels]) / N
    dz1 = np.where(a1 > 0, np.einsum("nc,hc->nh", dz2, W2), 0)
    return (
        np.mean(log_sum - z2[range(N), labels]),
        np.einsum("nd,nh->dh", X, dz1),
        dz1.sum(0),
        np.einsum("nh,nc->hc", a1, dz2),
        dz2.sum(0),
    )


@mlp_backward.also_right("sample by sample")
def _(X, labels, W1, b1, W2, b2):
    totals = [0.0, *(np.zeros_like(p) for p in (W1, b1, W2, b2))]
    for x, label in zip(X, labels, strict=True):
        z1 = x @ W1 + b1
        a1 = np.maximum(0, z1)
        z2 = a1 @ W2 + b2
        e = np.exp(z2 - max(z2))
        totals[0] += np.log(e.sum()) + max(z2) - z2[label]
        dz2 = e / e.sum()
        dz2[label] -= 1
        dz1 = (W2 @ dz2) * (z1 > 0)
        for total, part in zip(
            totals[1:], (np.outer(x, dz1), dz1, np.outer(a1, dz2), dz2), strict=True
        ):
            total += part
    return [t / len(X) for t in totals]


@mlp_backward.also_right("float32 results")
def _(*args):
    return tuple(np.asarray(g, dtype=np.float32) for g in mlp_backward.solution(*args))


# Relative error -----------------------------------------------------------------------------------


def _pairs(rng):
    def pair(*size):
        a = rng.normal(size=size)
        return a, a * (1 + 1e-3 * rng.normal(size=size))

    zeros = np.array([[0.0, 2.0, -3.0], [0.0, 0.0, 1e-3]])
    one_sided = np.array([0.5, 0.0, -2.0, 1.5])
    other = np.array([0.5, 1e-4, -2.0, 1.6])
    tiny = np.array([3e-14, -5e-13, 0.0, 2e-15, 0.0])
    same = rng.normal(size=(3, 5))
    return [
        Call(pair(4, 3)),
        Call(pair(4, 3)),
        Call(pair(6)),
        Call(pair(2, 3, 4)),
        Call((rng.normal(size=(5, 5)), rng.normal(size=(5, 5)))),
        Call((-np.abs(rng.normal(size=7)), -np.abs(rng.normal(size=7)))),
        Call((np.array([1.0, -2.0, 0.5]), np.array([1.0, 2.0, 0.5])), "a sign that is turned"),
        Call((zeros, zeros * np.array([1, 1.01, 0.98])), "entries that are 0 on both sides"),
        Call((one_sided, other), "an entry that is 0 on one side only"),
        Call((other, one_sided), "an entry that is 0 on one side only"),
        Call((tiny, np.zeros(5)), "entries next to nothing on both sides"),
        Call((same, same.copy()), "equal arrays"),
        Call((np.array([2.0]), np.array([2.5])), "a single entry"),
    ]


@exercise(
    points=2,
    minutes=6,
    probes=_pairs,
    title="Relative error",
    outputs=("error",),
    hints=(
        "First the differences, entry by entry, without their signs.",
        "np.maximum(np.abs(a), np.abs(n)) is the larger of the two sizes, entry by entry.",
        "A third maximum, with 1e-12, keeps 0/0 away.",
    ),
    ingredients=lambda analytic, numeric: {
        "|a - n|": np.abs(analytic - numeric),
        "max(|a|, |n|)": np.maximum(np.abs(analytic), np.abs(numeric)),
    },
    steps=(
        Step(
            "difference",
            lambda analytic, numeric: np.abs(analytic - numeric),
            "The error of an entry is |a - n|.",
            {
                "a - n keeps its sign": lambda analytic, numeric: analytic - numeric,
                "n - a keeps its sign": lambda analytic, numeric: numeric - analytic,
                "the sizes are compared, |a| with |n|": lambda analytic, numeric: np.abs(
                    np.abs(analytic) - np.abs(numeric)
                ),
                "the differences are squared": lambda analytic, numeric: (analytic - numeric) ** 2,
            },
        ),
        Step(
            "size",
            lambda analytic, numeric: np.maximum(np.abs(analytic), np.abs(numeric)),
            "It is compared with the larger of |a| and |n|.",
            {
                "the difference is divided by |a| + |n|": lambda analytic, numeric: (
                    np.abs(analytic) + np.abs(numeric)
                ),
                "the difference is divided by (|a| + |n|) / 2": lambda analytic, numeric: (
                    (np.abs(analytic) + np.abs(numeric)) / 2
                ),
                "the smaller of |a| and |n| is the divisor": lambda analytic, numeric: np.minimum(
                    np.abs(analytic), np.abs(numeric)
                ),
                "the difference is divided by |a|": lambda analytic: np.abs(analytic),
                "the difference is divided by |n|": lambda numeric: np.abs(numeric),
                "the difference is divided by |a + n|": lambda analytic, numeric: np.abs(
                    analytic + numeric
                ),
                "the larger of a and n is divided by, with its sign": lambda analytic, numeric: (
                    np.maximum(analytic, numeric)
                ),
                "it is not divided at all": lambda analytic: np.ones_like(analytic),
                "the largest of all entries is divided by": lambda analytic, numeric: np.full(
                    analytic.shape, max(np.abs(analytic).max(), np.abs(numeric).max())
                ),
                "it is divided by at least 1": lambda analytic, numeric: np.maximum(
                    1, np.maximum(np.abs(analytic), np.abs(numeric))
                ),
            },
        ),
        Step(
            "floor",
            lambda size: np.maximum(size, 1e-12),
            "1e-12 is the least that is divided by, so that 0/0 does not occur.",
            {
                "nothing keeps 0/0 away": lambda size: size,
                "1e-12 is added": lambda size: size + 1e-12,
                "1e-15 is added": lambda size: size + 1e-15,
                "1e-10 is added": lambda size: size + 1e-10,
                "1e-8 is added": lambda size: size + 1e-8,
                "1e-6 is added": lambda size: size + 1e-6,
                "1e-8 is the least that is divided by": lambda size: np.maximum(size, 1e-8),
                "1e-3 is the least that is divided by": lambda size: np.maximum(size, 1e-3),
                "1e-4 is the least that is divided by": lambda size: np.maximum(size, 1e-4),
                "1e-5 is the least that is divided by": lambda size: np.maximum(size, 1e-5),
                "1e-6 is the least that is divided by": lambda size: np.maximum(size, 1e-6),
                "1e-10 is the least that is divided by": lambda size: np.maximum(size, 1e-10),
                "1e-15 is the least that is divided by": lambda size: np.maximum(size, 1e-15),
            },
        ),
        Step(
            "error",
            lambda difference, floor: (difference / floor).max(),
            "The largest error counts: one wrong entry is enough.",
            {
                "the errors are averaged": lambda difference, floor: (difference / floor).mean(),
                "the errors are added up": lambda difference, floor: (difference / floor).sum(),
                "the median is taken": lambda difference, floor: np.median(difference / floor),
                "the smallest error is taken": lambda difference, floor: (difference / floor).min(),
                "the first entry alone is compared": lambda difference, floor: (
                    difference / floor
                ).flat[0],
                "the last entry alone is compared": lambda difference, floor: (
                    difference / floor
                ).flat[-1],
                "an error for each entry is returned": lambda difference, floor: difference / floor,
                "the largest difference is divided by the largest size": lambda difference, floor: (
                    difference.max() / floor.max()
                ),
                "the length of the differences is divided by the length of the sizes": (
                    lambda difference, floor: np.sqrt((difference**2).sum() / (floor**2).sum())
                ),
                "lengths of whole arrays are compared, and added below the line": (
                    lambda analytic, numeric: (
                        np.linalg.norm(analytic - numeric)
                        / max(np.linalg.norm(analytic) + np.linalg.norm(numeric), 1e-12)
                    )
                ),
                "the errors are squared and averaged": lambda difference, floor: (
                    (difference / floor) ** 2
                ).mean(),
                "the largest error of each row is returned": lambda difference, floor: (
                    difference / floor
                ).max(axis=-1),
                "the entry with the largest difference alone is compared": (
                    lambda difference, floor: (difference / floor).flat[np.argmax(difference)]
                ),
                "it is given in percent": lambda difference, floor: (
                    100 * (difference / floor).max()
                ),
            },
        ),
    ),
)
def relative_error(analytic, numeric):
    """The largest relative difference between two arrays.

    analytic, numeric: arrays a and n of the same shape. Returns a number: the largest
    |a - n| / max(|a|, |n|, 1e-12) over all entries.
    """
    size = np.maximum(np.abs(analytic), np.abs(numeric))
    return np.max(np.abs(analytic - numeric) / np.maximum(size, 1e-12))


@relative_error.misconception(
    "absolute",
    "Your error is the largest difference itself: it is not divided by the size of the numbers.",
    "0.001 is nothing beside a gradient of 100 and everything beside one of 0.001.",
    "What is each difference compared with?",
)
def _(analytic, numeric):
    return np.max(np.abs(analytic - numeric))


@relative_error.misconception(
    "mean",
    "Your error is the mean over the entries.",
    "One wrong entry among thousands would vanish in a mean; the largest shows it.",
    "mean or max?",
)
def _(analytic, numeric):
    size = np.maximum(np.abs(analytic), np.abs(numeric))
    return np.mean(np.abs(analytic - numeric) / np.maximum(size, 1e-12))


@relative_error.misconception(
    "sum of the sizes",
    "Your error divides by |a| + |n|: it is between half of what it should be and all of it.",
    "With the larger of the two a turned sign counts as 2; with the sum only as 1, like an entry "
    "that is 0.",
    "Which of the two sizes do you divide by?",
)
def _(analytic, numeric):
    size = np.abs(analytic) + np.abs(numeric)
    return np.max(np.abs(analytic - numeric) / np.maximum(size, 1e-12))


@relative_error.misconception(
    "no floor",
    "Your error is right unless an entry is 0 or next to nothing on both sides; for 0 it is nan.",
    "0/0 is not a number, although two zeros agree: the 1e-12 is there for that.",
    "Which of the three numbers in the maximum is missing?",
)
def _(analytic, numeric):
    size = np.maximum(np.abs(analytic), np.abs(numeric))
    return np.max(np.abs(analytic - numeric) / size)


@relative_error.misconception(
    "divided by the numeric one",
    "Your error divides by |n| alone.",
    "Where n is 0 and a is not, that explodes; the larger of the two treats both alike.",
    "What if the numerical gradient is 0?",
)
def _(analytic, numeric):
    return np.max(np.abs(analytic - numeric) / np.maximum(np.abs(numeric), 1e-12))


@relative_error.misconception(
    "sign kept",
    "Your error keeps the sign of a - n, so that entries that are too small go unseen.",
    "An error counts in both directions.",
    "Where do you take the size of the difference?",
)
def _(analytic, numeric):
    size = np.maximum(np.abs(analytic), np.abs(numeric))
    return np.max((analytic - numeric) / np.maximum(size, 1e-12))


@relative_error.misconception(
    "ratio of the largest",
    "Your error divides the largest difference by the largest entry.",
    "A small entry that is completely wrong hides behind a large one; each is compared with its "
    "own size.",
    "Divide first, then take the maximum.",
)
def _(analytic, numeric):
    size = max(np.abs(analytic).max(), np.abs(numeric).max(), 1e-12)
    return np.max(np.abs(analytic - numeric)) / size


@relative_error.misconception(
    "lengths",
    "Your error compares lengths, of the difference and of the arrays, not entries.",
    "A small entry that is completely wrong hides behind a large one; each is compared with its "
    "own size.",
    "Look for np.linalg.norm.",
)
def _(analytic, numeric):
    size = np.maximum(np.linalg.norm(analytic), np.linalg.norm(numeric))
    return np.linalg.norm(analytic - numeric) / max(size, 1e-12)


@relative_error.also_right("loop")
def _(analytic, numeric):
    worst = 0.0
    for a, n in zip(analytic.ravel(), numeric.ravel(), strict=True):
        worst = max(worst, abs(a - n) / max(abs(a), abs(n), 1e-12))
    return worst


@relative_error.also_right("stacked")
def _(analytic, numeric):
    both = np.abs(np.stack([analytic, numeric, np.full_like(numeric, 1e-12)]))
    return float((np.abs(analytic - numeric) / both.max(axis=0)).max())


@relative_error.also_right("reduce")
def _(analytic, numeric):
    floor = np.maximum.reduce([abs(analytic), abs(numeric), 1e-12 * np.ones(analytic.shape)])
    return np.amax(np.divide(abs(numeric - analytic), floor))


# Training -----------------------------------------------------------------------------------------

WANTED, MOST_UNITS = 0.88, 10_000
TINY = np.float32(1e-20)  # no network needs smaller weights, and processors are slow at them


def _one_thread():
    """Holds matrix products to one thread: on products this small, more of them only wait."""
    from threadpoolctl import threadpool_limits  # here, since most judgements do without

    return threadpool_limits(1)


@cache
def _digits():
    """All training digits: probes draw 5,000 of the first 50,000, the last ones stay unseen."""
    mnist = load_mnist(test=1)
    return mnist.x_train, mnist.y_train


def _training_set(rng):
    x, labels = _digits()
    chosen = rng.choice(50_000, 5_000, replace=False)
    return [Call((x[chosen], labels[chosen], Seed(int(rng.integers(1000)))), again=False)]


OTHER_ORDER = "pixels in another order"


def _in_another_order(rng):
    """The same with the pixels exchanged, which is all the same to an answer that trains.

    Weights that were trained elsewhere and written down are of no use there as they stand.
    """
    (probe,) = _training_set(rng)
    X, labels, seed = probe.args
    order = rng.permutation(X.shape[1])
    probe = replace(probe, args=(X[:, order], labels, seed), label=OTHER_ORDER)
    # No field of the probe, so that it goes nowhere with it: whoever knows it need not train.
    object.__setattr__(probe, "order", order)
    return [probe]


def _unseen():
    x, labels = _digits()
    return x[50_000:52_000], labels[50_000:52_000]


def _scores_of(weights, x, activation=lambda z: np.maximum(z, 0)):
    W1, b1, W2, b2 = weights
    with np.errstate(all="ignore"):
        parts = np.array_split(x, max(1, len(x) // 500))  # however many hidden units there are
        return np.concatenate([activation(part @ W1 + b1) @ W2 + b2 for part in parts])


def _hits(weights, x, labels, **other):
    return _scores_of(weights, x, **other).argmax(axis=1) == labels


def _dead(X, W1, b1):
    parts = np.array_split(X, max(1, len(X) // 500))
    return np.all([(part @ W1 + b1 <= 0).all(axis=0) for part in parts], axis=0)


class _Run:
    """What can be told of weights, the images they were trained on, and unseen ones."""

    def __init__(self, weights, X, labels):
        self.weights, self.X, self.labels = weights, X, labels
        self.unseen = _unseen()
        with np.errstate(all="ignore"):
            self.finite = all(np.isfinite(w).all() for w in weights)
            scores = _scores_of(weights, X)
            self.loss = float(cross_entropy.solution(np.nan_to_num(scores), labels))
            self.trained = float(np.mean(scores.argmax(axis=1) == labels))
            self.predicted = _scores_of(weights, self.unseen[0]).argmax(axis=1)
            self.accuracy = float(np.mean(self.predicted == self.unseen[1]))

    def measured(self):
        loss = f"with a loss of {self.loss:.3g} (guessing has {np.log(10):.2f})"
        if not self.finite:
            loss = "and its loss is not a finite number"
        return (
            f"Your network reads {self.accuracy:.1%} of 2,000 unseen digits; {WANTED:.0%} is "
            f"wanted. Of its own {len(self.X):,} images it reads {self.trained:.1%}, {loss}."
        )

    @property
    def start(self):
        """Spread of the rows of W1 that no gradient ever reached."""
        untouched = self.weights[0][~self.X.any(axis=0)]
        return float(untouched.std()) if untouched.size else 0.0

    @property
    def spread(self):
        """Spread of W1 at pixels that are often lit, over that at pixels never lit.

        The gradient never reaches a weight whose pixel is always 0: those rows of W1 are still
        where they started, and show how far the others have moved.
        """
        lit = (self.X > 0).mean(axis=0)
        moved, start = self.weights[0][lit > 0.25], self.weights[0][lit == 0]
        return float(moved.std() / start.std()) if start.size and start.std() > 0 else np.inf

    def other_network(self):
        """(symptom, words, accuracy) of another network in which these weights do well."""
        x, labels = self.unseen[0][:500], self.unseen[1][:500]
        mean, deviation = self.X.mean(axis=0), self.X.std(axis=0) + 1e-8
        ways = {
            "a sigmoid in the place of ReLU": {"activation": lambda z: 1 / (1 + np.exp(-z))},
            "tanh in the place of ReLU": {"activation": np.tanh},
            "no ReLU between the layers": {"activation": lambda z: z},
            "a leaky ReLU in the place of ReLU": {
                "activation": lambda z: np.where(z > 0, z, 0.1 * z)
            },
            "|z| in the place of ReLU": {"activation": np.abs},
            "pixels from 0 to 255": {"x": x * 255},
            "pixels divided by 255 once more": {"x": x / 255},
            "pixels less their mean": {"x": x - mean},
            "pixels less their mean, divided by their spread": {"x": (x - mean) / deviation},
            "pixels less the mean of all of them, divided by the spread of all": {
                "x": (x - self.X.mean()) / self.X.std()
            },
            "pixels from -1 to 1": {"x": 2 * x - 1},
            "pixels from -0.5 to 0.5": {"x": x - 0.5},
            "black and white exchanged": {"x": 1 - x},
            "pixels rounded to 0 or 1": {"x": (x > 0.5) * 1.0},
            "images turned on their side": {
                "x": x.reshape(-1, 28, 28).transpose(0, 2, 1).reshape(-1, 784)
            },
            "images turned upside down": {"x": x[:, ::-1]},
            "images mirrored": {"x": x.reshape(-1, 28, 28)[:, :, ::-1].reshape(-1, 784)},
            "rows of length 1": {
                "x": x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-8)
            },
        }
        with np.errstate(all="ignore"):
            found = {
                w: np.mean(_hits(self.weights, **{"x": x, "labels": labels, **way}))
                for w, way in ways.items()
            }
        best = max(found, key=found.get)
        gain = found[best] - self.accuracy
        good = (found[best] >= 0.8 and gain > 0.05) or (found[best] >= 0.7 and gain > 0.4)
        id = "other activation" if "activation" in ways[best] else "another network"
        return (id, best, float(found[best])) if good else None

    def renamed(self):
        """The digit that is mostly said for each true digit, if that is a consistent renaming."""
        said = [
            int(np.bincount(self.predicted[self.unseen[1] == digit], minlength=10).argmax())
            for digit in range(10)
        ]
        after = float(np.mean(np.array(said)[self.unseen[1]] == self.predicted))
        gain = after - self.accuracy
        better = (after > 0.65 and gain > 0.2) or (after > 0.85 and gain > 0.08)
        return said if len(set(said)) >= 8 and better else None

    def missing(self):
        """The digits that are hardly ever said, by a network that reads the others well."""
        said = np.bincount(self.predicted, minlength=10) >= 0.01 * len(self.predicted)
        known = said[self.unseen[1]]
        reads = np.mean(self.predicted[known] == self.unseen[1][known]) if known.any() else 0.0
        some = reads > 0.8 and said.sum() > 1
        return [d for d in range(10) if not said[d]] if some else []

    def only_part(self):
        """(how many, "first" or "last") of the training images that are read far better."""
        hits = _hits(self.weights, self.X, self.labels)
        for k in (2500, 2000, 1000, 640, 500, 512, 256, 200, 128, 100, 64, 50, 32, 20, 10):
            for which, own, rest in (("first", hits[:k], hits[k:]), ("last", hits[-k:], hits[:-k])):
                by_chance = rest.mean() ** k
                if own.mean() >= 0.97 and own.mean() - rest.mean() > 0.1 and by_chance < 1e-6:
                    return k, which
        return None


def _run(outcome, X, labels):
    """The `_Run` of what came back, or None where it is no network at all."""
    values = [r.value for r in outcome.records]
    if len(values) != 4 or any(isinstance(v, Odd) for v in values):
        return None
    W1, b1, W2, b2 = (np.asarray(v, dtype=np.float32) for v in values)
    hidden = W1.shape[-1] if W1.ndim == 2 else 0
    if (
        W1.shape != (784, hidden)
        or W2.shape != (hidden, 10)
        or b1.shape not in ((hidden,), (1, hidden))
        or b2.shape not in ((10,), (1, 10))
        or not 0 < hidden <= MOST_UNITS
    ):
        return None
    return _Run([np.where(np.abs(w) < TINY, 0, w) for w in (W1, b1, W2, b2)], X, labels)


def _in_usual_order(probe, outcome):
    """The outcome and the images as if no pixels had been exchanged."""
    X, labels, _ = probe.args
    order = getattr(probe, "order", None)
    if order is None:
        return outcome, X, labels
    back = np.argsort(order)
    records = [
        replace(r, value=r.value[back]) if r.name == "W1" and np.shape(r.value)[:1] == (784,) else r
        for r in outcome.records
    ]
    return replace(outcome, records=records), X[:, back], labels


def _symptom(run):
    """(id, words) for the most telling thing about weights that do not read well."""
    W1, b1, W2, b2 = run.weights
    if not run.finite:
        return "not finite", ""
    lit = (run.X > 0).mean(axis=0) > 0.25
    W1_lit = W1[lit]
    if not W1_lit.any() or np.allclose(W1_lit, W1_lit[:, :1]):
        return "units alike", ""
    other = run.other_network()
    if other:
        id, way, reads = other
        return id, f"With {way} the very same weights read {reads:.0%}."
    renamed = run.renamed()
    if renamed:
        said = ", ".join(f"{d} for {k}" for k, d in enumerate(renamed) if d != k)
        return "digits renamed", f"It says {said}."
    part = run.only_part()
    if part:
        return "part of the images", (
            f"It reads the {part[1]} {part[0]:,} images nearly perfectly, and the others far less "
            "well."
        )
    missing = ", ".join(map(str, run.missing()))
    if missing:
        return "digits missing", f"It never, or hardly ever, says {missing}."
    if run.accuracy < 0.03 or (run.accuracy < 0.3 and run.loss > 10):
        return "uphill", ""
    if W1.shape[1] < 10:
        return "few units", f"It has {W1.shape[1]} hidden units."
    dead = np.mean(_dead(run.X, W1, b1))
    if dead > 0.3:
        return "dead units", f"{dead:.0%} of its hidden units are 0 on every image."
    common = np.bincount(run.predicted, minlength=10)
    if common.max() > 0.6 * len(run.predicted):
        return "one digit", (
            f"It says {common.argmax()} to {common.max() / len(run.predicted):.0%} of the images."
        )
    still = run.spread < 1.02
    if run.start > 0.25:
        return "large start", (
            f"The rows of W1 that no gradient reaches have a spread of {run.start:.2g}."
        )
    if run.accuracy < 0.3 and run.loss > 2.0:
        return "nothing learned", "W1 is hardly different from where it started." if still else ""
    if still:
        return "first layer untouched", ""
    if run.trained > run.accuracy + 0.1:
        return "learned by heart", (
            f"It reads {run.trained:.0%} of its own images, but only {run.accuracy:.0%} of others."
        )
    return "too early", ""


_NEWEST = {}


def _findings(probe, outcome):
    """(run, symptom's id, its words) for an outcome; remembered, as many ask for the same one."""
    known, found = _NEWEST.get("last", (None, None))
    if known is not outcome:
        run = _run(*_in_usual_order(probe, outcome))
        reads_well = run is not None and run.finite and run.accuracy >= WANTED
        id, words = ("", "") if run is None or reads_well else _symptom(run)
        found = run, id, words
        _NEWEST["last"] = outcome, found  # in one go: others may judge at the same time
    return found


def _accept_network(probe, outcome):
    """True for a network that reads well; otherwise what was measured, and what that suggests."""
    if any(isinstance(r.value, Odd) for r in outcome.records):
        return None
    run, id, words = _findings(probe, outcome)
    if run is None:
        shapes = ", ".join(str(np.shape(r.value)) for r in outcome.records)
        return (
            Finding("shape", "W1", shapes),
            f"Your weights have the shapes {shapes}; (784, H), (H,), (H, 10), (10,) are wanted, "
            f"for any number H of hidden units from 1 to {MOST_UNITS:,}. Print the shape of each "
            "before you return them.",
        )
    if not id:
        return True
    return Finding("training", id, round(run.accuracy, 2)), f"{run.measured()} {words}".strip()


@exercise(
    points=5,
    minutes=30,
    probes=_training_set,
    held_back=_in_another_order,
    title="Train it",
    outputs=("W1", "b1", "W2", "b2"),
    accept=_accept_network,
    seconds=20,
    cpu_time=True,
    around=_one_thread,
    may_use=("layers", "losses", "optimizers", "training"),
    hints=(
        "Start with random weights for W1 and W2, zeros for b1 and b2.",
        "For each epoch: a new random order; for each 64 images of it, mlp_backward and one step.",
        "Start with a learning rate of 0.1 and 10 epochs. Print the loss after each epoch.",
    ),
    blind_spots=(
        "Whatever reads 88 % passes, slips that cost little included: biases that are never "
        "updated, a W2 that moves before da1 is computed.",
    ),
)
def train_mlp(X, labels, rng):
    """Train a network of two layers, linear, ReLU, linear, on handwritten digits.

    X: images, pixels from 0 to 1, (N, P), with N = 5,000 and P = 784. labels: digits, (N,).
    rng: a np.random.Generator, for the starting weights and the order of the images.
    Returns (W1, b1, W2, b2), for any number H of hidden units: (784, H), (H,), (H, 10), (10,).
    Right when it reads 88 % of 2,000 unseen digits, after at most 20 seconds of processor time.
    """
    hidden = 64
    W1 = rng.normal(0, np.sqrt(2 / 784), (784, hidden)).astype(X.dtype)
    W2 = rng.normal(0, np.sqrt(2 / hidden), (hidden, 10)).astype(X.dtype)
    b1, b2 = np.zeros(hidden, X.dtype), np.zeros(10, X.dtype)
    for _ in range(10):
        order = rng.permutation(len(X))
        for start in range(0, len(X), 64):
            batch = order[start : start + 64]
            x = X[batch]
            z1 = x @ W1 + b1
            a1 = np.maximum(z1, 0)
            z2 = a1 @ W2 + b2
            dz2 = np.exp(z2 - z2.max(axis=1, keepdims=True))
            dz2 /= dz2.sum(axis=1, keepdims=True)
            dz2[np.arange(len(batch)), labels[batch]] -= 1
            dz2 /= len(batch)
            dz1 = dz2 @ W2.T * (z1 > 0)
            W2 -= 0.1 * a1.T @ dz2
            b2 -= 0.1 * dz2.sum(axis=0)
            W1 -= 0.1 * x.T @ dz1
            b1 -= 0.1 * dz1.sum(axis=0)
    return W1, b1, W2, b2


def _train(X, labels, rng, *, epochs=4, rate=0.1, std=0.05, hidden=32, **slips):
    """The same with slips, for the misconceptions."""
    W1, W2 = rng.normal(0, std, (784, hidden)), rng.normal(0, 2 * std, (hidden, 10))
    weights = [w.astype(np.float32) for w in (W1, np.zeros(hidden), W2, np.zeros(10))]
    gradients_of = slips.get("gradients", lambda *a: mlp_backward.solution(*a)[1:])
    shuffle = slips.get("order", lambda rng, n: rng.permutation(n))
    keep = slips.get("keep", (1, 1, 1, 1))
    for _ in range(epochs):
        order = shuffle(rng, len(X))
        for start in range(0, len(order), 64):
            batch = order[start : start + 64]
            gradients = gradients_of(X[batch], labels[batch], *weights)
            for w, g, k in zip(weights, gradients, keep, strict=True):
                w -= rate * k * g
    return weights


def _trained(id, what, why, look):
    return train_mlp.misconception(
        id, what, why, look, symptom=lambda probe, outcome: _findings(probe, outcome)[1] == id
    )


@_trained(
    "not finite",
    "Your weights are not finite numbers any more.",
    "Steps that overshoot, or go uphill, make the next gradient larger still, until the numbers "
    "overflow; or a logarithm of 0 or an overflowing exp came in with the softmax.",
    "Look at the sign of the update. Then try a learning rate ten times smaller, and print the "
    "loss of every batch: when does it go?",
)
def _(X, labels, rng):
    return [w * np.nan for w in _train(X, labels, rng, epochs=1)]


@_trained(
    "units alike",
    "Your hidden units are all alike, or W1 is 0 throughout.",
    "Units that start with equal weights get equal gradients and stay equal for ever; then all "
    "of them are worth as much as one.",
    "Where does rng enter when W1 and W2 are made?",
)
def _(X, labels, rng):
    return _train(X, labels, rng, std=0.0)


@_trained(
    "other activation",
    "Your weights belong to another network.",
    "The gradients must be those of the network that is used: linear, ReLU, linear.",
    "What stands between your two layers, on the way forward and on the way back?",
)
def _(X, labels, rng):
    def without(X, labels, W1, b1, W2, b2):
        a1 = X @ W1 + b1
        dz2 = softmax_cross_entropy_backward.solution(a1 @ W2 + b2, labels)
        dz1 = dz2 @ W2.T
        return X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)

    return _train(X, labels, rng, gradients=without)


@_trained(
    "another network",
    "Your weights belong to other pixels.",
    "A network reads what it was trained on: the same scale, the same order of pixels.",
    "What happens to X in your function before the first layer?",
)
def _(X, labels, rng):
    sideways = X.reshape(-1, 28, 28).transpose(0, 2, 1).reshape(-1, 784)
    return _train(sideways, labels, rng)


@_trained(
    "digits renamed",
    "Your network tells the digits apart, but under other names.",
    "Row n of the gradient must use the label of image n, and column c belongs to digit c.",
    "Print one image with its label, right before it goes into the gradient.",
)
def _(X, labels, rng):
    return _train(X, (labels + 1) % 10, rng)


@_trained(
    "part of the images",
    "Your network has seen only a part of the images often enough.",
    "What it never saw it has to guess from what it knows; 5,000 images are there to be used.",
    "Which indices does each epoch go through? Print the first and the last.",
)
def _(X, labels, rng):
    return _train(X, labels, rng, epochs=120, order=lambda rng, n: rng.permutation(100))


@_trained(
    "one digit",
    "Your network says one digit most of the time.",
    "That is what is left when the last batches held one digit (sorted images), when images and "
    "labels do not belong together, or when only the last bias learns.",
    "Print the labels of a few batches: are they mixed? Then the loss of each batch.",
)
def _(X, labels, rng):
    return _train(X, np.full_like(labels, labels[0]), rng, epochs=1)


@_trained(
    "uphill",
    "Your loss has grown: the weights go uphill, or the steps are far too large.",
    "The gradient points where the loss grows, so it is subtracted; and only a small step does "
    "what the gradient says.",
    "Look at the sign of the update and of dz2, then at the learning rate.",
)
def _(X, labels, rng):
    return _train(X, labels, rng, epochs=1, rate=-0.02)


@_trained(
    "first layer untouched",
    "Your W1 is hardly different from where it started.",
    "The hidden units have to learn what to look for, and the rows of W1 for lit pixels look just "
    "like those for pixels that are never lit, which get no gradient.",
    "Is W1 updated, in the array that you return? Are the steps large enough?",
)
def _(X, labels, rng):
    return _train(X, labels, rng, keep=(0, 0, 1, 1), epochs=2, rate=0.05)


@_trained(
    "few units",
    "Your network has so few hidden units that they can hardly tell ten digits apart.",
    "All that the output layer learns of the image has to pass through them.",
    "Try 32 or more.",
)
def _(X, labels, rng):
    return _train(X, labels, rng, hidden=2)


@_trained(
    "large start",
    "Your W1 starts with weights that are too large.",
    "784 inputs add up, so a spread of about sqrt(2 / 784), 0.05, keeps the hidden units in "
    "range; with much more, the random part drowns what is learned.",
    "What is the standard deviation of W1 at the start?",
)
def _(X, labels, rng):
    return _train(X, labels, rng, std=1.0, rate=0.01)


@_trained(
    "dead units",
    "Many of your hidden units are dead: 0 on every image.",
    "A large step (a large rate, a missing 1/N, pixels up to 255) pushes a unit below 0 for all "
    "images, and then no gradient comes through to bring it back.",
    "Try a rate ten times smaller, and count dead_units after each epoch.",
)
def _(X, labels, rng):
    return _train(X, labels, rng, rate=3, epochs=2)


@_trained(
    "nothing learned",
    "Your network has learned next to nothing.",
    "Images and labels may not belong together (shuffled apart), or come sorted by digit; the "
    "gradient may be wrong; the steps far too small; or what you return is not what was trained.",
    "Check mlp_backward first. Then overfit 20 images: if that fails, the update is to blame.",
)
def _(X, labels, rng):
    return _train(X, rng.permutation(labels), rng, epochs=6, rate=0.3)


@_trained(
    "digits missing",
    "Your network leaves out some digits altogether.",
    "Which digits it says is decided by the examples and by the columns of W2 that learn.",
    "Do all digits occur in what it is trained on? Do all ten columns of W2 move?",
)
def _(X, labels, rng):
    few = np.flatnonzero(labels < 8)
    return _train(X, labels, rng, order=lambda rng, n: rng.permutation(few), epochs=2)


@_trained(
    "too early",
    "Your network is on its way, but not there.",
    "Every step follows the gradient only a little way, so few epochs or a small learning rate "
    "leave much to gain; too large a rate jumps past it.",
    "Print the loss after each epoch. If it still falls, go on, or take larger steps; if it jumps "
    "up and down, take smaller ones.",
)
def _(X, labels, rng):
    return _train(X, labels, rng, epochs=2, rate=0.05)


@train_mlp.also_right("momentum, 32 units, float64")
def _(X, labels, rng):
    shapes = ((784, 32), (32,), (32, 10), (10,))
    weights = [rng.normal(0, 0.05, s) if len(s) > 1 else np.zeros(s) for s in shapes]
    velocities = [np.zeros(s) for s in shapes]
    for _ in range(5):
        for batch in np.array_split(rng.permutation(len(X)), 80):
            gradients = mlp_backward.solution(X[batch].astype(float), labels[batch], *weights)[1:]
            velocities = [0.9 * v - 0.05 * g for v, g in zip(velocities, gradients, strict=True)]
            weights = [w + v for w, v in zip(weights, velocities, strict=True)]
    return tuple(weights)


@train_mlp.also_right("all images at once")
def _(X, labels, rng):
    W1 = rng.uniform(-0.05, 0.05, (784, 40)).astype(X.dtype)
    W2 = rng.uniform(-0.2, 0.2, (40, 10)).astype(X.dtype)
    weights = [W1, np.zeros((1, 40), X.dtype), W2, np.zeros((1, 10), X.dtype)]
    for _ in range(120):
        z1 = X @ weights[0] + weights[1]
        a1 = np.maximum(z1, 0)
        dz2 = softmax_cross_entropy_backward.solution(a1 @ weights[2] + weights[3], labels)
        dz1 = dz2 @ weights[2].T * (z1 > 0)
        gradients = X.T @ dz1, dz1.sum(0, keepdims=True), a1.T @ dz2, dz2.sum(0, keepdims=True)
        for w, g in zip(weights, gradients, strict=True):
            w -= 0.5 * g
    return weights


@train_mlp.also_right("no biases, one sample at a time, lists")
def _(X, labels, rng):
    W1, W2 = rng.normal(0, 0.05, (784, 24)), rng.normal(0, 0.2, (24, 10))
    for n in rng.permutation(len(X)):
        a1 = np.maximum(X[n] @ W1, 0)
        e = np.exp(a1 @ W2 - max(a1 @ W2))
        dz2 = e / e.sum() - (np.arange(10) == labels[n])
        dz1 = (W2 @ dz2) * (a1 > 0)
        W2 -= 0.02 * np.outer(a1, dz2)
        W1 -= 0.02 * np.outer(X[n], dz1)
    return W1.tolist(), [0.0] * 24, W2.tolist(), [0.0] * 10


# Questions ----------------------------------------------------------------------------------------


@question(
    Matrix,
    title="The gradient of one image",
    points=2,
    columns=[str(digit) for digit in range(10)],
    hints=("Subtract 1 in one place.", "What does the row add up to? It must be 0."),
)
def gradient_of_one_image(label=3, percent=(5, 2, 10, 70, 3, 1, 4, 3, 1, 1)):
    p, one_hot = np.array(percent) / 100, np.eye(10)[label]
    row = p - one_hot
    shown = ", ".join(f".{of_hundred:02}" for of_hundred in percent)
    digit = f"{'an' if label == 8 else 'a'} {label}"
    return dict(
        prompt=f"A network looks at one image of {digit} and gives the ten digits the "
        f"probabilities `p = [{shown}]`. The batch is this one image. Fill in dL/dlogits.",
        answer=row,
        mistakes=(
            ("nothing subtracted", p, "That is p itself. What happens at the true class?"),
            (
                "sign",
                -row,
                "Every sign is turned. A higher score of the true class lowers the loss: its "
                "gradient is negative.",
            ),
            (
                "true class only",
                row * one_hot,
                "The wrong classes have gradients too: lowering their scores lowers the loss.",
            ),
            (
                "in the probabilities",
                -one_hot / p[label],
                "That is the gradient in the probabilities, -1/p. Between them and the scores lies "
                "softmax, one more link.",
            ),
            ("divided by ten", row / 10, "You divided by the number of classes. N is 1 here."),
        ),
    )


@gradient_of_one_image.other_numbers
def _(draw):
    label, rival = draw.some(range(10), 2)
    percent = draw.array(range(1, 6), 10)
    percent[rival] = draw.one(range(8, 16))
    percent[label] += 100 - percent.sum()
    return dict(label=label, percent=percent)


def _shift(scores):
    z = np.array([scores], float)
    before, after = softmax.solution(z), softmax.solution(z + 1000)
    changed = int(np.sum(~np.isclose(before, after)))
    more = tuple(score + 1000 for score in scores)
    return (
        f"softmax of {tuple(scores)}: {before[0].round(3).tolist()}. Of {more}: "
        f"{after[0].round(3).tolist()}. {changed} of 3 probabilities changed."
    )


@question(
    Predict,
    title="Predict: 1000 more for everybody",
    answer=0,
    count=True,
    mistakes=(
        ("all", 3, "None of them does: each exponential grows by e^1000, and so does their sum."),
        ("one", 1, "Not even one: write the first probability out. Which factor cancels?"),
    ),
)
def predict_shift(scores=(2, 1, -1)):
    return dict(
        prompt=f"The scores of one sample are {tuple(scores)}. Now 1000 is added to all three. How "
        "many of the three probabilities change?",
        reveal=lambda: _shift(scores),
    )


@predict_shift.other_numbers
def _(draw):
    return dict(scores=draw.some(range(-3, 5), 3))


Choice(
    "forgotten_mean",
    title="A forgotten 1/N",
    prompt="Somebody forgets the 1/N in dlogits. Batches of 64 images, learning rate 0.1. What do "
    "they see when they train the network on digits?",
    options=(
        Option(
            "The loss becomes nan within a few steps.",
            "That is what many expect. With ReLU, a few huge steps close most gates, and then "
            "hardly any gradient is left to explode with.",
        ),
        Option(
            "The loss jumps about, then stays at or above ln 10, and the network guesses.",
            "Right, and it is measured below. The steps are 64 times too large. With rate 0.1 / 64 "
            "in place of 0.1 the run would be the right one.",
            True,
        ),
        Option(
            "Nothing: the learning rate makes up for it.",
            "It could, if somebody divided it by 64. At 0.1 the steps are 64 times too large.",
        ),
        Option(
            "An error, because shapes do not fit.",
            "Every shape is right. Most wrong backward passes keep every shape right.",
        ),
    ),
)

Choice(
    "check_of_a_corner",
    title="A gradient check in the corner",
    prompt="Somebody checks one entry of dW1, `dW1[0, 0]`, against the numerical gradient, on "
    "MNIST. Both are exactly 0, so the relative error is 0. What does that say?",
    options=(
        Option(
            "The backward pass is right.",
            "Any backward pass would pass this check: pixel 0 is 0 in every image. What would one "
            "that forgets the ReLU mask give there?",
        ),
        Option(
            "Nothing: pixel 0 is 0 in every image, so dW1[0, 0] is 0 whatever the code does.",
            "Right. Check entries that the data reaches, several of them, drawn at random.",
            True,
        ),
        Option(
            "The first hidden unit is dead.",
            "It may be alive. The gradient of W1[0, 0] is pixel 0 times what comes back, and pixel "
            "0 is never lit.",
        ),
        Option(
            "The step h was too small.",
            "No step would do: the loss does not depend on this weight at all.",
        ),
    ),
)


def _small_batch():
    """A batch of 5 and a network 4-3-3, with open and closed gates and every label."""
    rng = np.random.default_rng(4)
    inputs = {
        "X": rng.normal(size=(5, 4)),
        "labels": np.array([0, 2, 1, 2, 0]),
        "W1": rng.normal(size=(4, 3)),
        "b1": rng.normal(size=3),
        "W2": rng.normal(size=(3, 3)),
        "b2": rng.normal(size=3),
    }
    return inputs


def _probabilities(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _pass_forward(X, W1, b1, W2, b2):
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    return {"z1": z1, "a1": a1, "z2": a1 @ W2 + b2}


def _mean_cross_entropy(X, labels, W1, b1, W2, b2):
    p = _probabilities(_pass_forward(X, W1, b1, W2, b2)["z2"])
    return -np.mean(np.log(p[np.arange(len(X)), labels]))


def _start_of_backward(z2, labels):
    return {"dz2": (_probabilities(z2) - np.eye(z2.shape[1])[labels]) / len(labels)}


_BACK = "The gradient goes back through the weights that the forward pass used."

Order(
    "training_step_in_order",
    title="A training step, in order",
    points=2,
    prompt="""
    One training step of the network above, with the learning rate .1. Each line runs once, in your
    order, on a small network with real numbers. At the end, all weights and biases must have moved
    by minus .1 times their gradient. Two of the lines are wrong and must stay out.
    """,
    start=_small_batch(),
    moves=(
        Move("forward", "z1, a1, z2 = forward(X, W1, b1, W2, b2)", _pass_forward),
        Move("dz2", "dz2 = (softmax(z2) - onehot) / N", _start_of_backward),
        Move(
            "dW2, db2",
            "dW2, db2 = a1.T @ dz2, dz2.sum(axis=0)",
            lambda a1, dz2: {"dW2": a1.T @ dz2, "db2": dz2.sum(axis=0)},
        ),
        Move("da1", "da1 = dz2 @ W2.T", lambda dz2, W2: {"da1": dz2 @ W2.T}, _BACK),
        Move("dz1", "dz1 = da1 * (z1 > 0)", lambda da1, z1: {"dz1": da1 * (z1 > 0)}),
        Move(
            "dW1, db1",
            "dW1, db1 = X.T @ dz1, dz1.sum(axis=0)",
            lambda X, dz1: {"dW1": X.T @ dz1, "db1": dz1.sum(axis=0)},
        ),
        Move(
            "update of W2, b2",
            "W2, b2 = W2 - .1 * dW2, b2 - .1 * db2",
            lambda W2, b2, dW2, db2: {"W2": W2 - 0.1 * dW2, "b2": b2 - 0.1 * db2},
        ),
        Move(
            "update of W1, b1",
            "W1, b1 = W1 - .1 * dW1, b1 - .1 * db1",
            lambda W1, b1, dW1, db1: {"W1": W1 - 0.1 * dW1, "b1": b1 - 0.1 * db1},
        ),
        Move(
            "dW2 over N",
            "dW2 = dW2 / N",
            lambda dW2, X: {"dW2": dW2 / len(X)},
            out="`dW2 = dW2 / N` divides a second time. The mean of the loss is in dz2 already, "
            "and travels down the chain by itself.",
        ),
        Move(
            "gate of da1",
            "dz1 = da1 * (da1 > 0)",
            lambda da1: {"dz1": da1 * (da1 > 0)},
            out="`dz1 = da1 * (da1 > 0)` takes the gate from the gradient. The gate was set by z1 "
            "on the way forward.",
        ),
    ),
    want=("W1", "b1", "W2", "b2"),
    remark="There are many right orders: W2 may move as soon as da1 and dW2 are there, or last "
    "of all. "
    "Whoever computes all gradients first and updates then is always safe.",
    hints=(
        "Which line needs nothing but what is there before the step?",
        "W2 is used twice: on the way forward, and once on the way back. Where?",
    ),
)


def _columns_lowered(scaled, labels):
    d = scaled.copy()
    d[:, labels] -= 1 / len(labels)
    return d


def _true_class_lowered(scaled, labels):
    d = scaled.copy()
    d[np.arange(len(labels)), labels] -= 1 / len(labels)
    return d


def _backward_listing():
    """The inputs of the listing: the batch, and what its forward pass has kept."""
    batch = _small_batch()
    labels = batch.pop("labels")
    return {**batch, "labels": labels, **_pass_forward(**batch)}


FindLine(
    "wrong_line_in_the_network",
    title="Find the wrong line: softmax to W1",
    points=2,
    prompt="""
    The way back through a network like the one above, for mean cross-entropy, written by somebody
    else. It raises no error and every shape is right, but one line is wrong. `z1`, `a1` and `z2`
    are there from the way forward, and `labels` holds N class numbers.
    """,
    lines=(
        Line(
            "e = np.exp(z2 - z2.max(axis=1, keepdims=True))",
            "e",
            lambda z2: np.exp(z2 - z2.max(axis=1, keepdims=True)),
            remark="The largest score of each row is subtracted, and it cancels.",
        ),
        Line(
            "p = e / e.sum(axis=1, keepdims=True)",
            "p",
            lambda e: e / e.sum(axis=1, keepdims=True),
        ),
        Line(
            "dz2 = p / N",
            "scaled",
            lambda p, labels: p / len(labels),
            remark="The mean over N samples belongs here: to p in this line, to the one-hot part "
            "in the next.",
            shown="dz2",
        ),
        Line(
            "dz2[:, labels] -= 1 / N",
            "dz2",
            _columns_lowered,
            _true_class_lowered,
        ),
        Line("dW2 = a1.T @ dz2", "dW2", lambda a1, dz2: a1.T @ dz2),
        Line("db2 = dz2.sum(axis=0)", "db2", lambda dz2: dz2.sum(axis=0)),
        Line("da1 = dz2 @ W2.T", "da1", lambda dz2, W2: dz2 @ W2.T),
        Line(
            "dz1 = da1 * (a1 > 0)",
            "dz1",
            lambda da1, a1: da1 * (a1 > 0),
            remark="The mask of a1 is the mask of z1.",
        ),
        Line("dW1 = X.T @ dz1", "dW1", lambda X, dz1: X.T @ dz1),
        Line("db1 = dz1.sum(axis=0)", "db1", lambda dz1: dz1.sum(axis=0)),
    ),
    inputs=_backward_listing(),
    gradients={"dW1": "W1", "db1": "b1", "dW2": "W2", "db2": "b2"},
    loss=_mean_cross_entropy,
    reasons=(
        Option(
            "1/N is applied twice: here, and in the line next to it.",
            "dz2 = (p - one-hot) / N has two terms, and each must be divided. Each is, once.",
        ),
        Option(
            "It asks a1, which came out of the gate, and not z1, which went in.",
            "No gate stands in this line. And the line with the gate may ask a1: it is above 0 "
            "exactly where z1 is.",
        ),
        Option(
            "Each image has one true class. This lowers, in every row, the columns of all labels.",
            "A row must pick its own label: with a row number and a column number each, one entry "
            "per row is lowered. And each row of dz2 adds up to 0 again.",
            True,
        ),
        Option(
            "The sign is wrong: the true class has to be pushed up.",
            "The scores move against the gradient. A negative gradient is what pushes up.",
        ),
        Option(
            "The one has to be subtracted from z2, before softmax.",
            "The loss is $\\ln \\sum_k e^{z_k} - z_y$. Its slope is p, and then minus 1 at y: "
            "after softmax.",
        ),
    ),
    hints=(
        "What does each row of dz2 add up to, and what should it?",
        "Think of a batch whose labels are 0, 2 and 1. Which columns does each row lose from?",
    ),
)
