"""Exercises of chapter 03."""

import numpy as np

from course_lib.grading import Call, Step, by_nudging, exercise
from course_lib.grading.lines import FindLine, Line
from course_lib.grading.questions import Choice, Matrix, Option, Predict
from course_lib.grading.variants import listed, pmatrix, question, spelled

KINK = "pre-activations that are exactly 0"
SQUARE, SINGLE = "arrays that are square", "a batch of one sample"
DEFAULT = "calls without a slope, where 0.01 is meant"
CLOSED, OPEN = "an array without a positive z", "an array of positive z alone"
LARGE, TINY = "large values", "pre-activations near 0"


def _pre_activations(rng, size, label=""):
    """Pre-activations of both signs; all zeros, all of one sign, where the case is about that."""
    if label == KINK:
        return rng.integers(-3, 4, size) * 1.0
    z = rng.normal(size=size)
    return {CLOSED: -np.abs(z), OPEN: np.abs(z), TINY: z / 200, LARGE: z * 10}.get(label, z)


def _elementwise(rng, upstream=True, slopes=()):
    """Cases for a function of an array: (upstream, z, slope), as far as they are wanted."""
    sizes = [
        ((6, 4), ""),
        ((5, 3), ""),
        ((6, 4), LARGE),
        ((5, 3), TINY),
        ((5, 5), SQUARE),
        ((1, 7), SINGLE),
        ((4, 3), CLOSED),
        ((4, 3), OPEN),
        ((7, 6), KINK),
    ]
    calls = []
    for k, (size, label) in enumerate(sizes):
        z = _pre_activations(rng, size, label)
        dA = rng.normal(size=size) * (10 if label == LARGE else 1)
        args = (dA, z) if upstream else (z,)
        if not slopes:
            calls.append(Call(args, label))
        else:
            calls.append(Call((*args, slopes[k % len(slopes)]), label))
    if slopes:
        for size in ((6, 4), (5, 3)):
            dA, z = rng.normal(size=size), rng.normal(size=size)
            calls += [Call((dA, z), DEFAULT), Call((z, dA, 0.0), "a slope of 0")]
    return calls


def _per_row(open_rows, z):
    return np.broadcast_to(open_rows[:, None] * 1.0, z.shape)


_GATE = Step(
    "gate",
    lambda z: (z > 0) * 1.0,
    "Each entry of z opens or closes its own gate: open where it is positive.",
    {
        "the border is the mean of z, not 0": lambda z: (z > z.mean()) * 1.0,
        "the border is the mean of each column, not 0": lambda z: (z > z.mean(axis=0)) * 1.0,
        "the border is the mean of each row, not 0": lambda z: (
            (z > z.mean(axis=1, keepdims=True)) * 1.0
        ),
        "the border is 1, not 0": lambda z: (z > 1) * 1.0,
        "the border is 1 itself, not 0": lambda z: (z >= 1) * 1.0,
        "the sum of a row opens all its gates": lambda z: _per_row(z.sum(axis=1) > 0, z),
        "one positive entry opens all gates of its row": lambda z: _per_row((z > 0).any(axis=1), z),
        "one positive entry opens all gates of its column": lambda z: np.broadcast_to(
            (z > 0).any(axis=0) * 1.0, z.shape
        ),
        "the first row's gates serve for all": lambda z: np.broadcast_to((z[0] > 0) * 1.0, z.shape),
    },
)


# ReLU ---------------------------------------------------------------------------------------------


@exercise(
    points=1,
    minutes=3,
    probes=lambda rng: _elementwise(rng, upstream=False),
    title="ReLU, forward",
    outputs=("a",),
    hints=(
        "Which NumPy function compares two arrays entry by entry, and takes the larger?",
        "The larger of z and 0, in every place. Not np.max, which looks for the largest of all.",
    ),
    ingredients=lambda z: {"[z > 0]": (z > 0) * 1.0},
    steps=(
        _GATE,
        Step("a", lambda z, gate: z * gate, "An open gate lets the value through unchanged."),
    ),
)
def relu_forward(z):
    """ReLU, entry by entry.

    z: pre-activations, (N, H). Returns a, (N, H).
    """
    return np.maximum(z, 0)


@relu_forward.misconception(
    "the mask",
    "Your a is 1 where z is positive: that is the gate itself, and not what passes through it.",
    "An open gate lets the value through unchanged.",
    "Which number should come out for z = 2.3?",
)
def _(z):
    return (z > 0) * 1.0


@relu_forward.misconception(
    "absolute value",
    "Your a is |z|: negative values come out with their sign turned.",
    "ReLU lets nothing of a negative value through.",
    "What comes out for z = -1.5?",
)
def _(z):
    return np.abs(z)


@relu_forward.misconception(
    "upside down",
    "Your a keeps the negative values and blocks the positive ones.",
    "The gate is open where z is positive.",
    "Is it the smaller or the larger of z and 0?",
)
def _(z):
    return np.minimum(z, 0)


@relu_forward.misconception(
    "identity",
    "Your a is z itself: the gate never closes.",
    "Where z is negative, a is 0.",
    "What changes for z = -1.5?",
)
def _(z):
    return z.copy()


@relu_forward.misconception(
    "leaky",
    "Your a lets a hundredth of the negative values through: that is leaky ReLU.",
    "ReLU itself gives exactly 0 there.",
    "What is the slope left of 0?",
)
def _(z):
    return np.where(z > 0, z, 0.01 * z)


@relu_forward.misconception(
    "largest of all",
    "Your a is one and the same number everywhere, the largest of all entries.",
    "The maximum is taken of each entry with 0, not over the array.",
    "np.maximum(z, …) goes entry by entry; np.max(z) gives one number.",
)
def _(z):
    return np.full(z.shape, max(z.max(), 0))


@relu_forward.misconception(
    "np.max",
    "Your a has one entry for each column: np.max(z, 0) looks for the largest entry along axis 0.",
    "ReLU compares every entry with 0, by itself.",
    "np.max reduces an array; which function compares two?",
)
def _(z):
    return np.max(z, 0)


@relu_forward.misconception(
    "cut at 1",
    "Your a stops at 1.",
    "ReLU has no upper end: large values pass unchanged.",
    "What comes out for z = 2.3?",
)
def _(z):
    return np.clip(z, 0, 1)


@relu_forward.also_right("where")
def _(z):
    return np.where(z > 0, z, 0.0)


@relu_forward.also_right("half of z and its size")
def _(z):
    return (z + np.abs(z)) / 2


@relu_forward.also_right("loops, lists, float32")
def _(z):
    return [[np.float32(v) if v > 0 else 0 for v in row] for row in z]


def _at_the_kink(slope_below):
    """Where z is 0, anything between the slopes of the two sides stands for the convention."""

    def canonical(inputs, name, value):
        dA, z = inputs["dA"], inputs["z"]
        if value.dtype == bool or value.shape != np.shape(z) or value.shape != np.shape(dA):
            return value
        low, high = slope_below(inputs) * dA, dA
        slack = 1e-6 * np.abs(dA)
        between = (np.minimum(low, high) - slack <= value) & (
            value <= np.maximum(low, high) + slack
        )
        if value.dtype.kind == "f":  # a float32 result stays one
            low = low.astype(value.dtype)
        return np.where((z == 0) & between, low, value)

    return canonical


@exercise(
    points=2,
    minutes=6,
    probes=_elementwise,
    title="ReLU, backward",
    outputs=("dz",),
    hints=(
        "Where the value went through unchanged, a nudge of z goes through unchanged as well.",
        "Where the output is 0 whatever z does, the gradient is 0.",
        "z > 0 is an array of True and False; times dA it counts as 1 and 0.",
    ),
    ingredients=lambda dA, z: {"[z > 0]": (z > 0) * 1.0, "max(z, 0)": np.maximum(z, 0)},
    steps=(
        _GATE,
        Step("dz", lambda dA, gate: dA * gate, "An open gate lets dA through unchanged."),
    ),
    numerical=lambda dA, z: np.where(
        z == 0, 0.0, by_nudging(lambda v: np.sum(dA * np.maximum(v, 0)), z)
    ),
    canonical=_at_the_kink(lambda inputs: 0.0),
)
def relu_backward(dA, z):
    """Gradient of the loss with respect to the pre-activations of a ReLU layer.

    dA: upstream gradient, dL/da, (N, H). z: pre-activations, (N, H). Returns dz, (N, H).
    """
    return dA * (z > 0)


@relu_backward.misconception(
    "no mask",
    "Your dz is dA itself: everything comes through, whether the gate was open or not.",
    "Where z was negative the output stayed 0, so a nudge of z changes nothing there.",
    "Where does z enter?",
)
def _(dA, z):
    return dA.copy()


@relu_backward.misconception(
    "mask from dA",
    "Your dz keeps the positive entries of dA: the mask is taken from dA, or ReLU applied to it.",
    "The gate was set by z on the way forward, and gradients of either sign pass an open one.",
    "Whose sign decides?",
)
def _(dA, z):
    return dA * (dA > 0)


@relu_backward.misconception(
    "both masks",
    "Your dz loses the negative entries of dA, even where the gate was open.",
    "The gate was set by z alone, and gradients of either sign pass an open one.",
    "What is dz for dA = -0.5 and z = 2.3?",
)
def _(dA, z):
    return dA * (z > 0) * (dA > 0)


@relu_backward.misconception(
    "mask alone",
    "Your dz is 1 where z is positive and 0 elsewhere: the upstream gradient is missing.",
    "By the chain rule the local derivative, 1 or 0, is multiplied with dA.",
    "Where does dA enter?",
)
def _(dA, z):
    return (z > 0) * 1.0


@relu_backward.misconception(
    "inverted",
    "Your dz lets the gradient through where z is negative and blocks it where z is positive.",
    "The gradient takes the way the value took.",
    "Which side of 0 is the open one?",
)
def _(dA, z):
    return dA * (z < 0)


@relu_backward.misconception(
    "times the value",
    "Your dz multiplies dA with the value that went forward.",
    "The local derivative of ReLU is its slope, 1 or 0, whatever the size of z.",
    "How fast does a change when z = 2.3 is nudged?",
)
def _(dA, z):
    return dA * np.maximum(z, 0)


@relu_backward.misconception(
    "times z",
    "Your dz multiplies dA with z itself.",
    "The local derivative of ReLU is its slope, 1 or 0, whatever the size of z.",
    "How fast does a change when z = 2.3 is nudged? And when z = -1.5 is?",
)
def _(dA, z):
    return dA * z


@relu_backward.misconception(
    "forward again",
    "Your dz is the forward pass, max(z, 0): the upstream gradient is missing.",
    "Going back, dA passes through the gate that z has set.",
    "Where does dA enter?",
)
def _(dA, z):
    return np.maximum(z, 0)


@relu_backward.misconception(
    "sign of z",
    "Your dz turns the sign of dA where z is negative.",
    "The slope of ReLU is 0 on the left, and not -1.",
    "Which function has the slope -1 there?",
)
def _(dA, z):
    return dA * np.sign(z)


@relu_backward.also_right("where")
def _(dA, z):
    return np.where(z > 0, dA, 0.0)


@relu_backward.also_right("a copy with blocked entries set to 0; from the output, not from z")
def _(dA, z):
    a = np.maximum(z, 0)
    dz = dA.copy()
    dz[a <= 0] = 0
    return dz


@relu_backward.also_right("the other convention at 0, float32")
def _(dA, z):
    return (dA * (z >= 0)).astype(np.float32)


@relu_backward.also_right("half at 0, loops")
def _(dA, z):
    return [
        [d * (1.0 if v > 0 else 0.5 if v == 0 else 0.0) for d, v in zip(ds, vs, strict=True)]
        for ds, vs in zip(dA, z, strict=True)
    ]


# Leaky ReLU ---------------------------------------------------------------------------------------


@exercise(
    points=2,
    minutes=5,
    probes=lambda rng: _elementwise(rng, slopes=(0.2, 0.05, 0.5, 0.1, 0.3)),
    title="Leaky ReLU, backward",
    outputs=("dz",),
    hints=(
        "Two slopes: 1 on the right, `slope` on the left.",
        "np.where(condition, this, that) picks entry by entry.",
    ),
    ingredients=lambda dA, z, slope=0.01: {
        "[z > 0]": (z > 0) * 1.0,
        "the local slope": np.where(z > 0, 1.0, slope),
        "the forward value": np.where(z > 0, z, slope * z),
    },
    numerical=lambda dA, z, slope=0.01: np.where(
        z == 0,
        slope * dA,
        by_nudging(lambda v: np.sum(dA * np.where(v > 0, v, slope * v)), z),
    ),
    canonical=_at_the_kink(lambda inputs: inputs.get("slope", 0.01)),
    steps=(
        Step(
            "local",
            lambda z, slope: np.where(z > 0, 1.0, slope),
            "The local slope is 1 where z is positive, and `slope` elsewhere.",
            {
                "the left side has the slope 1 - slope": lambda z, slope: np.where(
                    z > 0, 1.0, 1 - slope
                ),
                "the left side has the slope 1 + slope": lambda z, slope: np.where(
                    z > 0, 1.0, 1 + slope
                ),
                "the right side has the slope 1 + slope": lambda z, slope: np.where(
                    z > 0, 1.0 + slope, slope
                ),
                "the right side has the slope 1 - slope": lambda z, slope: np.where(
                    z > 0, 1.0 - slope, slope
                ),
                "the left side has the slope 1 / slope": lambda z, slope: np.where(
                    z > 0, 1.0, 1 / slope
                ),
                "the border is at slope, not at 0": lambda z, slope: np.where(
                    z > slope, 1.0, slope
                ),
                "the border is at 1, not at 0": lambda z, slope: np.where(z > 1, 1.0, slope),
                "the first row's sides serve for all": lambda z, slope: np.broadcast_to(
                    np.where(z[0] > 0, 1.0, slope), z.shape
                ),
                "0 is the slope and slope the border": lambda z, slope: (z > slope) * 1.0,
            },
        ),
        Step(
            "dz",
            lambda dA, local: dA * local,
            "The upstream gradient is multiplied by the local slope.",
            {
                "left of 0 there is a factor z too many": lambda dA, z, slope: np.where(
                    z > 0, dA, slope * z * dA
                ),
                "there is a factor z too many": lambda dA, z, local: dA * local * z,
                "the local slope is added, not multiplied": lambda dA, local: dA + local,
            },
        ),
    ),
)
def leaky_relu_backward(dA, z, slope=0.01):
    """Gradient of the loss with respect to the pre-activations of a leaky ReLU layer.

    Forward, a is z where z > 0 and slope * z elsewhere. dA: upstream gradient, dL/da, (N, H).
    z: pre-activations, (N, H). slope: a number from 0 to 1. Returns dz, (N, H).
    """
    return dA * np.where(z > 0, 1.0, slope)


@leaky_relu_backward.misconception(
    "plain ReLU",
    "Your dz is 0 where z is negative: that is ReLU without the leak.",
    "Left of 0 the output moves by slope for every 1 that z moves.",
    "Where does slope enter?",
)
def _(dA, z, slope=0.01):
    return dA * (z > 0)


@leaky_relu_backward.misconception(
    "slope written out",
    "Your dz uses 0.01 whatever slope is given.",
    "The slope is an argument; 0.01 is only what it is when nothing else is said.",
    "Look for a number in your code.",
)
def _(dA, z, slope=0.01):
    return dA * np.where(z > 0, 1.0, 0.01)


@leaky_relu_backward.misconception(
    "slope times z",
    "Your dz is slope * z where z is negative: that is the value of the forward pass.",
    "Going back, the upstream gradient is multiplied with the slope.",
    "What is the derivative of slope * z with respect to z?",
)
def _(dA, z, slope=0.01):
    return np.where(z > 0, dA, slope * z)


@leaky_relu_backward.misconception(
    "upstream lost on the left",
    "Your dz is slope itself where z is negative: dA is missing there.",
    "By the chain rule the local derivative is multiplied with dA, on both sides.",
    "Where does dA enter on the left?",
)
def _(dA, z, slope=0.01):
    return np.where(z > 0, dA, slope)


@leaky_relu_backward.misconception(
    "sides exchanged",
    "Your dz has the slope on the wrong side: it shrinks where z is positive.",
    "For positive z the value went through unchanged, and so does the gradient.",
    "Which side leaks?",
)
def _(dA, z, slope=0.01):
    return dA * np.where(z > 0, slope, 1.0)


@leaky_relu_backward.misconception(
    "slope everywhere",
    "Your dz is slope * dA everywhere.",
    "For positive z the local derivative is 1.",
    "Where does the sign of z enter?",
)
def _(dA, z, slope=0.01):
    return dA * slope


@leaky_relu_backward.misconception(
    "masked twice",
    "Your dz applies the slope twice where z is negative.",
    "Each link of the chain counts once, and slope times slope is not slope (with ReLU a second "
    "mask does no harm, since 0 times 0 is 0).",
    "How often is the mask applied?",
)
def _(dA, z, slope=0.01):
    return dA * np.where(z > 0, 1.0, slope) ** 2


@leaky_relu_backward.misconception(
    "mask from dA",
    "Your dz shrinks where dA is negative: the side is decided by dA.",
    "The side was decided by z, on the way forward.",
    "Whose sign decides?",
)
def _(dA, z, slope=0.01):
    return dA * np.where(dA > 0, 1.0, slope)


@leaky_relu_backward.misconception(
    "sign turned on the left",
    "Your dz has the wrong sign where z is negative.",
    "The left branch rises too, only more gently: its slope is positive.",
    "Draw leaky ReLU: does it ever go down?",
)
def _(dA, z, slope=0.01):
    return dA * np.where(z > 0, 1.0, -slope)


@leaky_relu_backward.also_right("mask and its complement")
def _(dA, z, slope=0.01):
    mask = z > 0
    return dA * mask + slope * dA * ~mask


@leaky_relu_backward.also_right("the other convention at 0")
def _(dA, z, slope=0.01):
    dz = np.array(dA)
    dz[z < 0] *= slope
    return dz


@leaky_relu_backward.also_right("loops, float32")
def _(dA, z, slope=0.01):
    dz = np.zeros(dA.shape, np.float32)
    for i in np.ndindex(dA.shape):
        dz[i] = dA[i] if z[i] > 0 else slope * dA[i]
    return dz


# Dead units ---------------------------------------------------------------------------------------


def _unit_cases(rng):
    def cases(N, H, dead, label=""):
        Z = rng.normal(size=(N, H))
        Z[0] = np.abs(Z[0]) * np.where(np.arange(H) % 2, 1, -1)
        Z[-1] = np.abs(Z[-1]) * np.where(np.arange(H) % 2, -1, 1)
        for unit in dead:
            Z[:, unit] = -np.abs(Z[:, unit])
        return Call((Z[:, rng.permutation(H)],), label)

    rare = -np.abs(rng.normal(size=(6, 4))) - 1
    rare[3, 1] = 0.25
    tiny = -np.abs(rng.normal(size=(6, 3))) - 1
    tiny[2, 2], tiny[4, 0] = 1e-9, 1e-4
    rarest = -np.abs(rng.normal(size=(200, 3)))
    rarest[117, 1] = 0.5
    at_zero = -np.abs(rng.integers(-2, 1, (7, 5)) * 1.0)
    at_zero[:, 1] = 0
    at_zero[2, 3] = 1.0
    return [
        cases(6, 4, (1, 2)),
        cases(6, 4, (0,)),
        cases(5, 3, (0,)),
        cases(8, 5, (0, 3, 4)),
        cases(5, 5, (2, 3), SQUARE),
        cases(7, 4, (), "layers in which no unit is dead"),
        cases(5, 6, range(6), "layers in which every unit is dead"),
        Call((rare,), "a unit that fires on one sample only"),
        Call((tiny,), "a unit whose only positive Z is tiny"),
        Call((rarest,), "a unit that fires on one sample of 200"),
        Call((at_zero,), KINK),
        Call((np.array([[-1.0, 2.0, -0.5, 0.3, 1.0]]),), SINGLE),
    ]


@exercise(
    points=2,
    minutes=5,
    probes=_unit_cases,
    title="Which units are dead?",
    outputs=("dead",),
    hints=(
        "A column of Z holds one unit on all samples: which axis has to disappear?",
        "np.all(…, axis=…) asks whether something holds along an axis.",
    ),
    ingredients=lambda Z: {},
)
def dead_units(Z):
    """Which ReLU units let nothing through on any sample.

    Z: pre-activations, a row per sample, (N, H). Returns a boolean array, (H,): True for a unit
    with Z <= 0 in every row.
    """
    return np.all(Z <= 0, axis=0)


@dead_units.misconception(
    "any sample",
    "Your dead units are those that are inactive on at least one sample.",
    "Inactive on a sample is not dead: dead means inactive on every sample.",
    "any or all?",
)
def _(Z):
    return np.any(Z <= 0, axis=0)


@dead_units.misconception(
    "wrong axis",
    "Your dead array has an entry for each sample, and says on which samples no unit fires.",
    "The question is asked of each unit, so the samples have to disappear.",
    "Which axis of Z counts the samples?",
)
def _(Z):
    return np.all(Z <= 0, axis=1)


@dead_units.misconception(
    "alive",
    "Your dead array is True for the units that are alive.",
    "A unit with a positive Z on some sample is alive.",
    "Turn it round.",
)
def _(Z):
    return np.any(Z > 0, axis=0)


@dead_units.misconception(
    "zero counts as active",
    "Your dead array takes a unit whose Z is exactly 0 on some sample for alive.",
    "At Z = 0 the output is 0 and the gradient is 0, by the convention of this course: nothing "
    "passes.",
    "< or <= ?",
)
def _(Z):
    return np.all(Z < 0, axis=0)


@dead_units.misconception(
    "mean",
    "Your dead units are those whose Z is negative on average.",
    "One positive sample is enough for a gradient to come through, however negative the others.",
    "Look for a mean or a sum before the comparison.",
)
def _(Z):
    return Z.mean(axis=0) <= 0


@dead_units.misconception(
    "not reduced",
    "Your dead array has an entry for each sample and unit: which are inactive where.",
    "Dead is said of a unit, over all samples together.",
    "One axis has to disappear.",
)
def _(Z):
    return Z <= 0


@dead_units.misconception(
    "first sample",
    "Your dead array looks at the first sample alone.",
    "Inactive on one sample is not dead.",
    "Look for an index [0].",
)
def _(Z):
    return Z[0] <= 0


@dead_units.misconception(
    "a count",
    "Your dead array is the number of dead units.",
    "A boolean for each unit says which ones they are.",
    "One reduction too many.",
)
def _(Z):
    return int(np.all(Z <= 0, axis=0).sum())


@dead_units.misconception(
    "one answer for all",
    "Your dead array is a single True or False, for the whole layer.",
    "Each unit is dead or alive by itself.",
    "Give np.all an axis.",
)
def _(Z):
    return np.all(Z <= 0)


@dead_units.misconception(
    "exactly 0",
    "Your dead units are those whose Z is exactly 0 on every sample.",
    "Z is what comes before the gate: a closed gate has a Z of 0 or below.",
    "Which values of Z give an output of 0?",
)
def _(Z):
    return np.all(Z == 0, axis=0)


@dead_units.misconception(
    "indices",
    "Your dead array holds the indices of the dead units.",
    "A boolean for each unit was asked for: True where the unit is dead.",
    "Leave out np.where or np.flatnonzero.",
)
def _(Z):
    return np.flatnonzero(np.all(Z <= 0, axis=0))


@dead_units.also_right("largest entry")
def _(Z):
    return Z.max(axis=0) <= 0


@dead_units.also_right("sum of the outputs")
def _(Z):
    return np.maximum(Z, 0).sum(axis=0) == 0


@dead_units.also_right("loops, list")
def _(Z):
    return [not any(z > 0 for z in column) for column in Z.T]


# Two layers ---------------------------------------------------------------------------------------


def _networks(rng, target):
    """Cases (X, W1, b1, W2, b2, target) with hidden units that are active on some samples."""
    sizes = [
        ((6, 3, 5, 2), ""),
        ((6, 3, 5, 2), ""),
        ((5, 2, 4, 3), ""),
        ((8, 4, 3, 6), ""),
        ((5, 5, 5, 5), "square matrices (N = D = H = M)"),
        ((1, 3, 4, 2), SINGLE),
    ]
    calls = []
    for (N, D, H, M), label in sizes:
        X, W1, b1 = rng.normal(size=(N, D)), rng.normal(size=(D, H)), rng.normal(size=H)
        W2, b2 = rng.normal(size=(H, M)), rng.normal(size=M)
        calls.append(Call((X, W1, b1, W2, b2, target(rng, N, M)), label))
    return calls


TWO_LAYER_STEPS = (
    Step(
        "z1",
        lambda X, W1, b1: X @ W1 + b1,
        "The first layer is Z1 = X W1 + b1.",
        {"b1 is left out": lambda X, W1: X @ W1, "b1 is subtracted": lambda X, W1, b1: X @ W1 - b1},
    ),
    Step(
        "a1",
        lambda z1: np.maximum(z1, 0),
        "What the second layer sees is what came through the gate.",
        {
            "|z1| is used as a1": lambda z1: np.abs(z1),
            "a1 is the mask [z1 > 0]": lambda z1: (z1 > 0) * 1.0,
            "a1 is a sigmoid of z1": lambda z1: 1 / (1 + np.exp(-z1)),
            "a1 is tanh(z1)": lambda z1: np.tanh(z1),
            "a1 is a leaky ReLU of z1": lambda z1: np.where(z1 > 0, z1, 0.01 * z1),
        },
    ),
    Step(
        "z2",
        lambda a1, W2, b2: a1 @ W2 + b2,
        "The second layer is Z2 = A1 W2 + b2, and nothing comes after it.",
        {
            "b2 is left out": lambda a1, W2: a1 @ W2,
            "a ReLU follows on z2": lambda a1, W2, b2: np.maximum(a1 @ W2 + b2, 0),
            "a sigmoid follows on z2": lambda a1, W2, b2: 1 / (1 + np.exp(-(a1 @ W2 + b2))),
            "tanh follows on z2": lambda a1, W2, b2: np.tanh(a1 @ W2 + b2),
        },
    ),
)
"""The forward pass of linear, ReLU, linear, and the slips that happen in it."""


def _rates(words, formula):
    return {
        f"{words} (learning rate {rate:g})": lambda dz2, W2, dW2, rate=rate: formula(
            dz2, W2 - rate * dW2
        )
        for rate in (0.1, 0.01, 0.5, 1.0, 0.05, 0.001)
    }


BACKWARD_STEPS = (
    Step(
        "dW2",
        lambda a1, dz2: a1.T @ dz2,
        "A weight of the second layer met the activation a1 on its way in, and the error dz2 on "
        "its way out, in every sample.",
        {
            "dW2 comes out transposed": lambda a1, dz2: dz2.T @ a1,
            "a1 is not transposed": lambda a1, dz2: a1 @ dz2,
            "sums over the batch are multiplied": lambda a1, dz2: np.outer(a1.sum(0), dz2.sum(0)),
            "dz2 is masked with [z2 > 0] where dW2 is computed": lambda a1, dz2, z2: (
                a1.T @ (dz2 * (z2 > 0))
            ),
            "the mask stands in the place of a1": lambda a1, dz2: (a1 > 0).T @ dz2,
        },
    ),
    Step(
        "db2",
        lambda dz2: dz2.sum(axis=0),
        "Every sample used the same bias, so the rows of dz2 add up.",
        {
            "db2 is not summed over the samples": lambda dz2: dz2,
            "db2 is summed over the outputs": lambda dz2: dz2.sum(axis=1),
            "db2 is summed over everything": lambda dz2: dz2.sum(),
            "db2 keeps an axis of length 1": lambda dz2: dz2.sum(axis=0, keepdims=True),
            "db2 holds sizes without signs": lambda dz2: np.abs(dz2).sum(axis=0),
        },
    ),
    Step(
        "da1",
        lambda dz2, W2: dz2 @ W2.T,
        "The errors go back through the weights that the activations went forward through.",
        {
            "W2 is not transposed": lambda dz2, W2: dz2 @ W2,
            "the size of W2 is used without its signs": lambda dz2, W2: dz2 @ np.abs(W2).T,
            "W2 is reshaped where it must be transposed": lambda dz2, W2: (
                dz2 @ W2.reshape(W2.shape[::-1])
            ),
            "W2 is left out and dz2 summed": lambda dz2, W2: dz2 @ np.ones_like(W2).T,
            "b2 is added on the way back": lambda dz2, W2, b2: (dz2 + b2) @ W2.T,
            "dz2 is masked with [z2 > 0]": lambda dz2, W2, z2: (dz2 * (z2 > 0)) @ W2.T,
            **_rates("W2 is already updated", lambda dz2, W2: dz2 @ W2.T),
        },
    ),
    Step(
        "dz1",
        lambda da1, z1: da1 * (z1 > 0),
        "ReLU lets the gradient through where it let the value through, and nowhere else.",
        {
            "the mask is upside down": lambda da1, z1: da1 * (z1 <= 0),
            "the mask alone is used as dz1": lambda da1, z1: (z1 > 0) * 1.0,
            "da1 is multiplied by a1 in place of the mask": lambda da1, a1: da1 * a1,
            "da1 is multiplied by z1 in place of the mask": lambda da1, z1: da1 * z1,
            "both da1 and z1 must be positive": lambda da1, z1: da1 * (z1 > 0) * (da1 > 0),
            "the mask asks for z1 > 1": lambda da1, z1: da1 * (z1 > 1),
            "the sign of z1 is used as the mask": lambda da1, z1: da1 * np.sign(z1),
            "a leak of 0.01 is in the mask": lambda da1, z1: da1 * np.where(z1 > 0, 1, 0.01),
            "the mask ignores the bias b1": lambda da1, X, W1: da1 * (X @ W1 > 0),
            "the slope of a sigmoid is used": lambda da1, a1: da1 * a1 * (1 - a1),
            "the slope of a sigmoid of z1 is used": lambda da1, z1: (
                da1 * np.exp(-z1) / (1 + np.exp(-z1)) ** 2
            ),
            "the slope of tanh is used": lambda da1, a1: da1 * (1 - a1**2),
            "the mask comes from the sample average": lambda da1, z1: da1 * (z1.mean(axis=0) > 0),
            "the mask asks whether the unit is open on any sample": lambda da1, z1: (
                da1 * (z1 > 0).any(axis=0)
            ),
            "the mask of the first sample serves for all": lambda da1, z1: da1 * (z1[0] > 0),
        },
    ),
    Step(
        "dW1",
        lambda X, dz1: X.T @ dz1,
        "A weight of the first layer met the input X, and the error dz1, in every sample.",
        {
            "dW1 comes out transposed": lambda X, dz1: dz1.T @ X,
            "X is not transposed": lambda X, dz1: X @ dz1,
            "sums over the batch are multiplied": lambda X, dz1: np.outer(X.sum(0), dz1.sum(0)),
        },
    ),
    Step(
        "db1",
        lambda dz1: dz1.sum(axis=0),
        "Every sample used the same bias, so the rows of dz1 add up.",
        {
            "db1 is not summed over the samples": lambda dz1: dz1,
            "db1 is summed over the units": lambda dz1: dz1.sum(axis=1),
            "db1 is summed over everything": lambda dz1: dz1.sum(),
            "db1 keeps an axis of length 1": lambda dz1: dz1.sum(axis=0, keepdims=True),
            "db1 skips the mask": lambda da1: da1.sum(axis=0),
        },
    ),
)
"""The way back from dz2 to all four parameters, and the slips that happen on it."""


@exercise(
    points=5,
    minutes=25,
    probes=lambda rng: _networks(rng, lambda rng, N, M: rng.normal(size=(N, M))),
    title="Two layers, backward",
    outputs=("dW1", "db1", "dW2", "db2"),
    hints=(
        "Go forward first and keep z1, a1 and z2 under these names.",
        "Each entry of z2 stands in one square, so dz2 is what the loss sends back: z2 - target.",
        "Then three things that you have written already: the backward pass of a linear layer, of "
        "ReLU, and of a linear layer again.",
        "The upstream gradient of the first layer is dz1, which is da1 behind the gate.",
    ),
    starter="""
    def two_layer_backward(X, W1, b1, W2, b2, target):
        \"\"\"The four gradients of a network: linear, ReLU, linear, squared error.

        Forward: z1 = X W1 + b1, a1 = ReLU(z1), z2 = a1 W2 + b2. The loss is 1/2 (z2 - target)^2,
        added up over all samples and outputs; nothing is averaged.
        X: inputs, (N, D). W1: weights, (D, H). b1: biases, (H,). W2: weights, (H, M). b2: biases,
        (M,). target: what z2 should be, (N, M). Returns (dW1, db1, dW2, db2).
        \"\"\"
        z1 = X @ W1 + b1
        a1 = np.maximum(z1, 0)
        z2 = a1 @ W2 + b2
        # Your code: one line for each gap.
        dz2 = ...
        dW2, db2 = ..., ...
        da1 = ...
        dz1 = ...
        dW1, db1 = ..., ...
        return dW1, db1, dW2, db2
    """,
    steps=(
        *TWO_LAYER_STEPS,
        Step(
            "dz2",
            lambda z2, target: z2 - target,
            "The slope of 1/2 (z2 - target)^2 is z2 - target, for each sample and output.",
            {
                "dz2 is masked like a ReLU": lambda z2, target: (z2 - target) * (z2 > 0),
                "dz2 holds the squares": lambda z2, target: (z2 - target) ** 2,
                "dz2 holds half the squares": lambda z2, target: (z2 - target) ** 2 / 2,
                "dz2 is the size of the error, without its sign": lambda z2, target: np.abs(
                    z2 - target
                ),
                "dz2 is the sign of the error": lambda z2, target: np.sign(z2 - target),
                "dz2 is divided by the number of all its entries": lambda z2, target: (
                    (z2 - target) / z2.size
                ),
                "dz2 is averaged over the samples": lambda z2, target: np.broadcast_to(
                    (z2 - target).mean(axis=0), z2.shape
                ),
                "dz2 is taken with a sigmoid's slope": lambda z2, target: (
                    (z2 - target) * z2 * (1 - z2)
                ),
                "dz2 is the gradient of softmax and cross-entropy": lambda z2, target: (
                    np.exp(z2) / np.exp(z2).sum(axis=1, keepdims=True) - target
                ),
            },
        ),
        *BACKWARD_STEPS,
    ),
)
def two_layer_backward(X, W1, b1, W2, b2, target):
    """The four gradients of a network: linear, ReLU, linear, squared error.

    Forward: z1 = X W1 + b1, a1 = ReLU(z1), z2 = a1 W2 + b2. The loss is 1/2 (z2 - target)^2, added
    up over all samples and outputs; nothing is averaged.
    X: inputs, (N, D). W1: weights, (D, H). b1: biases, (H,). W2: weights, (H, M). b2: biases, (M,).
    target: what z2 should be, (N, M). Returns (dW1, db1, dW2, db2).
    """
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    dz2 = z2 - target
    dW2, db2 = a1.T @ dz2, dz2.sum(axis=0)
    da1 = dz2 @ W2.T
    dz1 = da1 * (z1 > 0)
    dW1, db1 = X.T @ dz1, dz1.sum(axis=0)
    return dW1, db1, dW2, db2


def _two_layers(X, W1, b1, W2, b2, target, **slips):
    """The same with some lines replaced, for the misconceptions."""
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    dz2 = slips.get("dz2", lambda z, t: z - t)(z2, target)
    dW2, db2 = slips.get("seen", lambda z, a: a)(z1, a1).T @ dz2, dz2.sum(axis=0)
    back = slips.get("back", lambda W, dW: W)(W2, dW2)
    da1 = dz2 @ back.T
    dz1 = slips.get("gate", lambda d, z: d * (z > 0))(da1, z1)
    return X.T @ dz1, dz1.sum(axis=0), dW2, db2


@two_layer_backward.misconception(
    "no mask",
    "Your dW1 and db1 leave out the gate: the gradient comes back through closed ReLUs too. dW2 "
    "and db2 are right.",
    "dz1 is da1 where z1 is positive and 0 elsewhere.",
    "What stands between da1 and the first layer?",
)
def _(*args):
    return _two_layers(*args, gate=lambda d, z: d)


@two_layer_backward.misconception(
    "mask from the gradient",
    "Your dW1 and db1 keep the positive entries of da1: the gate is set by the gradient. dW2 and "
    "db2 are right.",
    "The gate was set by z1, on the way forward; gradients of either sign pass an open one.",
    "Whose sign decides?",
)
def _(*args):
    return _two_layers(*args, gate=lambda d, z: d * (d > 0))


@two_layer_backward.misconception(
    "z1 for a1",
    "Your dW2 is made with z1, before the gate, in place of a1. The other three are right.",
    "The weights of the second layer met a1: a blocked unit has no part in the output.",
    "What did the second layer multiply on the way forward?",
)
def _(*args):
    return _two_layers(*args, seen=lambda z, a: z)


@two_layer_backward.misconception(
    "averaged",
    "All of your gradients are the right ones divided by N.",
    "This loss is a sum over the samples; no 1/N occurs in it, and no layer divides by N.",
    "Read the loss in the docstring again.",
)
def _(*args):
    return _two_layers(*args, dz2=lambda z, t: (z - t) / len(z))


@two_layer_backward.misconception(
    "target minus output",
    "All of your gradients have the wrong sign.",
    "The slope of 1/2 (z2 - target)^2 with respect to z2 is z2 - target.",
    "Which is subtracted from which?",
)
def _(*args):
    return _two_layers(*args, dz2=lambda z, t: t - z)


@two_layer_backward.misconception(
    "2 not cancelled",
    "All of your gradients are twice the right ones.",
    "The slope of the square brings a 2, and the 1/2 of the loss cancels it.",
    "Differentiate 1/2 (z - t)^2.",
)
def _(*args):
    return _two_layers(*args, dz2=lambda z, t: 2 * (z - t))


@two_layer_backward.misconception(
    "weights already updated",
    "Your dW1 and db1 come from a W2 that has moved already, by 0.1 of its gradient. dW2 and db2 "
    "are right.",
    "All gradients belong to the weights of the forward pass.",
    "Compute all gradients first; whoever called you moves the weights.",
)
def _(*args):
    return _two_layers(*args, back=lambda W, dW: W - 0.1 * dW)


@two_layer_backward.misconception(
    "weights averaged",
    "Your dW1 and dW2 are the right ones divided by N; db1 and db2 are right.",
    "This loss is a sum over the samples; no 1/N occurs in it, and no layer divides by N.",
    "Where does the product for dW divide?",
)
def _(X, *args):
    dW1, db1, dW2, db2 = _two_layers(X, *args)
    return dW1 / len(X), db1, dW2 / len(X), db2


@two_layer_backward.misconception(
    "biases averaged",
    "Your db1 and db2 are the right ones divided by N; dW1 and dW2 are right.",
    "Every sample used the same bias, so what the samples send back adds up.",
    "Where do you take a mean over the samples?",
)
def _(X, *args):
    dW1, db1, dW2, db2 = _two_layers(X, *args)
    return dW1, db1 / len(X), dW2, db2 / len(X)


@two_layer_backward.misconception(
    "order of the results",
    "Your four gradients come in another order: dW2, db2 and then dW1, db1.",
    "They are found back to front, but wanted front to back.",
    "Read the last line of the docstring.",
)
def _(*args):
    dW1, db1, dW2, db2 = _two_layers(*args)
    return dW2, db2, dW1, db1


@two_layer_backward.misconception(
    "ReLU behind the output",
    "Your gradients are those of a network with a second ReLU behind z2; or dz2 is masked as if "
    "there were one.",
    "The output layer is linear: z2 may be negative, and goes into the loss as it is.",
    "Where does [z2 > 0], or a second maximum, enter?",
)
def _(X, W1, b1, W2, b2, target):
    return _two_layers(X, W1, b1, W2, b2, target, dz2=lambda z, t: (np.maximum(z, 0) - t) * (z > 0))


@two_layer_backward.also_right("einsum, mask from a1")
def _(X, W1, b1, W2, b2, target):
    a1 = np.clip(np.einsum("nd,dh->nh", X, W1) + b1, 0, None)
    dz2 = np.einsum("nh,hm->nm", a1, W2) + b2 - target
    dz1 = np.where(a1 > 0, np.einsum("nm,hm->nh", dz2, W2), 0)
    return [
        np.einsum("nd,nh->dh", X, dz1),
        np.einsum("nh->h", dz1),
        np.einsum("nh,nm->hm", a1, dz2),
        np.einsum("nm->m", dz2),
    ]


@two_layer_backward.also_right("sample by sample")
def _(X, W1, b1, W2, b2, target):
    dW1, db1 = np.zeros_like(W1), np.zeros_like(b1)
    dW2, db2 = np.zeros_like(W2), np.zeros_like(b2)
    for x, t in zip(X, target, strict=True):
        z1 = x @ W1 + b1
        a1 = z1 * (z1 > 0)
        dz2 = a1 @ W2 + b2 - t
        dz1 = (W2 @ dz2) * (z1 > 0)
        dW1 += np.outer(x, dz1)
        db1 += dz1
        dW2 += np.outer(a1, dz2)
        db2 += dz2
    return dW1, db1, dW2, db2


@two_layer_backward.also_right("biases as a column of ones, float32")
def _(X, W1, b1, W2, b2, target):
    def with_ones(a):
        return np.hstack([a, np.ones((len(a), 1))])

    X1, V1, V2 = with_ones(X), np.vstack([W1, b1]), np.vstack([W2, b2])
    A1 = with_ones(np.maximum(X1 @ V1, 0))
    E = A1 @ V2 - target
    D1 = (E @ V2.T)[:, :-1] * (A1[:, :-1] > 0)
    G1, G2 = (X1.T @ D1).astype(np.float32), (A1.T @ E).astype(np.float32)
    return G1[:-1], G1[-1], G2[:-1], G2[-1]


# Questions ----------------------------------------------------------------------------------------


@question(
    Matrix,
    title="Two layers in one",
    points=2,
    hints=("X W1 W2: which product can be done once and for all, before any X comes?",),
)
def two_layers_in_one(W1=((1, 2), (0, -1)), W2=((2, 1), (1, 3))):
    W1, W2 = np.array(W1), np.array(W2)
    return dict(
        prompt=f"Two linear layers in a row, with nothing between them: $W_1 = {pmatrix(W1)}$, "
        f"$W_2 = {pmatrix(W2)}$ (and biases). Fill in the $W$ of the **one** layer that does the "
        "same.",
        answer=W1 @ W2,
        mistakes=(
            (
                "other order",
                W2 @ W1,
                "That is W2 W1. Rows are samples here: X meets W1 first, and (X W1) W2 = X (W1 "
                "W2).",
            ),
            (
                "entry by entry",
                W1 * W2,
                "You multiplied entry by entry. A layer is a matrix product.",
            ),
            ("sum", W1 + W2, "You added the two. One layer works on what the other gives."),
        ),
    )


@two_layers_in_one.other_numbers
def _(draw):
    W1, W2 = draw.some((-2, -1, 1, 2, 3), 4), draw.some((-1, 1, 2, 3, 4), 4)
    return dict(W1=np.reshape(W1, (2, 2)), W2=np.reshape(W2, (2, 2)))


@question(
    Matrix,
    title="The gate by hand",
    hints=("Where is z positive? There dA comes through as it is, whatever its sign.",),
)
def gate_by_hand(z=(-1.5, 2.3, 0, -0.8, 1.2), dA=(0.3, -0.5, 0.1, 0.2, -0.4)):
    z, dA = np.array(z), np.array(dA)
    closed = spelled(np.sum(z <= 0)).capitalize()
    return dict(
        prompt=f"`z = [{listed(z)}]` went forward, and `dA = [{listed(dA)}]` comes back. Fill in "
        "dz. (At exactly 0 this course takes 0.)",
        answer=dA * (z > 0),
        mistakes=(
            ("no mask", dA, f"That is dA itself. {closed} of the five gates were closed."),
            (
                "mask from dA",
                np.where(dA > 0, dA, 0.0),
                "You let the positive gradients through, or turned the gates round (on these "
                "numbers that is the same). The gate is open where z is positive, whatever the "
                "sign of dA.",
            ),
            ("mask alone", (z > 0) * 1.0, "That is the gate. What comes through it?"),
            (
                "open at 0",
                np.where(z >= 0, dA, 0.0),
                "At z = 0 this course closes the gate. (In code, any number from 0 to dA is "
                "accepted.)",
            ),
        ),
    )


@gate_by_hand.other_numbers
def _(draw):  # dA is positive where the gate is closed: "on these numbers that is the same"
    signs = np.array(draw.some((-1, -1, 0, 1, 1), 5))
    z = signs * draw.some(range(3, 26), 5) / 10
    return dict(z=z, dA=np.where(signs > 0, -1, 1) * draw.some(range(1, 10), 5) / 10)


_TINY = {"x": (0.5, 1.0), "b1": (0.1, 0.2), "W2": ((0.5,), (0.3,)), "b2": 0.1, "y": 1.0}


def _tiny(W1):
    """dW1 of the chapter's small network with other weights, and what its forward pass gives."""
    x, b1, W2, b2, y = (np.array(_TINY[n], ndmin=1) for n in ("x", "b1", "W2", "b2", "y"))
    z1 = x @ W1 + b1
    z2 = np.maximum(z1, 0) @ W2 + b2
    return two_layer_backward.solution(x[None], np.array(W1), b1, W2, b2, y[None])[0], z1, z2


@question(Matrix, title="A blocked gate", points=2)
def blocked_gate(W1=((0.2, -0.8), (0.4, -0.3))):
    dW1, z1, z2 = _tiny(W1)
    dz2 = z2.item() - _TINY["y"]
    as_if_open = np.outer(_TINY["x"], dz2 * np.ravel(_TINY["W2"]))
    return dict(
        prompt=f"Now with $W_1 = {pmatrix(W1)}$ and all else as before: $x = (0.5, 1)$, "
        f"$b_1 = (0.1, 0.2)$, $W_2 = {pmatrix(_TINY['W2'])}$, $b_2 = 0.1$, $y = 1$. Fill in "
        "$dW_1$.",
        answer=dW1,
        mistakes=(
            (
                "no mask",
                as_if_open,
                "Your second column is not 0. What is z1 of the second unit, and what does its "
                "gate let back?",
            ),
            (
                "the open network",
                _tiny(((0.2, 0.3), (0.4, 0.1)))[0],
                "That is dW1 of the network before. Go forward again with the new W1: z1, a1, z2 "
                "all change.",
            ),
        ),
        hints=(
            f"z1 = ({listed(z1)}), so the second gate is closed, and z2 = {z2.item():g}.",
            f"dz2 = {z2.item():g} - 1 = {dz2:g}. It comes back through W2 and then through the "
            "gates.",
            "dW1 = xᵀ dz1: two rows, one for each input.",
        ),
    )


@blocked_gate.other_numbers
def _(draw):  # the first gate opens, the second stays closed, and z2 has one decimal
    first = draw.one((0.2, 0.6, 1.0)), draw.one((0.6, 0.8))
    second = draw.one((-0.4, -0.6, -0.8)), draw.one((-0.2, -0.3, -0.4, -0.5))
    return dict(W1=tuple(zip(first, second, strict=True)))


Choice(
    "mask_from_a",
    title="z or a?",
    prompt="Somebody takes the mask of ReLU's backward pass from the output, `a > 0`, in place of "
    "`z > 0`. What happens?",
    options=(
        Option(
            "Training gets slower, because a is never negative.",
            "Training does not change at all. For which single z would `a > 0` and `z > 0` differ?",
        ),
        Option(
            "The two masks are the same, entry by entry, so nothing changes.",
            "Right: max(z, 0) is positive exactly where z is. It also saves memory, since z need "
            "not be kept. It would be wrong for an activation that is positive for a negative z.",
            True,
        ),
        Option(
            "The gate stays open everywhere.",
            "a is 0 where z is not positive, and 0 > 0 is False.",
        ),
        Option(
            "It is right only where z is larger than 1.",
            "Try z = 0.2: a is 0.2, and both are larger than 0.",
        ),
    ),
)

Choice(
    "inactive_or_dead",
    title="Inactive, or dead?",
    prompt="In the first hidden layer, a unit puts out 0 on 63 of the 64 images of a batch. "
    "What can be said?",
    options=(
        Option(
            "It is dead: its weights will not change any more.",
            "One image came through. On that one its gradient is not blocked, and the weights "
            "move.",
        ),
        Option(
            "It is inactive on 63 images, and it can still learn from the 64th.",
            "Right. Dead means inactive on all the data.",
            True,
        ),
        Option(
            "It is broken: an active unit puts out something on most images.",
            "Nothing in ReLU says so. A unit that looks for a rare stroke is silent on most "
            "images.",
        ),
        Option(
            "It is dead on this batch, and comes back with the next one.",
            "It is not silent on the whole batch; one image comes through.",
        ),
    ),
)


def _hidden_units_alike(units, first):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    target = np.sin(2 * X[:, :1]) + X[:, 1:]
    lines = []
    for start, std in (("equal", 0.0), ("random", 0.5)):
        W1 = np.full((2, units), first) + std * rng.normal(size=(2, units))
        W2 = np.full((units, 1), first) + std * rng.normal(size=(units, 1))
        b1, b2 = np.zeros(units), np.zeros(1)
        for _ in range(500):
            gradients = two_layer_backward.solution(X, W1, b1, W2, b2, target)
            for p, g in zip((W1, b1, W2, b2), gradients, strict=True):
                p -= 0.05 * g / len(X)
        loss = np.sum((np.maximum(X @ W1 + b1, 0) @ W2 + b2 - target) ** 2) / 2 / len(X)
        kinds = len(np.unique(W1.T.round(6), axis=0))
        lines.append(
            f"started {start}: {kinds} different hidden {'unit' if kinds == 1 else 'units'}, "
            f"loss {loss:.2f}"
        )
    return "After 500 steps. " + "; ".join(lines).capitalize() + "."


@question(Predict, answer=1, count=True)
def predict_equal_start(units=8, first=0.3):
    return dict(
        title=f"Predict: {spelled(units)} units that start alike",
        prompt=f"A network with {units} hidden units. All weights of a layer start at the same "
        f"number, {first:g}, the biases at 0. After 500 steps of gradient descent, how many "
        "**different** units does the hidden layer have?",
        mistakes=(
            (
                "all",
                units,
                f"{units} would mean that all of them differ. They see the same inputs through "
                "equal weights, and get equal errors back through equal weights: what could part "
                "them?",
            ),
            (
                "two",
                2,
                "2 would mean two kinds of unit. They see the same inputs through equal weights, "
                "and get equal errors back through equal weights: what could part them?",
            ),
        ),
        reveal=lambda: _hidden_units_alike(units, first),
    )


@predict_equal_start.other_numbers
def _(draw):
    return dict(units=draw.one((5, 6, 7, 9, 10, 12)), first=draw.one((0.2, 0.3, 0.4)))


def _squared_error_of(X, t, W1, b1, W2, b2):
    return 0.5 * np.sum((np.maximum(X @ W1 + b1, 0) @ W2 + b2 - t) ** 2)


def _small_network():
    """A batch of 4 and a network 3-5-2, with open and closed gates and errors of both signs."""
    rng = np.random.default_rng(3)
    sizes = {"X": (4, 3), "t": (4, 2), "W1": (3, 5), "b1": 5, "W2": (5, 2), "b2": 2}
    return {name: rng.normal(size=size) for name, size in sizes.items()}


FindLine(
    "wrong_line_in_two_layers",
    title="Find the wrong line: two layers",
    points=2,
    prompt="""
    A network like the one above, for a batch `X` with targets `t`. The loss is half the sum of
    the squared errors. Somebody wrote it in a style of their own. Some lines look odd. **One is
    wrong**, and nothing raises an error.
    """,
    lines=(
        Line("a1 = np.maximum(X @ W1 + b1, 0)", "a1", lambda X, W1, b1: np.maximum(X @ W1 + b1, 0)),
        Line(
            "dz2 = a1 @ W2 + b2 - t",
            "dz2",
            lambda a1, W2, b2, t: a1 @ W2 + b2 - t,
            remark="It is output minus target, in one line.",
        ),
        Line("dW2 = a1.T @ dz2", "dW2", lambda a1, dz2: a1.T @ dz2),
        Line(
            "db2 = np.ones(len(X)) @ dz2",
            "db2",
            lambda X, dz2: np.ones(len(X)) @ dz2,
            remark="A row of ones times a matrix adds up each column.",
        ),
        Line(
            "da1 = (W2 @ dz2.T).T",
            "da1",
            lambda W2, dz2: (W2 @ dz2.T).T,
            remark="Transposing a product exchanges its factors: this is dz2 @ W2.T.",
        ),
        Line(
            "dz1 = np.maximum(da1, 0)",
            "dz1",
            lambda da1, a1: np.maximum(da1, 0),
            lambda da1, a1: da1 * (a1 > 0),
        ),
        Line("dW1 = X.T @ dz1", "dW1", lambda X, dz1: X.T @ dz1),
        Line("db1 = dz1.sum(axis=0)", "db1", lambda dz1: dz1.sum(axis=0)),
    ),
    inputs=_small_network(),
    gradients={"dW1": "W1", "db1": "b1", "dW2": "W2", "db2": "b2"},
    loss=_squared_error_of,
    reasons=(
        Option(
            "The sign of the gradient sets the gate here, and it was z1 that set it.",
            "Where z1 is positive the gradient comes back, negative or not. Where it is not, "
            "nothing comes back.",
            True,
        ),
        Option(
            "Nothing is to be done here: on the way back ReLU lets everything through.",
            "Behind a closed gate a1 does not move, whatever the small nudge. Something must be "
            "blocked. What decides which entries?",
        ),
        Option(
            "It has to be multiplied by a1, which is what came through the gate.",
            "The slope of an open gate is 1, however large the value that went through.",
        ),
        Option(
            "Negative gradients must be kept and positive ones dropped: `np.minimum`.",
            "Negative ones get lost here, that is true. But no gate asks for the sign of a "
            "gradient, neither this way nor the other.",
        ),
        Option(
            "The factors stand the wrong way round, and a transpose is in the wrong place.",
            "No product of matrices stands in this line. And `(W2 @ dz2.T).T` is `dz2 @ W2.T`: "
            "transposing exchanges the factors.",
        ),
    ),
    hints=(
        "Say for each line which rule it applies: error, linear layer, gate.",
        "Which line could lose a gradient that is needed?",
    ),
)
