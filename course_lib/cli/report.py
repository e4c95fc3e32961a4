"""What runs inside the kernel of a notebook that is judged from the terminal."""

import json
from pathlib import Path

from course_lib import exercises


def write_verdicts(chapter, namespace, path):
    """Judges what `namespace` holds under the names of the chapter's code exercises.

    Writes {exercise: [status, points, message]} to `path` as JSON, after each judgement anew, so
    that a kernel which gets stuck takes only the later verdicts with it.
    """
    verdicts = {}
    for item in exercises.of_chapter(chapter):
        if item.kind != "code":
            continue
        if item.name in namespace:
            verdict = exercises.judge(item.name, namespace[item.name])
            verdicts[item.name] = verdict.status, verdict.points, verdict.message
        else:
            verdicts[item.name] = (
                "missing",
                0,
                f"Nothing called {item.name} is defined in the notebook.",
            )
        Path(path).write_text(json.dumps(verdicts), encoding="utf-8")
