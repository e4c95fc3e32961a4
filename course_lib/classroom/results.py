"""What grading found, as plain data: what feedback, reports and exports are made of."""

from dataclasses import dataclass, field

TRIED = ("passed", "failed", "error")  # what becomes of an exercise that somebody worked on


def joined(sentences):
    """Sentences as one text, without the last full stop."""
    return "; ".join(words.removesuffix(".") for words in sentences)


def set_by_instructor(total):
    """How a decision on "late penalty" or "final score" begins."""
    return f"{total} set by the instructor"


@dataclass(frozen=True)
class Judgement:
    """The result of one student in one exercise.

    kind: "code", or that of the question. status: "passed", "failed", "error", "not attempted" or
    "missing" (nothing was handed in for it). message: to the student, in words. misconception: the
    id of a catalogued mistake, or "". finding: one word for what was found, or "". remark: about
    the notebook ("defined twice, the last one counts"), or "". answer: the student's definition,
    or the raw answer as JSON. reason: of an override by the instructor, or "".
    """

    exercise: str
    title: str
    chapter: str
    kind: str
    status: str
    points: float
    max_points: float
    message: str = ""
    misconception: str = ""
    finding: str = ""
    remark: str = ""
    answer: str = ""
    reason: str = ""

    @property
    def passed(self):
        return self.status == "passed"

    @property
    def tried(self):
        return self.status in TRIED


@dataclass(frozen=True)
class StudentResult:
    """All that one student gets. score: before the penalty. notes: sentences about what came in.

    submitted: when, in words, or "". late: what the penalty is for, in words, or "". due: until
    when, in words, or "". decisions: sentences about what the instructor has set.
    """

    student: str
    score: float
    max_score: float
    late_penalty: float
    final: float
    judgements: tuple
    notes: tuple = ()
    submitted: str = ""
    late: str = ""
    due: str = ""
    decisions: tuple = ()


@dataclass
class ExerciseStatistics:
    """How a class did in one exercise. statuses: {status: how many students}.

    mistakes: [(misconception id, its message, how many students, some of their names)], the most
    frequent first. others: the same for what no misconception names, by the word of the finding,
    with the message of the first such student.
    """

    exercise: str
    title: str
    chapter: str
    kind: str
    max_points: float
    mean_points: float = 0.0
    statuses: dict = field(default_factory=dict)
    mistakes: list = field(default_factory=list)
    others: list = field(default_factory=list)


@dataclass
class ClassStatistics:
    """A class in numbers. finals: every student's final score. exercises: in course order.

    help: [(student, final, words why)], who needs help, the most urgent first. idle: students who
    handed in nothing that could be judged. problems: [(student, words)] of submissions with
    something that could not be read. decisions: [(student, words)] of what the instructor has set.
    These lists are cut; help_count, idle_count, problem_count and decision_count say how many there
    are in all. late, late_points: how many were late, and what it cost them.
    """

    assignment: str
    chapters: tuple
    max_score: float
    rule: str
    finals: list
    exercises: list
    help: list
    problems: list
    late: int = 0
    late_points: float = 0.0
    idle: list = field(default_factory=list)
    help_count: int = 0
    idle_count: int = 0
    problem_count: int = 0
    decisions: list = field(default_factory=list)
    decision_count: int = 0
