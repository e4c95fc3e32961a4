"""How fast a class is graded, and which deaths a run survives: `python benchmarks/grading.py`.

The class is synthetic (synthetic_class.py): chapter 02's notebook with answers that are right,
wrong in the catalogued ways, or as they were handed out. Timed are `course grade` on two workers,
stock `nbgrader autograde` on the same notebooks, nbgrader with this course's judge and with nothing
that runs or judges, and train_mlp apart. `--class 10000` grades a class of that size in one run and
looks at the memory meanwhile; `--kills 50` kills runs at random times and repeats the command each
time. The tables are printed and written to results/grading.txt. It needs psutil, and nbgrader for
its part.
"""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import psutil
import synthetic_class
from comparison import add_folder, publish, quartiles
from machine import describe
from tqdm import tqdm

from course_lib import exercises
from course_lib.authoring import Course, build
from course_lib.classroom import release
from course_lib.classroom.assignment import Assignment
from course_lib.classroom.judging import Grader
from course_lib.classroom.run import Options, Run
from course_lib.classroom.worker import judge_content

CHAPTER, WORKERS = "02", 2
ALL_RIGHT = {"right": 1.0, "wrong": 0.0}
MIXED = {"right": synthetic_class.RIGHT, "wrong": synthetic_class.WRONG}
EARLY = 1_000  # from this submission on memory may not grow
COMMAND = [sys.executable, "-c", "from course_lib.cli import main; raise SystemExit(main())"]
MAIN_ALONE = 0.7  # of the kills; the others hit one of its processes


def assignment(chapter=CHAPTER):
    return Assignment("class", (chapter,), secret="benchmark")


# processes ---------------------------------------------------------------------------------------


def family():
    """(role, process) of this process and of those below it; students' own are left out."""
    me = psutil.Process()
    yield "main", me
    for process in me.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            command = process.cmdline()
            parent = process.parent()
            if "course_lib.classroom.worker" in command:
                yield "workers", process
            elif "course_lib.sandbox.zygote" in command and parent.cmdline() != command:
                yield "clean processes", process


def memory():
    """Bytes in use by role."""
    found = {"main": 0, "workers": 0, "clean processes": 0}
    for role, process in family():
        with contextlib.suppress(psutil.Error):
            found[role] += process.memory_info().rss
    return found


class Processors:
    """Adds up the seconds of processor time of all processes below, looking now and then."""

    FAMILY, TIMES = 2.0, 0.25  # seconds between looks: for new processes (costly), at the times

    def __init__(self):
        self._used, self._over = {}, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._known, self._next = [], 0.0

    def _look(self):
        if time.monotonic() >= self._next:
            self._known = list(family())
            # More often at first, while they are started.
            self._next = time.monotonic() + (self.FAMILY if len(self._known) > WORKERS else 0)
        for role, process in self._known:
            with contextlib.suppress(psutil.Error):
                t = process.cpu_times()
                used = t.user + t.system
                if role == "clean processes":  # and the students' that it has seen the end of
                    used += t.children_user + t.children_system
                self._used[process.pid] = used

    def _watch(self):
        while not self._over.wait(self.TIMES):
            self._look()

    def __enter__(self):
        self._look()
        self._before = sum(self._used.values())
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()
        self._look()

    @property
    def seconds(self):
        return sum(self._used.values()) - self._before


# course grade ------------------------------------------------------------------------------------


class Progress:
    """Notes when each submission was done, and the memory in use at some of them."""

    def __init__(self, total, look_at=()):
        self.times, self.memory = [], {}
        self._look_at, self._bar = look_at, tqdm(total=total, leave=False, disable=None)

    def update(self):
        self.times.append(time.perf_counter())
        self._bar.update()
        if len(self.times) in self._look_at:
            self.memory[len(self.times)] = memory()

    def close(self):
        self._bar.close()

    @property
    def rate(self):
        """Submissions per second, from the first that was done to the last."""
        return (len(self.times) - 1) / (self.times[-1] - self.times[0])


def grade(submissions, to, look_at=()):
    """(progress, seconds in all, seconds of processor time) of one run of `course grade`."""
    noted = []

    def progress(total):
        noted.append(Progress(total, look_at))
        return noted[0]

    start = time.perf_counter()
    with Processors() as processors:
        options = Options(workers=WORKERS)
        course = Course.find()
        Run([submissions], assignment(), to, course, options, lambda text: None, progress).grade()
    return noted[0], time.perf_counter() - start, processors.seconds


def rates(folder, count, batches):
    """A line for each kind of class."""
    yield f"course grade --workers {WORKERS}, chapter {CHAPTER}, {count} notebooks in a batch"
    yield f"{'class':12} {'per second':>26} {'ms of processor each':>22} {'command, s':>11}"
    for name, parts in (("all right", ALL_RIGHT), ("mixed", MIXED)):
        measured = []
        for batch in range(batches):
            place = folder / f"{name}-{batch}"
            synthetic_class.write(place / "in", CHAPTER, count, batch, **parts)
            progress, whole, used = grade(place / "in", place / "out")
            measured.append((progress.rate, 1e3 * used / count, whole))
            shutil.rmtree(place)
        speed, used, whole = zip(*measured, strict=True)
        low, middle, high = quartiles(speed)
        yield (
            f"{name:12} {middle:10.1f} [{low:5.1f}, {high:5.1f}] {statistics.median(used):22.1f} "
            f"{statistics.median(whole):11.1f}"
        )
    yield (
        "per second: median over the batches (quartiles), from the first notebook done to the last;"
    )
    yield "ms of processor: of all processes, their start and the writing of pages included."


def whole_class(folder, count):
    """Lines on one run on a large class: the rate and the memory."""
    synthetic_class.write(folder / "in", CHAPTER, count, 0, **MIXED)
    early = min(EARLY, max(count // 2, 1))
    last = count - WORKERS  # the workers are still there
    progress, whole, used = grade(folder / "in", folder / "out", (early, last))
    shutil.rmtree(folder)
    yield f"{count:,} submissions in one run (mixed): {progress.rate:.1f} per second, "
    yield f"{whole:.0f} s in all with grades, pages and report, {1e3 * used / count:.1f} ms of"
    yield "processor each. Memory in use, MB:"
    yield f"{'at submission':>14} {'main':>8} {'workers':>8} {'clean processes':>16} {'all':>8}"
    sums = []
    for at, found in progress.memory.items():
        megabytes = [n / 2**20 for n in found.values()]
        sums.append(sum(megabytes))
        yield "{:>14,} {:8.1f} {:8.1f} {:16.1f} {:8.1f}".format(at, *megabytes, sums[-1])
    yield f"growth: {sums[-1] - sums[0]:.1f} MB"


def training(count):
    """Lines on train_mlp, which trains a network for every judgement."""
    codes = [i.name for i in exercises.of_chapter("04")]
    rest = tuple(name for name in codes if name != "train_mlp")
    times = {}
    with Grader(assignment("04"), course=Course.find()) as grader:
        for name, notebook in synthetic_class.notebooks("04", count + 1, **ALL_RIGHT):
            given = json.dumps(notebook).encode()
            for known, what in ((rest, "train_mlp"), (("train_mlp",), "all others")):
                start = time.perf_counter()
                for _ in judge_content(grader, given, name, known=known):
                    pass
                times.setdefault(what, []).append(time.perf_counter() - start)
    yield f"chapter 04, all right, one notebook after another, seconds each (median of {count}):"
    for what, seconds in times.items():
        yield f"{what:12} {statistics.median(seconds[1:]):8.3f}"  # the first starts processes


# nbgrader ----------------------------------------------------------------------------------------

LOG = """
c = get_config()
c.CourseDirectory.course_id = "course"
c.Application.log_format = "%(created)f %(message)s"
"""
JUDGE = """
from course_lib.classroom.nbgrader import configure

c.Judge.course_root = {root!r}
configure(c)
"""
NOTHING = """
c.Autograde.autograde_preprocessors = [
    p for p in c.Autograde.autograde_preprocessors if p.__name__ != "Judge"
]
"""


def nbgrader(folder, *arguments):
    """What one of nbgrader's commands logs."""
    programs = Path(sys.executable).parent  # nbgrader calls another program of its environment
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env=os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"nbgrader {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stderr


def school(folder, count):
    """An nbgrader course in which `count` mixed notebooks were handed in."""
    root, name = folder / "course", assignment().name
    (root / "chapters" / "source").mkdir(parents=True)
    source = Course.find().sources[CHAPTER]
    shutil.copy(source, root / "chapters" / "source")
    assignment().save(Course(root))
    notebook, _ = release.adapt(build(CHAPTER), assignment())
    file = f"{source.stem}.ipynb"
    (folder / "source" / name).mkdir(parents=True)
    (folder / "source" / name / file).write_text(json.dumps(notebook), encoding="utf-8")
    (folder / "nbgrader_config.py").write_text(LOG + JUDGE.format(root=str(root)))
    nbgrader(folder, "generate_assignment", name)
    released = json.loads((folder / "release" / name / file).read_text(encoding="utf-8"))
    about = {c["id"]: c["metadata"] for c in released["cells"]}
    for student, made in synthetic_class.notebooks(CHAPTER, count, **MIXED):
        for cell in made["cells"]:
            cell["metadata"] = about.get(cell["id"], cell["metadata"])
        place = folder / "submitted" / student / name
        place.mkdir(parents=True)
        (place / file).write_text(json.dumps(made), encoding="utf-8")
    return root, name


def beside_nbgrader(folder, count):
    """Lines on nbgrader: as it is, with the judge, and with nothing that runs or judges."""
    if not find_spec("nbgrader"):
        yield "nbgrader is not installed"
        return
    root, name = school(folder, count)
    judge = LOG + JUDGE.format(root=str(root))
    medians = {}
    yield f"nbgrader autograde, the same chapter, seconds for each of {count} notebooks (mixed)"
    yield f"{'':34} {'median':>8} {'quartiles':>18}"
    for what, config in (
        ("stock", LOG),
        ("with nothing that runs or judges", judge + NOTHING),
        ("with this course's judge", judge),
    ):
        (folder / "nbgrader_config.py").write_text(config)
        log = nbgrader(folder, "autograde", name, "--force")
        begun = [float(t) for t in re.findall(r"^(\d+\.\d+) Creating/updating student", log, re.M)]
        ended = float(re.findall(r"^(\d+\.\d+) ", log, re.M)[-1])
        # The first one also imports and starts what all of them use.
        times = [b - a for a, b in zip(begun[1:], [*begun[2:], ended], strict=True)]
        low, medians[what], high = quartiles(times)
        yield f"{what:34} {medians[what]:8.3f} [{low:7.3f}, {high:7.3f}]"
    stock, nothing, ours = medians.values()
    yield f"the judge adds {ours - nothing:.3f} s to nbgrader's own; stock nbgrader takes "
    yield f"{stock / ours:.1f} times as long."


# kills -------------------------------------------------------------------------------------------


def results(out):
    """The grades as bytes, and the judgements without times and hosts."""
    columns = (
        "student, digest, exercise, status, points, max_points, misconception, finding, message, "
        "remark, answer"
    )
    with contextlib.closing(sqlite3.connect(out / "gradebook.sqlite")) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = connection.execute(f"SELECT {columns} FROM judgements JOIN submissions USING (key)")
        return (out / "grades.csv").read_bytes(), sorted(found), whole


def start(folder, out):
    where = ("--assignment", folder / "class.json", "--to", out, "--workers", str(WORKERS))
    return subprocess.Popen(
        [*COMMAND, "grade", folder / "in", *where],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def below(process, parts=("course_lib.classroom.worker", "course_lib.sandbox.zygote")):
    """The workers and clean processes below a command."""
    found = []
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                command = child.cmdline()
                if any(p in command for p in parts) and child.parent().cmdline() != command:
                    found.append(child)
    return found


def kill(process, luck):
    """Kills the command or one of its processes; returns which, and how many are left behind."""
    with contextlib.suppress(psutil.Error):
        everybody = psutil.Process(process.pid).children(recursive=True)
        others = below(process)
        if others and luck.random() > MAIN_ALONE:
            victim = luck.choice(others)
            role = (
                "a worker" if "course_lib.classroom.worker" in victim.cmdline() else "a clean one"
            )
            victim.kill()
            return role, 0
        process.kill()
        process.wait()
        return "the command itself", len(psutil.wait_procs(everybody, timeout=20)[1])
    return "", 0


def kills(folder, wanted, count):
    """Lines on runs that are killed at random times, the same command after each."""
    synthetic_class.write(folder / "in", CHAPTER, count, 0, **MIXED)
    (folder / "class.json").write_text(json.dumps({"format": 1, **asdict(assignment())}))
    begun = time.perf_counter()
    if start(folder, folder / "undisturbed").wait():
        sys.exit("the undisturbed run failed")
    takes = time.perf_counter() - begun
    expected = results(folder / "undisturbed")
    luck, out = random.Random(0), folder / "out"
    done, left, compared, equal, failed = {}, 0, 0, 0, 0
    bar = tqdm(total=wanted, leave=False, disable=None)
    while sum(done.values()) < wanted or out.exists():
        process = start(folder, out)
        if sum(done.values()) < wanted:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(luck.uniform(0, takes))
        if sum(done.values()) < wanted and process.poll() is None:
            role, orphans = kill(process, luck)
            left += orphans
            if role:
                done[role] = done.get(role, 0) + 1
                bar.update()
            if role == "the command itself":
                continue
        if process.wait():
            failed += 1
            continue
        compared += 1
        equal += results(out) == expected
        shutil.rmtree(out)  # from the beginning
    bar.close()
    said = ", ".join(f"{n} of {role}" for role, n in sorted(done.items(), reverse=True))
    yield f"{sum(done.values())} kills (-9) at random times in runs of {takes:.0f} s on {count}"
    yield f"notebooks, the same command after each: {said}."
    yield f"runs that came to an end: {compared}; with the same grades.csv, byte for byte, and the"
    yield f"same judgements as the undisturbed run: {equal}. Runs that stopped with an error,"
    yield f"as a process of theirs was killed, and went on at the next command: {failed}. Processes"
    yield f"left behind: {left}."


def main(arguments=None):
    """Measures, prints the tables and writes them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=300, help="notebooks in a batch")
    parser.add_argument("--batches", type=int, default=5)
    parser.add_argument("--nbgrader", type=int, default=12, help="notebooks for nbgrader; 0: none")
    parser.add_argument("--training", type=int, default=3, help="notebooks for train_mlp; 0: none")
    parser.add_argument("--class", dest="whole", type=int, default=0, metavar="N")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--killed", type=int, default=60, help="notebooks in runs that are killed")
    add_folder(parser)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="grading-") as name:
        folder = Path(name)
        parts = [rates(folder, options.submissions, options.batches)] if options.batches else []
        if options.nbgrader:
            parts.append(beside_nbgrader(folder / "school", options.nbgrader))
        if options.training:
            parts.append(training(options.training))
        if options.whole:
            parts.append(whole_class(folder / "whole", options.whole))
        if options.kills:
            parts.append(kills(folder / "kills", options.kills, options.killed))
        text = "\n\n".join("\n".join(lines) for lines in parts)
    publish(f"{text}\n\n{describe('numpy', 'nbgrader')}", options.to, "grading")


if __name__ == "__main__":
    main()
