"""Notebooks that are honest, and broken in every way: what is right in them earns its points."""

import inspect
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest

from course_lib import exercises
from course_lib.grading.judging import judge
from tests import graders as shared

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")

SUM = "def bias_gradient(dY):\n    return dY.sum(axis=0)\n"


@pytest.fixture(scope="module")
def grader_of():
    with shared.graders() as found:
        yield found


def judged(grader, cells, name, student="alice", answer=None):
    """The judgement of one exercise. answer: the number of the cell that was handed out for it."""
    read = SimpleNamespace(
        cells=[
            {
                "number": k,
                "source": source,
                "exercise": name if k == answer else "",
                "role": "answer" if k == answer else "",
            }
            for k, source in enumerate(cells, 1)
        ],
        answers={},
        chapter=exercises.find(name).chapter,
    )
    known = [e.name for e in exercises.of_chapter(read.chapter) if e.name != name]
    (found,) = grader.judge(read, student, known)
    return found


NOTEBOOKS = {
    "prints": """
print("start")
def bias_gradient(dY):
    print("dY", dY, sep="\\n", flush=True)
    import sys
    print(dY.shape, file=sys.stderr); sys.stdout.write("x"); sys.stderr.flush()
    return dY.sum(axis=0)
print(bias_gradient(np.ones((3, 2))))
""",
    "display and IPython": """
from IPython.display import display, Markdown, HTML
----
def bias_gradient(dY):
    display(dY); display(Markdown("**db**"))
    return dY.sum(axis=0)
----
bias_gradient
""",
    "display that is not imported": """
def bias_gradient(dY):
    display(dY)
    get_ipython().run_line_magic("time", "1")
    return dY.sum(axis=0)
""",
    "warnings and logging": """
import logging, warnings
log = logging.getLogger(__name__)
def bias_gradient(dY):
    warnings.warn("careful")
    np.log(np.array([0.0, -1.0])); np.array([1.0]) / 0
    log.warning("dY has shape %s", dY.shape)
    return dY.sum(axis=0)
""",
    "packages that are not there": """
import torch
import pandas as pd, numpy as np, tensorflow as tf
from sklearn.datasets import load_iris
import seaborn
----
def bias_gradient(dY):
    return np.sum(dY, axis=0)
""",
    "pictures": """
import matplotlib.pyplot as plt
import matplotlib
from mpl_toolkits.mplot3d import Axes3D
matplotlib.use("Agg")
fig, ax = plt.subplots()
----
def show(dY):
    fig, axes = plt.subplots(1, 2, figsize=(4, 3))
    axes[0].imshow(dY); plt.plot([1, 2], label="x"); plt.legend(); plt.show()
def bias_gradient(dY):
    show(dY)
    return dY.sum(axis=0)
""",
    "tqdm": """
from tqdm.auto import tqdm, trange
def bias_gradient(dY):
    total = np.zeros(dY.shape[1])
    for row in tqdm(dY, desc="rows"):
        total += row
    return total
""",
    "magics": """
%matplotlib inline
%load_ext autoreload
!pip install numpy
files = !ls
np.sum?
?np.sum
import numpy as np
%timeit -n 1 np.ones(3).sum()
def bias_gradient(dY):
    text = ("%s of %s"
            % dY.shape)
    return dY.sum(axis=0)
""",
    "a cell that is timed": "%%time\n" + SUM,
    "cells of other languages": f"%%bash\nrm -rf /\n----\n%%html\n<b>\n----\n{SUM}",
    "helpers in other cells, before and after": """
AXIS = 0
----
def bias_gradient(dY):
    return total(dY)
----
def total(a):
    return added(a, AXIS)
----
from numpy import add
added = add.reduce
""",
    "constants far away, in several steps": """
A, (B, *C) = 1, (2, 3, 4)
D = A + B - C[0]
D += 0
E: int = D
F = G = E
----
def bias_gradient(dY, axis=G):
    return dY.sum(axis=axis)
""",
    "a constant that is set in a loop before it is overwritten": """
AXIS = 1
for AXIS in range(3):
    pass
AXIS = 0
def bias_gradient(dY):
    return dY.sum(axis=AXIS)
""",
    "several definitions": f"def bias_gradient(dY):\n    return dY\n----\n{SUM}",
    "a definition for tests under another name": f"""
def bias_gradient_old(dY):
    raise NotImplementedError
----
{SUM}
my_bias_gradient = bias_gradient
""",
    "a lambda": "bias_gradient = lambda dY: dY.sum(0)",
    "a partial": """
import functools
def summed(axis, dY):
    return dY.sum(axis)
bias_gradient = functools.partial(summed, 0)
""",
    "decorators": """
import functools, time
def timed(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        start = time.perf_counter()
        try:
            return f(*args, **kwargs)
        finally:
            print(time.perf_counter() - start)
    return inner
----
@timed
def bias_gradient(dY):
    return dY.sum(axis=0)
""",
    "a cache": """
from functools import lru_cache, cache
@cache
def axis_of(name):
    return {"samples": 0}[name]
def bias_gradient(dY):
    return dY.sum(axis=axis_of("samples"))
""",
    "a callable object": """
class Sum:
    def __call__(self, dY):
        return dY.sum(axis=0)
bias_gradient = Sum()
""",
    "types": """
from __future__ import annotations
from typing import Any, Optional, TypeVar
import numpy.typing as npt
from numpy.typing import NDArray
----
T = TypeVar("T", bound="np.ndarray")
Array = NDArray[np.float64]
def bias_gradient(dY: Array, *, axis: Optional[int] = 0) -> npt.NDArray[Any]:
    db: Array = dY.sum(axis=axis)
    return db
""",
    "types that were never imported": """
from __future__ import annotations
----
def bias_gradient(dY: Tensor) -> Vector:
    return dY.sum(axis=0)
""",
    "a counter": """
calls = 0
def bias_gradient(dY):
    global calls
    calls += 1
    return dY.sum(axis=0)
""",
    "dataclasses and enums": """
from dataclasses import dataclass, field
from enum import Enum
class Axis(Enum):
    SAMPLES = 0
@dataclass
class Settings:
    axis: Axis = Axis.SAMPLES
    names: list = field(default_factory=list)
settings = Settings()
def bias_gradient(dY):
    return dY.sum(axis=settings.axis.value)
""",
    "walrus, f-strings, match, star-arguments": """
def bias_gradient(*args, **kwargs):
    (dY,) = args
    if (n := len(dY)) > 0:
        text = f"{n!r:>10} {dY.shape=}"
    match dY.shape:
        case (_, m):
            return np.array([*map(sum, zip(*dY))]).reshape(m)
""",
    "nested functions and closures": """
def make(axis):
    def inner(dY):
        nonlocal axis
        axis = 0
        return dY.sum(axis=axis)
    return inner
bias_gradient = make(1)
""",
    "NumPy under other names": """
import numpy
import numpy as xp
from numpy import sum as total, ndarray
def bias_gradient(dY):
    assert isinstance(dY, ndarray) and xp is numpy
    return total(dY, axis=0)
""",
    "everything from NumPy": """
from numpy import *
def bias_gradient(dY):
    return add.reduce(dY, axis=0) + zeros(shape(dY)[1])
""",
    "everything from the course": """
from course_lib import *
from course_lib.gradcheck import *
from course_lib import check, ask, yours, Linear, explore, answers, load_mnist
import course_lib
import course_lib.functional as F
import course_lib.viz as viz
----
Linear_from_the_course = Linear
explore("x")
def bias_gradient(dY):
    return dY.sum(axis=0)
check(bias_gradient)
""",
    "yours": """
from course_lib import yours
def bias_gradient(dY):
    return yours(added)(dY)
def added(dY):
    return dY.sum(axis=0)
""",
    "the gradient check used on the side": """
from course_lib.gradcheck import numerical_gradient
def bias_gradient(dY):
    db = dY.sum(axis=0)
    b = np.zeros(dY.shape[1])
    numeric = numerical_gradient(lambda b: float((dY * b).sum()), b)
    assert np.allclose(db, numeric, atol=1e-6)
    return db
""",
    "imports that are tried": """
try:
    import cupy as xp
    print("there is a graphics card")
except ImportError:
    import numpy as xp
try:
    from torch import tensor
    HAVE = True
except Exception:
    HAVE = False
else:
    pass
finally:
    AXIS = 0
def bias_gradient(dY):
    return xp.sum(dY, axis=AXIS)
""",
    "a package that is installed where grading is done": """
try:
    import jinja2, psutil
except ImportError:
    AXIS = 0
def bias_gradient(dY):
    return dY.sum(axis=AXIS)
""",
    "a definition under if": f"""
if __name__ == "__main__":
    AXIS = 0
    def helper(dY):
        return dY.sum(axis=AXIS)
    {SUM.replace("dY.sum(axis=0)", "helper(dY)").replace(chr(10), chr(10) + "    ")}
    print(bias_gradient(np.ones((2, 3))))
""",
    "semicolons": "import numpy as np; x = 1; bias_gradient = lambda dY: np.sum(dY, 0); print(x)",
    "errors in other cells": f"""
await something()
----
return 5
----
yield 3
----
def broken(:
----
1 / 0
x = undefined_name
----
raise KeyboardInterrupt
----
x = [1, 2
----
break
----
nonlocal y
----
{SUM}
----
assert bias_gradient(np.ones((2, 3))).tolist() == [2, 2, 3], "wrong on purpose"
import os; os._exit(1)
while True: pass
""",
    "async in another cell": f"""
import asyncio
async def main():
    await asyncio.sleep(1)
value = await main()
asyncio.run(main())
----
{SUM}
""",
    "a name that fails and is not needed": f"DATA = open('data.csv').read()\n----\n{SUM}",
    "a name that fails first and is made later": """
AXIS = undefined
----
AXIS = 0
def bias_gradient(dY):
    return dY.sum(axis=AXIS)
""",
    "input() at the top": f"name = input('Your name? ')\n----\n{SUM}",
    "indented as a whole": textwrap.indent(SUM, "    "),
    "tabs and Windows line ends": "def bias_gradient(dY):\r\n\treturn dY.sum(axis=0)\r\n",
    "other letters": """
Δ = ось = 0
# grüße, 中文, 🙂
def bias_gradient(dY):
    "Ein Gradient: ∂L/∂b. 🙂"
    return dY.sum(axis=Δ + ось)
""",
    "a with around": """
import contextlib
with contextlib.suppress(ImportError):
    import numpy as xp
def bias_gradient(dY):
    with np.errstate(all="raise"), contextlib.suppress(KeyError):
        return xp.sum(dY, axis=0)
""",
    "float32 and lists": """
def bias_gradient(dY):
    return [np.float32(v).item() for v in dY.sum(axis=0)]
""",
    "a matrix, a masked array without a mask, a subclass": """
class Named(np.ndarray):
    pass
def bias_gradient(dY):
    return np.ma.masked_array(dY.sum(axis=0)).view(Named)
""",
    "names of its own that hide built-ins": """
sum = 0
list = [1]
def max(a):
    return a.sum(axis=sum)
def bias_gradient(dY):
    return max(dY)
""",
    "its own numbers from random": """
import random
rng = np.random.default_rng(0)
noise = rng.normal(size=3) * 0
def bias_gradient(dY):
    order = list(range(len(dY)))
    random.shuffle(order); np.random.shuffle(order)
    return dY[order].sum(axis=0)
""",
    "settings that others feel": """
import sys, decimal
def bias_gradient(dY):
    np.seterr(all="raise"); np.random.seed(3); np.set_printoptions(precision=1)
    sys.setrecursionlimit(20_000); decimal.getcontext().prec = 3
    return dY.sum(axis=0)
""",
    "threads": """
from concurrent.futures import ThreadPoolExecutor
import threading
def bias_gradient(dY):
    done = []
    thread = threading.Thread(target=done.append, args=(1,)); thread.start(); thread.join()
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda column: column.sum(), dY.T))
""",
    "a class made of pieces": """
class Sums:
    axis = 0
def total(self, dY):
    return dY.sum(axis=self.axis)
Sums.total = total
sums = Sums()
sums.axis = 0
settings = {}
settings["axis"] = 0
def bias_gradient(dY):
    assert settings["axis"] == 0
    return sums.total(dY)
""",
    "modules of NumPy": """
import numpy.linalg as la, numpy.fft, numpy.polynomial.polynomial as P
from numpy.lib.stride_tricks import sliding_window_view
import numpy.ma as ma
def bias_gradient(dY):
    from numpy.lib.stride_tricks import as_strided
    import numpy.random, numpy.testing, numpy.polynomial.chebyshev, numpy.ctypeslib, numpy.char
    la.norm(dY), np.fft.fft(dY), P.polyval(1.0, [1, 2]), ma.masked_invalid(dY)
    np.testing.assert_allclose(dY, dY)
    return sliding_window_view(dY, len(dY), axis=0).sum(axis=-1)[0]
""",
}


@pytest.mark.parametrize("text", NOTEBOOKS.values(), ids=NOTEBOOKS)
def test_honest_notebook_earns_its_points(text, grader_of):
    found = judged(grader_of("02"), text.split("----\n"), "bias_gradient")
    assert found.passed, found.message


@pytest.mark.parametrize(
    "modules",
    [
        "math, cmath, itertools, functools, operator, collections, collections.abc, heapq, bisect",
        "string, re, textwrap, unicodedata, difflib, pprint, reprlib, enum, types, copy, numbers",
        "decimal, fractions, statistics, random, datetime, calendar, time, zoneinfo",
        "json, csv, configparser, pickle, struct, array, base64, hashlib, hmac, zlib, io",
        "typing, dataclasses, abc, contextlib, inspect, traceback, warnings, weakref, gc, timeit",
        "logging, argparse, unittest, unittest.mock, doctest, pdb, cProfile, ast, dis, secrets",
        "threading, queue, concurrent.futures, multiprocessing, asyncio, subprocess, sched",
        "os, os.path, pathlib, shutil, glob, tempfile, platform, sys, locale, uuid, urllib.request",
        "numpy.linalg, numpy.fft, numpy.random, numpy.ma, numpy.polynomial, numpy.testing",
        "numpy.lib.stride_tricks, numpy.lib.recfunctions, numpy.typing, numpy.rec, numpy.dtypes",
    ],
)
def test_modules_may_be_imported_when_they_are_used(modules, grader_of):
    lines = "\n".join(f"    import {name}" for name in modules.split(", "))
    code = f"def bias_gradient(dY):\n{lines}\n    return dY.sum(axis=0)\n"
    found = judged(grader_of("02"), [code], "bias_gradient")
    assert found.passed, found.message


def test_a_function_renamed_in_its_own_cell_counts_and_is_remarked(grader_of):
    cells = ["x = 1", SUM.replace("bias_gradient", "my_db")]
    found = judged(grader_of("02"), cells, "bias_gradient", answer=2)
    assert found.passed
    assert "my_db" in found.remark


def test_a_renamed_function_may_have_a_helper_in_its_cell(grader_of):
    cell = "def total(a):\n    return a.sum(0)\n\ndef my_db(dY):\n    return total(dY)"
    found = judged(grader_of("02"), ["x = 1", cell], "bias_gradient", answer=2)
    assert found.passed
    assert "my_db" in found.remark


@pytest.mark.parametrize("name", ["bias_gradient", "sgd_step", "Linear"])
def test_a_copy_of_the_starter_undoes_no_work(name, grader_of):
    item = exercises.find(name)
    found = judged(grader_of("02"), ["import numpy as np", item.source, item.starter], name)
    assert found.passed, found.message


def test_what_is_not_there_when_graded_is_said(grader_of):
    cells = ["import torch", "def bias_gradient(dY):\n    return torch.tensor(dY).sum(0)"]
    found = judged(grader_of("02"), cells, "bias_gradient")
    assert "No module named 'torch'" in found.message
    assert "NumPy and the standard library" in found.message
    engine = "from course_lib.functional import linear_backward\n"
    cells = [f"{engine}def bias_gradient(dY):\n    return linear_backward(dY)"]
    assert "write this one yourself" in judged(grader_of("02"), cells, "bias_gradient").message


def test_of_several_definitions_the_last_one_counts_and_all_are_named(grader_of):
    cells = ["def bias_gradient(dY):\n    return dY", "x = 1", SUM]
    found = judged(grader_of("02"), cells, "bias_gradient")
    assert found.passed
    assert "2 times (cells 1, 3)" in found.remark
    assert found.answer == SUM


def test_a_class_whose_methods_stand_in_other_cells(grader_of):
    cells = [
        "class Linear:\n    def __init__(self, n, m, rng):\n"
        "        self.W = rng.normal(size=(n, m)) * SCALE\n        self.b = np.zeros(m)",
        "SCALE = 0.1\ndef forward(self, X):\n    self.X = X\n    return X @ self.W + self.b",
        "Linear.forward = forward",
        "def backward(self, dY):\n    self.dW, self.db = self.X.T @ dY, dY.sum(axis=0)\n"
        "    return dY @ self.W.T\n\nLinear.backward = backward",
    ]
    found = judged(grader_of("02"), cells, "Linear")
    assert found.passed, found.message


def test_a_class_that_inherits_from_one_of_its_own(grader_of):
    cells = [
        "from abc import ABC, abstractmethod\nclass Layer(ABC):\n    @abstractmethod\n"
        "    def forward(self, X): ...\n    def __repr__(self):\n        return 'layer'",
        "class Linear(Layer):\n    def __init__(self, n, m, rng):\n        super().__init__()\n"
        "        self.W = rng.normal(size=(n, m))\n        self.b = np.zeros(m)\n"
        "    def forward(self, X):\n        self.X = X\n        return X @ self.W + self.b\n"
        "    def backward(self, dY):\n        self.dW, self.db = self.X.T @ dY, dY.sum(axis=0)\n"
        "        return dY @ self.W.T",
    ]
    found = judged(grader_of("02"), cells, "Linear")
    assert found.passed, found.message


def test_an_exercise_built_on_others_of_the_same_notebook(grader_of):
    cells = [
        "def linear_forward(X, W, b):\n    return X @ W + b",
        "def weight_gradient(X, dY):\n    return X.T @ dY",
        SUM,
        "def input_gradient(dY, W):\n    return dY @ W.T",
        "class Linear:\n    def __init__(self, n, m, rng):\n"
        "        self.W = rng.normal(size=(n, m))\n        self.b = np.zeros(m)\n"
        "    def forward(self, X):\n        self.X = X\n"
        "        return linear_forward(X, self.W, self.b)\n    def backward(self, dY):\n"
        "        self.dW, self.db = weight_gradient(self.X, dY), bias_gradient(dY)\n"
        "        return input_gradient(dY, self.W)",
    ]
    found = judged(grader_of("02"), cells, "Linear")
    assert found.passed, found.message


def test_a_starter_with_other_comments_is_not_attempted(grader_of):
    starter = exercises.find("bias_gradient").starter.replace(
        "# Your code here.", "# TODO\n    # ?"
    )
    found = judged(grader_of("02"), [starter], "bias_gradient")
    assert found.status == "not attempted"


# every right solution of the course -----------------------------------------------------------


def _alone(exercise, attempt):
    """An alternative as a cell's source, or None where it needs what stands elsewhere."""
    try:
        lines = textwrap.dedent(inspect.getsource(attempt)).splitlines()
    except OSError:
        return None
    first = next(k for k, line in enumerate(lines) if line.startswith(("def ", "class ")))
    keyword, _, rest = lines[first].partition(" ")
    end = min(rest.find(c) for c in "(:" if c in rest)
    source = "\n".join([f"{keyword} {exercise.name}{rest[end:]}", *lines[first + 1 :]])
    space = {"np": np}
    try:
        exec(source, space)
    except NameError:  # a base class, a decorator
        return None
    return source if judge(exercise, space[exercise.name]).passed else None


ALTERNATIVES = [
    (exercise, style, attempt)
    for exercise in exercises.load().values()
    if exercise.kind == "code" and exercise.name != "train_mlp"
    for style, attempt in exercise.alternatives
]


def test_right_solutions_of_all_chapters_pass_for_several_students(grader_of):
    tried = 0
    for k, (exercise, style, attempt) in enumerate(ALTERNATIVES):
        source = _alone(exercise, attempt)
        if source is None:
            continue
        tried += 1
        found = judged(grader_of(exercise.chapter), [source], exercise.name, f"student {k}")
        assert found.passed, (exercise.name, style, found.message)
    assert tried > 90


@pytest.mark.parametrize("chapter", ["00", "01", "02", "03", "04", "05", "06"])
def test_solutions_of_the_course_pass_on_many_seeds(chapter):
    for exercise in exercises.of_chapter(chapter):
        if exercise.kind == "code" and exercise.name != "train_mlp":
            for seed in range(1000, 1008):
                verdict = judge(exercise, exercise.solution, seed=seed)
                assert verdict.passed, (exercise.name, seed, verdict.message)
