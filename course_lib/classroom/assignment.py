"""An assignment: which chapters, until when, and by which numbers. Only the instructor has it."""

import datetime
import hashlib
import json
import math
import re
import secrets
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from course_lib import exercises
from course_lib.authoring import Course, CourseError, UsageError, write_atomically

FOLDER = "assignments"
FORMAT = 1
_MONTHS = (  # strftime would take the computer's language
    "January February March April May June July August September October November December"
).split()
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")


@dataclass(frozen=True)
class Assignment:
    """What was handed out, and how it is graded.

    chapters: ("02", "03"). due: ISO 8601 with an offset, or "". For each day that has begun after
    `due` and the minutes of `grace`, `late_percent` of the points earned are taken off, and
    `late_most` percent at the most. variant: the seed of the questions' numbers, or None. secret:
    seeds the cases that are held back; whoever has it can compute them.
    """

    name: str
    chapters: tuple
    due: str = ""
    grace: int = 0
    late_percent: float = 10.0
    late_most: float = 50.0
    variant: int | None = None
    secret: str = ""

    def __post_init__(self):
        if not _NAME.fullmatch(self.name):
            raise UsageError(
                f"an assignment cannot be called {self.name!r}: 1 to 60 letters, digits, - and _ "
                "were wanted"
            )

    def items(self):
        """The exercises and questions in course order, with the numbers of the variant."""
        return [
            item if self.variant is None or item.kind == "code" else item.varied(self.variant)
            for chapter in self.chapters
            for item in exercises.of_chapter(chapter)
        ]

    @property
    def max_score(self):
        return sum(item.points for item in self.items())

    @property
    def deadline(self):
        """When it is due, grace included, as an aware datetime; None for never."""
        if not self.due:
            return None
        return read_time(self.due) + datetime.timedelta(minutes=self.grace)

    def seed_for(self, student, again=0):
        """The seed of the cases that are held back, a different one for every student.

        again: for another seed of the same student's.
        """
        text = f"{self.secret}\n{self.name}\n{student}\n{again}".encode(errors="surrogatepass")
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")

    def late_fraction(self, when, extension=0.0):
        """(fraction of the points that is taken off, days begun late) for a time handed in.

        extension: days that somebody has more than the others.
        """
        deadline = self.deadline and self.deadline + datetime.timedelta(days=extension)
        if deadline is None or when is None or when <= deadline:
            return 0.0, 0
        days = math.ceil((when - deadline) / datetime.timedelta(days=1))
        return min(days * self.late_percent, self.late_most) / 100, days

    @property
    def due_in_words(self):
        """ "due 10 December 2026, 23:59 (UTC+01:00), with 15 minutes of grace", or ""."""
        if not self.due:
            return ""
        grace = f", with {self.grace} minutes of grace" if self.grace else ""
        return f"due {in_words(read_time(self.due))}{grace}"

    @property
    def rule(self):
        """The rule for late work, in sentences."""
        if not self.due:
            return "There is no due date, so nothing is late."
        return f"D{self.due_in_words[1:]}. {self.late_rule}"

    @property
    def late_rule(self):
        """What late work loses, in a sentence."""
        return (
            f"Late work loses {self.late_percent:g}% of the points earned for each day begun, "
            f"{self.late_most:g}% at the most."
        )

    def local(self, when):
        """A time in the zone of the due date, or in this computer's."""
        return when.astimezone(read_time(self.due).tzinfo if self.due else None)

    # storing ---------------------------------------------------------------------------------

    def save(self, course):
        """Writes it to the course's folder of assignments; returns the path."""
        path = course.root / FOLDER / f"{self.name}.json"
        path.parent.mkdir(exist_ok=True)
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        write_atomically(path, f"{text}\n".encode())
        return path


def new(name, chapters, **rest):
    """An assignment with a secret of its own. Raises UsageError for bad names and numbers."""
    made = Assignment(name, tuple(chapters), secret=secrets.token_hex(16), **rest)
    if made.due:
        made = replace(made, due=read_time(made.due).isoformat(timespec="minutes"))
    for what, value in (("--late", made.late_percent), ("--late-most", made.late_most)):
        if not 0 <= value <= 100:
            raise UsageError(f"{what} is {value:g}, expected a percentage from 0 to 100")
    if made.grace < 0:
        raise UsageError(f"--grace is {made.grace}, expected minutes, 0 or more")
    by_itself = Assignment(name, made.chapters)
    for what, field in (
        ("--grace", "grace"),
        ("--late", "late_percent"),
        ("--late-most", "late_most"),
    ):
        if not made.due and getattr(made, field) != getattr(by_itself, field):
            raise UsageError(f"{what} was given, but no --due: without a due date nothing is late")
    return made


def in_words(when):
    """A time for people: "10 December 2026, 23:59 (UTC+01:00)"."""
    zone = when.strftime("%z")
    offset = f"UTC{zone[:3]}:{zone[3:5]}" if zone.strip("+-0") else "UTC"
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M} ({offset})"


def read_time(text):
    """An aware datetime from ISO 8601; without an offset it is this computer's local time.

    A date alone means the end of that day. Raises UsageError.
    """
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no time; write it like 2026-12-01T23:59 or 2026-12-01T23:59+01:00"
        ) from None
    if re.fullmatch(r"\d{4}-?\d\d-?\d\d", text):
        when = when.replace(hour=23, minute=59, second=59)
    return when if when.tzinfo else when.astimezone()


def find(name, course=None):
    """The assignment of that name in the course's folder, or in the file so named.

    Raises UsageError that lists those there are.
    """
    path = Path(name)
    if path.suffix != ".json":
        folder = (course or Course.find()).root / FOLDER
        path = folder / f"{name}.json"
        if not path.is_file():
            there = ", ".join(sorted(p.stem for p in folder.glob("*.json"))) or "none yet"
            raise UsageError(
                f"no assignment is called {name!r}; there are {there}. `course release NN --to DIR "
                f"--name {name}` makes one"
            )
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept.pop("format") != FORMAT:
            raise ValueError("another format")
        known = {f.name for f in fields(Assignment)}
        return Assignment(
            **{k: v for k, v in kept.items() if k in known} | {"chapters": tuple(kept["chapters"])}
        )
    except OSError as error:
        raise UsageError(f"{path} could not be read: {error.strerror}") from None
    except CourseError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no assignment, or a damaged one: {error}") from None
