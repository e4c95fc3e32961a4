"""What an explorer is made of: a question, controls, and three functions; no widgets here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from course_lib.grading.definition import chapter_of

REGISTRY = {}
"""Every explorer that has been defined, by name."""


@dataclass(frozen=True)
class Steps:
    """A slider over a list of values. shown: how a value is written.

    play: whether it can run by itself, or the seconds that it then takes for a step.
    """

    label: str
    values: Sequence
    start: Any
    shown: Callable[[Any], str] = str
    play: bool | float = False

    def __post_init__(self):
        if self.start not in list(self.values):
            raise ValueError(f"{self.label} starts at {self.start!r}, which is not on the slider")

    def words(self, value):
        return self.shown(value)


def counted(most):
    """How a number of steps is written on a slider: "start", "1 of 7", …"""
    return lambda done: f"{done} of {most}" if done else "start"


@dataclass(frozen=True)
class Choose:
    """One of a few named options. options: {words: value}."""

    label: str
    options: Mapping[str, Any]
    start: Any

    def __post_init__(self):
        if self.start not in list(self.options.values()):
            raise ValueError(f"{self.label} starts at {self.start!r}, which is no option")

    @property
    def values(self):
        return list(self.options.values())

    def words(self, value):
        return list(self.options)[self.values.index(value)]


@dataclass(frozen=True)
class Switch:
    """On or off."""

    label: str
    start: bool = False
    values = (False, True)

    def words(self, value):
        return "on" if value else "off"


@dataclass(frozen=True)
class Entry:
    """A line of text. `compute` raises ValueError, with what it wants, for one it can't read."""

    label: str
    start: str
    wide: bool = False

    def words(self, value):
        return value


@dataclass(frozen=True)
class Explorer:
    """Something to play with, and a question that playing answers.

    question, answer: Markdown, LaTeX allowed. controls: {parameter: control}. compute(**values)
    gives a scene, or raises ValueError with a sentence. picture: a `viz.Moving` class. run(values):
    where the explorer moves by itself, a generator of scenes that reads the mapping `values` as
    the learner changes it; each step must be short, for the kernel answers between them. action:
    what the button says that starts it.
    """

    name: str
    title: str
    question: str
    answer: str
    controls: Mapping[str, Any]
    compute: Callable
    picture: type
    run: Callable | None = None
    action: str = "Run"

    def __post_init__(self):
        if self.name in REGISTRY and REGISTRY[self.name].compute.__module__ != (
            self.compute.__module__
        ):
            raise ValueError(f"two explorers are called {self.name!r}")
        REGISTRY[self.name] = self

    @property
    def chapter(self):
        """Its two digits."""
        return chapter_of(self.compute.__module__)

    @property
    def start(self):
        """The values that the controls begin with."""
        return {name: control.start for name, control in self.controls.items()}
