"""What `import course_lib` adds to importing NumPy: `python benchmarks/importing.py`.

Starts fresh processes in turn, one that imports NumPy and one that imports course_lib after it,
and prints the medians and the median difference, pair by pair.
"""

import statistics
import subprocess
import sys

PAIRS = 15
PROGRAM = """
import time
start = time.perf_counter()
import numpy
middle = time.perf_counter()
{}
print(middle - start, time.perf_counter() - middle)
"""


def measure(statement):
    """(seconds for NumPy, seconds for the statement after it) in a process of its own."""
    program = PROGRAM.format(statement)
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return tuple(map(float, run.stdout.split()))


def main():
    """Prints the medians."""
    for statement in (
        "import course_lib",
        "from course_lib import judge; judge('double', abs)",
        "from course_lib import check",
    ):
        pairs = [measure(statement) for _ in range(PAIRS)]
        numpy, added = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"numpy {1e3 * numpy:6.1f} ms, then {1e3 * added:7.1f} ms for: {statement}")


if __name__ == "__main__":
    main()
