"""What a judgement says."""

from dataclasses import dataclass, field
from typing import NamedTuple

STATUSES = ("passed", "failed", "error", "not attempted")


class Finding(NamedTuple):
    """What is wrong, for programs. kind: a word ("factor"); variable: the quantity; data: details.

    Findings of kind "values" only say that values differ; every other kind names something that
    was verified on all probes.
    """

    kind: str
    variable: str
    data: object = None


class Example(NamedTuple):
    """The smallest failing case: inputs and both values, as plain data."""

    variable: str
    inputs: tuple  # of (name, value)
    got: object
    want: object


@dataclass(frozen=True)
class Verdict:
    """The result of judging one attempt at one exercise.

    status: "passed", "failed", "error" or "not attempted". misconception: the id of the
    catalogued mistake, or None. message: plain text; what differs, why, what to look at.
    """

    exercise: str
    status: str
    points: int
    max_points: int
    message: str
    misconception: str | None = None
    finding: Finding | None = None
    example: Example | None = field(default=None, repr=False)
    printed: str = field(default="", repr=False)

    @property
    def passed(self):
        return self.status == "passed"

    def __str__(self):
        return f"{self.exercise}: {self.status}, {self.points}/{self.max_points}. {self.message}"

    def __repr__(self):
        return f"<Verdict {self}>"
