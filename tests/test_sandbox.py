"""The parts of the sandbox by themselves: frames, what is taken of a notebook, facade, layers."""

import ast
import contextlib
import json
import math
import os
import random
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from course_lib.grading.contract import Contract
from course_lib.grading.outcomes import Odd, Outcome, Problem, Record
from course_lib.grading.probes import Call, Graph, Script, Seed, Stock, Walk
from course_lib.sandbox.extract import (
    LONGEST_CELL,
    find_answers,
    fingerprint,
    needed,
    parse_cell,
    read_cells,
)
from course_lib.sandbox.frames import (
    DTYPES,
    OUTCOMES,
    PREFIX_BYTES,
    BadFrame,
    Limits,
    decode,
    encode,
    lengths,
    read_frame,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="for Linux alone")


# frames ---------------------------------------------------------------------------------------


def reader(content):
    place = 0

    def read(count):
        nonlocal place
        part = content[place : place + count]
        place += count
        if len(part) < count:
            raise EOFError
        return part

    return read


def there_and_back(message):
    return read_frame(reader(encode(message)))


def same(one, other):
    if isinstance(one, (np.ndarray, np.generic)):
        return (
            type(one) is type(other)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, (list, tuple)):
        return (
            type(one) is type(other)
            and len(one) == len(other)
            and all(same(a, b) for a, b in zip(one, other, strict=True))
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and same(vars(one), vars(other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize(
    "message",
    [
        None,
        True,
        0,
        -(2**70),
        1.5,
        math.inf,
        math.nan,
        "",
        "ä\ud800\0",
        [],
        (),
        {},
        ...,
        [1, (2, [3, ()])],
        {"a": 1, None: 2, 3: (4,)},
        slice(1, None, -2),
        slice(None),
        np.arange(6).reshape(2, 3),
        np.zeros((0, 3)),
        np.float64(2),
        np.bool_(True),
        np.array(5.0),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10.0)[::-2],
        np.zeros((2, 0, 4), "i1"),
        (np.ones(2), [np.zeros(3, bool)], {"x": np.float32(1)}),
        Call((np.ones((2, 3)), "x", None, slice(1, 2)), "a label", False),
        Script(
            (
                ("new", "a", (1, 2)),
                ("call", "a", "forward", (np.ones(2),), "Y"),
                ("read", "a", "W", None),
            )
        ),
        Graph((("x", 1.0),), (("y", "*", "x", 2.0),), ("y",), "label", True),
        Walk(((), (0, 0)), (1,)),
        Seed(4),
        Stock("sin"),
        Contract("f", True, ("a", "b"), False, {None: ("x",), "forward": ("X",)}),
        Outcome(
            [Record("dW", np.ones(2)), Record("db", Odd("None", "None"), True)],
            ("X",),
            ("rng",),
            ("Y",),
            Problem("ValueError", "words", "line", 3, (("X", (2, 3)),)),
        ),
    ],
    ids=lambda m: repr(m)[:40],
)
def test_what_is_sent_arrives_as_it_was(message):
    assert same(there_and_back(message), message)


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_of_every_allowed_type_arrive(dtype):
    rng = np.random.default_rng(1)
    array = rng.integers(0, 2, (3, 4)).astype(dtype)
    assert same(there_and_back(array), array)


def test_arrays_that_arrive_can_be_written_and_do_not_share_memory():
    one, other = there_and_back([np.ones(3), np.ones(3)])
    one[0] = 5
    assert other.tolist() == [1, 1, 1]


def test_larger_types_and_other_orders_are_sent_as_numbers_that_fit():
    swapped = np.arange(3.0).astype(">f8")
    assert there_and_back(swapped).dtype == np.dtype("<f8")
    assert there_and_back(swapped).tolist() == [0, 1, 2]
    assert there_and_back(np.arange(3, dtype=np.longdouble)).dtype == np.float64


@pytest.mark.parametrize(
    "message",
    [
        object(),
        print,
        {1, 2},
        b"bytes",
        1j,
        np.array([None]),
        np.zeros(2, "M8[s]"),
        np.array("text"),
        np.zeros(2, complex),
        np.zeros(2, [("a", "f8")]),
        type("L", (list,), {})(),
        ValueError("x"),
    ],
    ids=lambda m: type(m).__name__,
)
def test_other_things_are_not_sent(message):
    with pytest.raises(BadFrame):
        encode([message])


def test_what_is_nested_without_end_is_not_sent():
    message = []
    message.append(message)
    with pytest.raises(BadFrame, match="deep"):
        encode(message)


def test_objects_of_the_attempt_stay_behind():
    outcome = Outcome([Record("a", np.ones(1))], alive=(object(), print))
    assert there_and_back(outcome).alive == ()


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("", b""),
        ("{", b""),
        ("{}", b""),
        ('{"a":1,"t":2}', b""),
        ('{"x":1}', b""),
        ("[" * 30 + "]" * 30, b""),
        ("[" * 100_000, b""),
        ("1" * 10_000, b""),
        ("\udce4", b""),
        ("null", b"x"),
        ('{"t":1}', b""),
        ('{"t":null}', b""),
        ('{"d":1}', b""),
        ('{"d":[[1]]}', b""),
        ('{"d":[[[],1]]}', b""),
        ('{"d":[[1.5,1]]}', b""),
        ('{"d":[[{"t":[]},1]]}', b""),
        ('{"s":[1,2]}', b""),
        ('{"s":5}', b""),
        ('{"a":[]}', b""),
        ('{"a":["<f8",[1],false]}', b"1234567"),
        ('{"a":["<f8",[2],false]}', b"12345678"),
        ('{"a":["<f8",[-1],false]}', b""),
        ('{"a":["<f8",[1.0],false]}', b"12345678"),
        ('{"a":["<f8",[true],false]}', b"12345678"),
        ('{"a":["<f8","1",false]}', b""),
        ('{"a":["<f8",[1,1,1,1,1,1,1,1,1],false]}', b"12345678"),
        ('{"a":["|O",[1],false]}', b"12345678"),
        ('{"a":["<M8[s]",[1],false]}', b"12345678"),
        ('{"a":["<U2",[1],false]}', b"12345678"),
        ('{"a":[["<f8"],[1],false]}', b"12345678"),
        ('{"a":["f8,O",[1],false]}', b"12345678"),
        ('{"a":["<f8",[0,1099511627775,1099511627775,1099511627775],false]}', b""),
        ('{"a":["<f8",[1099511627776],false]}', b""),
        ('{"o":["Record"]}', b""),
        ('{"o":["Record",[1,2]]}', b""),
        ('{"o":["Call",[{"t":[]},"",true]]}', b""),
        ('{"o":["object",[]]}', b""),
        ('{"o":[["Record"],[]]}', b""),
        ('{"o":["__class__",[]]}', b""),
        ('{"o":5}', b""),
        ('{"e":0,"e":1,"t":[]}', b""),
    ],
)
def test_what_is_no_frame_is_refused_and_nothing_else_happens(header, body):
    with pytest.raises(BadFrame):
        decode(header.encode(errors="surrogateescape"), body, OUTCOMES, Limits())


def test_the_prefix_is_checked_before_anything_is_set_aside():
    limits = Limits(header=10, body=20)
    frame = encode("x")
    assert lengths(frame[:PREFIX_BYTES], limits) == (3, 0)
    for prefix in (
        b"XXXX" + frame[4:PREFIX_BYTES],
        b"BPC1" + (11).to_bytes(4, "big") + bytes(8),
        b"BPC1" + bytes(4) + (21).to_bytes(8, "big"),
        b"BPC1" + b"\xff" * 12,
    ):
        with pytest.raises(BadFrame):
            lengths(prefix, limits)


def test_no_mutilated_frame_does_anything_but_be_refused():
    rng = random.Random(5)
    frame = encode(
        Outcome(
            [Record("dW", np.ones((2, 3))), Record("db", Odd("None", "None"), True)],
            problem=Problem("E", "m", "l", 1, (("X", (2,)),)),
        )
    )
    for _ in range(3000):
        spoilt = bytearray(frame)
        for _ in range(rng.randint(1, 4)):
            spoilt[rng.randrange(len(spoilt))] = rng.choice(b'[]{}",:0123456789aotdse-\xff\0')
        if rng.random() < 0.2:
            del spoilt[rng.randrange(len(spoilt)) :]
        try:
            read_frame(reader(bytes(spoilt)), OUTCOMES, Limits())
        except (BadFrame, EOFError):
            continue


# what is taken of a notebook ------------------------------------------------------------------


def read(*sources, wanted=("f",), **own):
    cells = [
        {"number": k, "source": s, "exercise": "", "role": ""} for k, s in enumerate(sources, 1)
    ]
    for name, number in own.items():
        cells[number - 1] |= {"exercise": name, "role": "answer"}
    statements, broken = read_cells(cells)
    answers = find_answers(cells, statements, broken, dict.fromkeys(wanted, False))
    return statements, broken, answers


def values(*sources, name="f"):
    space = {}
    for statement in needed(read(*sources)[0], [name]):
        with contextlib.suppress(Exception):  # as in the sandbox: it may not be needed after all
            exec(statement.code, space)
    return space


def test_statements_are_taken_in_order_and_only_those_that_are_needed():
    space = values(
        "a = 1\nb = 2\nprint(a)", "def f():\n    return a + c", "c = a * 10\nraise ValueError"
    )
    assert space["f"]() == 11
    assert "b" not in space


@pytest.mark.parametrize(
    ("sources", "result"),
    [
        (["x = 1", "x += 1", "def f(): return x"], 2),
        (["x, (y, *z) = 1, (2, 3)", "def f(): return z[0] + y + x"], 6),
        (["x: int = 4", "f = lambda: x"], 4),
        (["import math as m, sys", "def f(): return m.floor(2.5)"], 2),
        (["from math import floor as g, ceil", "def f(): return g(2.5)"], 2),
        (["import os.path", "def f(): return os.path.sep and 3"], 3),
        (["class A:\n    v = K", "K = 0", "K = 5\nclass A:\n    v = K", "def f(): return A.v"], 5),
        (["d = {}", "d['a'] = 7", "def f(): return d['a']"], 7),
        (["class A: pass", "A.g = lambda self: 8", "def f(): return A().g()"], 8),
        (
            [
                "try:\n    import nothing_of_the_kind\nexcept ImportError:\n    x = 9",
                "def f(): return x",
            ],
            9,
        ),
        (["if True:\n    x = 10\nelse:\n    x = 0", "def f(): return x"], 10),
        (["@deco\ndef f(): return 1", "def deco(g): return lambda: 11"], None),
        (["def deco(g): return lambda: 11", "@deco\ndef f(): return 1"], 11),
        (["def f(x=K): return x", "K = 1"], None),
        (["K = 12\ndef f(x=K): return x"], 12),
        (["K = 13\ndef f(): return [K for _ in range(1)][0]"], 13),
        (["K = 14\nclass A:\n    def g(self): return K", "f = A().g"], 14),
        (["from math import *", "def f(): return floor(15.5)"], 15),
        (["def f(): return g()", "def g(): return h()", "def h(): return 16"], 16),
        (["x = 17", "def f():\n    global x\n    x = x + 0\n    return x"], 17),
        (["x = 1; y = 2; f = lambda: x + y + 15"], 18),
        (["from __future__ import annotations", "def f(a: Nothing = 19) -> None: return a"], 19),
        (
            ["%matplotlib inline\nx = 20\n!ls\nx?\n?x\nv = !ls\nw = %time 1", "def f(): return x"],
            20,
        ),
        (["%%time\nx = 21", "def f(): return x"], 21),
        (["  x = 22\n  y = 1", "def f(): return x"], 22),
        (["x = 23", "for x in range(3): pass", "while False: x = 2", "def f(): return x"], 23),
    ],
)
def test_what_an_answer_depends_on_is_found(sources, result):
    space = values(*sources)
    assert (space["f"]() if "f" in space else None) == result


def test_nothing_runs_while_a_notebook_is_read(tmp_path):
    mark = tmp_path / "ran"
    source = f"open({str(mark)!r}, 'w')\nx = open({str(mark)!r}, 'w')\ndef f(): return x"
    read(source, f"class A:\n    open({str(mark)!r}, 'w')", f"%run {mark}", f"!touch {mark}")
    assert not mark.exists()


def test_cells_that_cannot_be_read_are_told_by_number():
    statements, broken, answers = read(
        "x = 1", "def g(:", "a\0b", "(" * 10_000, "def f(): return x"
    )
    assert sorted(broken) == [2, 3, 4]
    assert "line 1" in broken[2]
    assert "null" in broken[3]
    assert answers["f"].problem == ""
    assert "too long" in read("x" * (LONGEST_CELL + 1))[1][1]


def test_an_answer_in_a_broken_cell_is_told_where():
    assert "cell 2 has a syntax error" in read("x = 1", "def f():\nreturn 1")[2]["f"].problem
    assert "cell 1 has" in read("y = = 2", f=1)[2]["f"].problem
    assert "nowhere" in read("x = 1", "g = 2")[2]["f"].problem


def test_the_last_definition_counts_and_all_are_named():
    answer = read("def f(): return 1", "x = 1", "def f(): return 2", "def f(): return 3")[2]["f"]
    assert answer.cells == [1, 3, 4]
    assert "3 times (cells 1, 3, 4)" in answer.remark
    assert answer.fingerprint == fingerprint("def f(): return 3")


def test_one_function_of_another_name_in_the_answers_cell_is_taken():
    answer = read("x = 1", "def g(): return 1", f=2)[2]["f"]
    assert (answer.name, answer.cells) == ("g", [2])
    assert read("def g(): 1\ndef h(): 2", f=1)[2]["f"].problem
    assert read("def g(): 1", wanted=("f", "g"), f=1)[2]["f"].problem


def test_an_import_is_no_answer():
    assert read("from course_lib.functional import f")[2]["f"].problem
    assert read("from a import g as f")[2]["f"].problem


def test_a_fingerprint_sees_code_and_neither_comments_nor_docstrings():
    plain = fingerprint("def f(x):\n    return x\n")
    assert plain == fingerprint("def f(x):  # no\n\n    return (x)")
    assert fingerprint('def f(x):\n    "Words."\n    return x') == fingerprint(
        "def f(x):\n    '''Other\n    words.'''\n    # more\n    return x"
    )
    assert plain != fingerprint("def f(x):\n    return -x")
    assert plain != fingerprint("def g(x):\n    return x")


def test_lines_for_ipython_are_left_out_and_python_is_not():
    body = parse_cell("x = 7 % 2\ny = (8\n% 3)\n%time z\nw = 'a!b'\nt = x != y\n")
    assert len(body) == 5


# the facade -----------------------------------------------------------------------------------


def in_another_process(code, *arguments):
    made = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


INSTALL = """
import gc, importlib, json, sys, types
from course_lib.sandbox import facade
facade.install(**json.loads(sys.argv[1]))
gc.collect()
def says(f):
    try:
        return repr(f())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
"""
OFFERS = {
    "": ["Linear"],
    "gradcheck": ["numerical_gradient"],
    "autograd": ["grad", "Tensor", "ops", "hvp"],
    "functional": ["linear_forward"],
}


def facade(code, offers=OFFERS, withheld=("autograd.hvp",), alone=False):
    settings = json.dumps({"offers": offers, "withheld": list(withheld), "alone": alone})
    return in_another_process(INSTALL + textwrap.dedent(code), settings)


def offered(**more):
    names = {m: [n for n in names if n != "hvp"] for m, names in OFFERS.items()}
    return names | more


def test_the_facade_offers_what_it_is_told_and_names_the_rest():
    said = facade(
        """
        import course_lib
        from course_lib import Linear, check, yours, judge, answers, anything
        from course_lib.gradcheck import numerical_gradient
        from course_lib.autograd import grad, ops, hvp
        import course_lib.exercises.ch02_linear_layer as hidden
        import course_lib.viz as viz, matplotlib.pyplot as plt
        f = lambda x: x
        print(json.dumps({
            "layer": Linear.__name__, "yours": yours(f) is f, "quiet": says(lambda: check(f)),
            "anything": says(lambda: anything(1)), "hvp": says(lambda: hvp(1, 2, 3)),
            "functional": says(lambda: course_lib.functional.softmax_forward(1)),
            "hidden": says(lambda: hidden.bias_gradient(1)),
            "class": says(lambda: exec("class A(anything): pass")),
            "ops": callable(ops.sin), "viz": says(lambda: viz.draw_matrices(1)),
            "figure": says(lambda: plt.subplots()[1].plot([1])),
            "files": [n for n, m in sys.modules.items()
                      if n.startswith("course_lib") and getattr(m, "__file__", 0)],
        }))
        """,
        offers=offered(),
    )
    assert said["layer"] == "Linear"
    assert said["yours"]
    assert said["ops"]
    for name in ("anything", "hvp", "functional", "hidden", "class"):
        assert "write this one yourself" in said[name], said[name]
    assert said["files"] == []
    assert "NotHere" not in said["quiet"] + said["viz"] + said["figure"]


def test_what_is_withheld_is_nowhere_in_memory():
    said = facade(
        """
        names = [o.__qualname__ for o in gc.get_objects() if type(o) is types.FunctionType
                 and str(o.__module__).startswith("course_lib.autograd")]
        print(json.dumps(names))
        """,
        offers=offered(),
    )
    assert "grad" in said
    assert "hvp" not in said


def test_functions_that_are_offered_alone_have_nothing_beside_them():
    said = facade(
        """
        from course_lib.gradcheck import numerical_gradient
        import numpy as np
        x = np.array([1.0, 2.0])
        names = [o.__qualname__ for o in gc.get_objects() if type(o) is types.FunctionType
                 and str(o.__module__).startswith("course_lib.gradcheck")]
        value = numerical_gradient(lambda x: np.sum(x**2), x).round(6).tolist()
        print(json.dumps({"names": names, "globals": sorted(numerical_gradient.__globals__),
                          "value": value}))
        """,
        offers={"gradcheck": ["numerical_gradient"]},
        withheld=(),
        alone=True,
    )
    assert said["value"] == [2, 4]
    assert not {"relative_error", "check_gradient"} & {*said["names"], *said["globals"]}


# layers ---------------------------------------------------------------------------------------


@linux
def test_the_layers_refuse_what_they_must_and_allow_computing(tmp_path):
    said = in_another_process(
        """
        import json, os, socket, sys, threading
        import numpy as np
        from course_lib.sandbox import layers
        layers.load_linked_libraries()
        made = layers.Layers()
        folder, out = sys.argv[1], os.dup(1)
        made.apply(30)
        def says(f):
            try:
                f()
                return "done"
            except Exception as error:
                return type(error).__name__
        import decimal, fractions, sqlite3, numpy.fft, numpy.polynomial, unittest.mock
        thread = threading.Thread(target=abs, args=(1,))
        thread.start(); thread.join()
        said = {
            "active": made.active, "missing": made.missing,
            "write": says(lambda: open(f"{folder}/x", "w")),
            "read": says(lambda: open("/etc/passwd").read()),
            "list": says(lambda: os.listdir(folder)), "make": says(lambda: os.mkdir(f"{folder}/y")),
            "remove": says(lambda: os.rmdir(f"{folder}/there")), "fork": says(os.fork),
            "exec": says(lambda: os.execv("/bin/true", ["true"])), "socket": says(socket.socket),
            "kill": says(lambda: os.kill(os.getppid(), 0)), "memory": says(lambda: np.ones(10**9)),
            "memfd": says(lambda: os.memfd_create("x")),
            "product": says(lambda: np.ones((9, 9)) @ np.ones((9, 9))),
            "library": says(lambda: __import__("html.parser")),
            "proc": says(lambda: open("/proc/self/maps").read()),
        }
        os.write(out, json.dumps(said).encode())
        """,
        str(tmp_path),
    )
    assert said.pop("active") == ["resource limits", "no new privileges", "Landlock", "seccomp"]
    assert said.pop("missing") == []
    assert {n for n, word in said.items() if word == "done"} == {"product", "library"}
    assert said["memory"] == "MemoryError"
    assert list(tmp_path.iterdir()) == []


@linux
def test_a_layer_that_is_missing_is_named_and_refused(monkeypatch):
    from course_lib.sandbox import forked, link

    settings = {"offers": {}, "withheld": [], "alone": True}
    broken = (
        "import sys; sys.modules['pyseccomp'] = None\n"
        "from course_lib.sandbox import zygote; zygote.main()"
    )
    monkeypatch.setattr(
        forked, "command_for", lambda module, *rest: [sys.executable, "-c", broken, *rest]
    )
    with pytest.raises(link.NoSandbox, match="seccomp"):
        forked.Zygote(settings, unsafe=False, bubblewrap=False)
    made = forked.Zygote(settings, unsafe=True, bubblewrap=False)
    assert "Landlock" in made.active
    assert "seccomp" not in made.active
    assert "pyseccomp" in made.missing[0]
    made.close()


def test_without_layers_nothing_is_judged_unless_asked_for(monkeypatch):
    from course_lib.sandbox import link

    monkeypatch.setattr(link.sys, "platform", "win32")
    settings = {"offers": {}, "withheld": [], "alone": True}
    with pytest.raises(link.NoSandbox, match="win32"):
        link.sandbox(settings)
    made = link.sandbox(settings, unsafe=True)
    assert made.missing
    made.close()


def talk(process):
    """What a student's process says to a notebook and two cases of it."""
    process.begin()
    process.room = 1_000_000
    cells = [
        {
            "number": 1,
            "source": "def f(x):\n    print(x)\n    return 2 * x",
            "exercise": "",
            "role": "",
        }
    ]
    process.ask({"cells": cells, "wanted": {"f": False}, "starters": {}}, 30)
    assert process.reply(30)["answers"]["f"]["cells"] == [1]
    contract = Contract("f", False, ("y",), False, {None: ("x",)})
    process.begin()
    probes = [Call((3.0,)), Call((np.ones(2),))]
    request = {"exercise": "f", "contract": contract, "probes": probes, "as_checked": False}
    process.ask(request, 30)
    assert process.reply(30)["signature"] == [["x", "POSITIONAL_OR_KEYWORD", False]]
    return [r.value.tolist() for _ in range(2) for r in process.outcome(30).records]


def test_a_fresh_interpreter_serves_a_notebook_as_well():
    from course_lib.sandbox.link import FreshProcesses

    process = FreshProcesses({"offers": {}, "withheld": [], "alone": True}, unsafe=True).start(60)
    try:
        assert talk(process) == [6, 6, [2, 2], [2, 2]]
    finally:
        process.close()


@linux
def test_a_forked_process_serves_a_notebook_and_ends_when_it_is_left():
    from course_lib.sandbox.forked import Zygote

    made = Zygote({"offers": {}, "withheld": [], "alone": True}, unsafe=False, bubblewrap=False)
    try:
        process = made.start(60)
        assert talk(process) == [6, 6, [2, 2], [2, 2]]
        number = process._number
        process.close()
        assert not os.path.exists(f"/proc/{number}")
    finally:
        made.close()


def test_thousands_of_copies_of_the_starter_are_left_out_in_no_time():
    copies = "def f(): raise NotImplementedError\n" * 3_000
    start = time.process_time()
    statements, _, answers = read(*[f"def f(): return {k}\n{copies}" for k in range(4)])
    assert len(statements) == 4
    assert answers["f"].cells == [1, 2, 3, 4]
    assert time.process_time() - start < 15  # minutes, where each is looked for among all


def test_a_long_cell_of_lines_for_ipython_is_not_parsed_again_and_again():
    assert len(read("x = 1\n%magic\n" * 45)[0]) == 45
    long = "x = 1  # and more words, as many as it takes\n" * 4_000
    _, broken, _ = read(long + "%magic\n" * 45)
    assert "too many lines" in broken[1]


def test_remarks_list_few_of_many_cells():
    _, _, answers = read(*["def f(): return 1"] * 200)
    assert "(cells 1, 2, 3, 4, 5, 6, 7, 8, 9, …, 200)" in answers["f"].remark


def test_all_cells_together_are_parsed_again_for_so_long_only(monkeypatch):
    again = []
    parse = ast.parse
    monkeypatch.setattr(ast, "parse", lambda text: again.append(len(text)) or parse(text))
    _, broken, _ = read(*[("x = 1\n" * 500 + "%magic\n") * 40] * 40)
    assert sum(again) < 10_000_000  # it is 190 millions where each cell has its own limit
    assert len(broken) == 40


def test_thousands_of_cells_for_one_exercise_are_gone_through_once():
    cells = [
        {"number": k, "source": "x = 1\n" * 50, "exercise": "f", "role": "answer"}
        for k in range(3_000)
    ]
    statements, broken = read_cells(cells)
    start = time.process_time()
    answers = find_answers(cells, statements, broken, {"f": False})
    assert answers["f"].problem == "it is defined nowhere in the notebook"
    assert time.process_time() - start < 8  # it was over ten, where each cell looked at all
