"""How long one judgement takes: `python benchmarks/judging.py`, or with names of exercises.

Judges, for every code exercise (but train_mlp, whose answers train, unless it is named), the
reference, every right answer in another style, every catalogued mistake, and the wrong and right
answers in tests/answers. Each is judged once to warm up and then several times; its time is the
median. Prints a row per exercise and the totals.
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from course_lib import exercises, grading
from tests.answers import right, wrong

REPEATS = 3


def milliseconds(exercise, attempt):
    """Median time of a judgement."""
    times = []
    grading.judge(exercise, attempt)
    for _ in range(REPEATS):
        start = time.perf_counter()
        grading.judge(exercise, attempt)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def main(names):
    """Prints the table."""
    code = [e for e in exercises.load().values() if e.kind == "code"]
    names = names or [e.name for e in code if e.name != "train_mlp"]
    print(f"{'exercise':24} {'answers':>8} {'median ms':>10} {'slowest ms':>11}")
    everything = []
    for exercise in map(exercises.find, names):
        attempts = [exercise.solution, *(f for _, f in exercise.alternatives)]
        attempts += [m.attempt for m in exercise.misconceptions]
        attempts += wrong.WRONG[exercise.name] + right.RIGHT[exercise.name]
        times = [milliseconds(exercise, a) for a in attempts]
        everything += times
        print(
            f"{exercise.name:24} {len(times):8} {statistics.median(times):10.1f} {max(times):11.1f}"
        )
    print(
        f"{'all':24} {len(everything):8} {statistics.median(everything):10.1f} "
        f"{max(everything):11.1f}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
