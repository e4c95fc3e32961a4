"""Completing a graph: operations, wrong rules, what follows from a wrong entry, and the card."""

import json
from html import escape

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import exercises
from course_lib.grading import REGISTRY
from course_lib.grading.graph_question import CompleteGraph
from course_lib.grading.operations import OPERATIONS
from course_lib.progress import Progress
from course_lib.widgets import answer, answers, ask, read_answers
from course_lib.widgets.style import CSS, GRAPH_CSS

FORK = {
    "inputs": {"a": 4, "b": -1},
    "nodes": [("s", "add", "a", "b"), ("p", "multiply", "s", "a"), ("L", "subtract", "p", "b")],
}
GRAPHS = [q for q in exercises.load().values() if q.kind == "graph"]


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    """Forgets the questions of a test, and keeps its answers apart."""
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))
    before = set(REGISTRY)
    yield
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


def graph(inputs, nodes, name="t_graph", **rest):
    return CompleteGraph(name, title="A graph", prompt="?", inputs=inputs, nodes=nodes, **rest)


@pytest.fixture
def fork():
    return graph(**FORK)


def with_entries(question, values=None, gradients=None):
    """The right answer with some entries exchanged."""
    raw = question.solution
    raw["values"] |= values or {}
    raw["gradients"] |= gradients or {}
    return raw


# operations and the right answer -----------------------------------------------------------------


@pytest.mark.parametrize("name", OPERATIONS)
def test_slopes_of_an_operation_agree_with_nudging(name):
    operation, rng = OPERATIONS[name], np.random.default_rng(3)
    arity = 2 if "{y}" in operation.written else 1
    low = 0.3 if name in ("log", "power") else -2.0
    for _ in range(20):
        x = rng.uniform(low, 2.0, arity)
        slopes = operation.slopes(*x)
        for i, step in enumerate(1e-6 * np.eye(arity)):
            nudged = (operation.value(*(x + step)) - operation.value(*(x - step))) / 2e-6
            np.testing.assert_allclose(slopes[i], nudged, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_slip_of_an_operation_is_right(name):
    operation, rng = OPERATIONS[name], np.random.default_rng(4)
    x = rng.uniform(0.3, 2.0, (8, 2 if "{y}" in operation.written else 1))
    for place, wrong, words in operation.slips:
        assert any(abs(wrong(*row) - operation.slopes(*row)[place]) > 0.01 for row in x) or (
            name == "relu" and "lets" in words  # these inputs are above 0
        )
    for wrong, _ in operation.misreadings:
        signed = np.concatenate([x, -x])
        with np.errstate(all="ignore"):
            gaps = [abs(wrong(*row) - operation.value(*row)) for row in signed]
        assert np.nanmax(gaps) > 0.01


@pytest.mark.parametrize("question", [pytest.param(q, id=q.name) for q in GRAPHS])
def test_gradients_of_the_chapters_graphs_agree_with_nudging(question):
    def output(**inputs):
        values = question.inputs | inputs
        for node in question.nodes:
            values[node.name] = node.computed(OPERATIONS[node.operation].value, values)
        return values[question.output]

    for name, x in question.inputs.items():
        nudged = (output(**{name: x + 1e-6}) - output(**{name: x - 1e-6})) / 2e-6
        np.testing.assert_allclose(question.gradients[name], nudged, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("question", [pytest.param(q, id=q.name) for q in GRAPHS])
def test_every_slip_on_the_chapters_graphs_is_told(question):
    mistakes = question.mistakes
    assert len(mistakes) >= 30
    assert len({message for *_, message in mistakes}) == len(mistakes)
    for _, raw, message in mistakes:
        assert " is what comes out if " in message
        assert sum(state == "wrong" for state in question.states(raw).values()) == 1


def test_the_fork_has_the_right_numbers(fork):
    assert fork.solution == {
        "values": {"s": 3, "p": 12, "L": 13},
        "gradients": {"L": 1, "p": 1, "s": 4, "b": 3, "a": 7},
    }
    verdict = fork.judge(fork.solution)
    assert (verdict.status, verdict.points) == ("passed", 1)


def test_a_gradient_may_be_called_by_its_whole_name(fork):
    gradients = {"dL/dL": 1, "dp": 1, " s": 4, "b ": 3, "dL/da": 7}
    raw = {"values": fork.solution["values"], "gradients": gradients}
    assert fork.judge(raw).passed
    assert fork.judge(json.dumps(raw)).passed
    assert ask("t_graph", raw).cells["gradients", "p"].value == "1"


def test_typed_texts_count_and_decimals_may_be_rounded_on_the_way():
    question = graph({"x": 0.7}, [("s", "sigmoid", "x"), ("y", "multiply", 100, "s")])
    s, ds = question.values["s"], question.gradients["x"]
    rounded = f"{s:.3f}"
    raw = {
        "values": {"s": rounded, "y": f"{100 * float(rounded):.1f}"},
        "gradients": {"y": "2/2", "s": " 100 ", "x": f"{ds:.4f}"},
    }
    assert question.judge(raw).passed, question.judge(raw).message


# wrong rules -------------------------------------------------------------------------------------

RULES = [  # graph, gradient, wrong number, words of the message
    (FORK, "L", 0, "you start at 0"),
    (FORK, "L", 13, "you start at the value of L"),
    (FORK, "s", 3, "you do not swap at p"),
    (FORK, "s", 1, "you hand dL/dp on unchanged"),
    (FORK, "a", 4, "you keep only the path through s"),
    (FORK, "a", 3, "you keep only the path through p"),
    (FORK, "a", 12, "you multiply what the paths bring"),
    (FORK, "a", 3.5, "you average over the paths"),
    (FORK, "a", 5, "the sum s shares out what it gets"),
    (FORK, "b", 5, "the minus sign in L is lost"),
    (FORK, "p", 12, "you give the value of p"),
    (FORK, "b", 0, "without the upstream gradient dL/ds"),
]
UNARY = {
    "inputs": {"x": 2, "w": -3},
    "nodes": [
        ("z", "multiply", "x", "w"),
        ("a", "relu", "z"),
        ("b", "relu", "x"),
        ("c", "add", "a", "b"),
        ("d", "subtract", "c", 5),
        ("L", "square", "d"),
    ],
}
RULES += [
    (UNARY, "z", -6, "the gate of a lets the gradient through"),
    (UNARY, "d", -3, "the 2 is missing"),
    (UNARY, "d", 18, "is taken at L, not at d"),
    (UNARY, "d", 4, "the slope of d² is taken at x, not at d"),
    (UNARY, "a", -3, "the sum c shares out"),
]
GATE = {"inputs": {"x": 2}, "nodes": [("a", "relu", "x"), ("L", "multiply", -3, "a")]}
RULES += [
    (GATE, "x", 0, "the gate of a is closed. It is open"),
    (GATE, "x", -6, "you multiply by x. An open gate has the slope 1"),
]
EARLY = {
    "inputs": {"a": 5, "b": 2},
    "nodes": [
        ("c", "subtract", "a", "b"),
        ("d", "square", "c"),
        ("e", "multiply", "d", "a"),
        ("y", "subtract", "e", "c"),
    ],
}
RULES += [
    (EARLY, "a", 39, "c hands on what came back from d alone"),
    (EARLY, "a", 8, "c hands on what came back from y alone"),
    (EARLY, "c", -30, "you multiply what the paths bring"),
    (EARLY, "b", 29, "the minus sign in c is lost"),
]
TWICE = {"inputs": {"x": 3}, "nodes": [("y", "multiply", "x", "x")]}
RULES += [
    (TWICE, "x", 3, "you keep only the path through one of the two wires into y"),
    (TWICE, "x", 9, "you multiply what the paths bring"),
]
LARGER = {
    "inputs": {"x": 3, "y": 5},
    "nodes": [("m", "max", "x", "y"), ("q", "divide", "m", "x"), ("L", "multiply", 6, "q")],
}
RULES += [
    (LARGER, "y", 1, "the maximum shares out what it gets"),
    (LARGER, "y", 0, "the smaller input gets it all"),
    (LARGER, "m", 18, "you multiply by x at the quotient q"),
    (LARGER, "x", 10 / 3, "the minus sign in the slope of q is lost"),
]


@pytest.mark.parametrize(
    ("program", "name", "wrong", "words"), RULES, ids=lambda v: v if isinstance(v, str) else None
)
def test_a_wrong_rule_is_recognised(program, name, wrong, words):
    question = graph(**program)
    verdict = question.judge(with_entries(question, gradients={name: wrong}))
    label = f"d{question.output}/d{name}"
    assert verdict.status == "failed"
    assert verdict.message.startswith(f"{label} = {wrong:.6g} is what comes out if ")
    clause, _, remark = words.partition(". ")
    assert clause in verdict.message
    assert remark in verdict.message
    assert verdict.misconception.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("s", -4, "you multiply a by b"),
        ("s", 5, "you subtract b from a"),
        ("s", -3, "the sign is the other one"),
        ("p", 7, "you add s and a"),
        ("L", -13, "you subtract the wrong way round, p from b"),
        ("L", 11, "you add p and b"),
    ],
)
def test_a_wrong_value_is_recognised(fork, name, wrong, words):
    message = fork.judge(with_entries(fork, values={name: wrong})).message
    assert message.startswith(f"{name} = {wrong} is what comes out if ")
    assert words in message


def test_an_unknown_wrong_number_is_told_with_the_way_to_it(fork):
    verdict = fork.judge(with_entries(fork, gradients={"a": 21.5}))
    assert verdict.message == (
        "dL/da = 21.5 is not right. a goes into s = a + b and into p = s · a. From each comes back "
        "its own gradient, times how much it moves when a is nudged. Add these."
    )
    assert (verdict.misconception, verdict.finding.kind) == (None, "entries")


def test_a_slip_behind_a_wrong_number_is_wrong_and_told_in_its_turn(fork):
    raw = with_entries(fork, gradients={"p": 2, "s": 6})  # 2 times the value of s, not of a
    assert fork.states(raw)["gradients", "s"] == "wrong"
    assert fork.judge(raw).message.startswith("dL/dp = 2 ")
    raw["gradients"] |= {"p": 1, "s": 3}
    assert "you do not swap at p" in fork.judge(raw).message


def test_a_gradient_is_not_explained_by_a_number_that_was_made_from_it(fork):
    for wrong in ({"p": 99, "b": 99}, {"s": 50, "a": 50}):
        assert " is not right. " in fork.judge(with_entries(fork, gradients=wrong)).message
    told = fork.judge(with_entries(fork, gradients={"p": 7})).message  # the right dL/da
    assert told.startswith("dL/dp = 7 is what comes out if you give dL/da here.")


def test_halving_at_a_difference_is_told(fork):
    message = fork.judge(with_entries(fork, gradients={"p": 0.5, "b": 0.5})).message
    assert message.startswith("dL/dp = 0.5 is what comes out if the difference L shares out")
    alone = graph({"x": 5, "w": 2}, [("L", "subtract", "x", "w")])
    for name, half in (("x", 0.5), ("w", -0.5)):
        message = alone.judge(with_entries(alone, gradients={name: half})).message
        assert "Each input gets it all, with its own sign." in message


def coincidences(question):
    """(entry, what somebody might put there) where that is the right number after all."""
    found = set()
    for which, right in (("values", question.values), ("gradients", question.gradients)):
        for name in question.asked(which):
            make = question._value_slips if which == "values" else question._gradient_slips
            others = {s.words: s.number for s in make(name, question.values, question.gradients)}
            others |= {f"value of {n}": v for n, v in question.values.items()}
            others |= {f"gradient of {n}": v for n, v in question.gradients.items()}
            others.pop(f"{which.removesuffix('s')} of {name}")
            near = [words for words, v in others.items() if abs(v - right[name]) < 1e-3]
            found |= {(which, name, words) for words in near}
    return found


@pytest.mark.parametrize("question", [pytest.param(q, id=q.name) for q in GRAPHS])
def test_no_wrong_number_is_right_by_the_choice_of_inputs(question):
    program = [(n.name, n.operation, *n.inputs) for n in question.nodes]
    always = None
    for k, inputs in enumerate(([3.137, -1.719], [0.731, 2.419])):
        generic = graph(dict(zip(question.inputs, inputs, strict=True)), program, f"t_{k}")
        found = coincidences(generic)
        always = found if always is None else always & found
    assert coincidences(question) - always == set()


# what follows ------------------------------------------------------------------------------------


def test_what_follows_from_a_wrong_value_is_told_from_what_is_wrong(fork):
    raw = with_entries(fork, values={"s": 5, "p": 20, "L": 21}, gradients={"a": 9})
    states = fork.states(raw)
    assert states["values", "s"] == "wrong"
    follow = [entry for entry, state in states.items() if state == "follows"]
    assert follow == [("values", "p"), ("values", "L"), ("gradients", "a")]
    message = fork.judge(raw).message
    assert message.startswith("s = 5 is what comes out if you subtract b from a.")
    assert message.endswith("p, L and dL/da follow from numbers that are wrong: mend s first.")


def test_what_follows_from_a_wrong_gradient_is_told(fork):
    raw = with_entries(fork, gradients={"s": 3, "a": 6})
    assert fork.states(raw)["gradients", "a"] == "follows"
    message = fork.judge(raw).message
    assert "dL/da follows from a number that is wrong: mend dL/ds first." in message


def test_the_first_wrong_entry_in_order_is_told(fork):
    raw = with_entries(fork, values={"p": 99}, gradients={"a": 99, "s": 98, "L": 97})
    assert fork.judge(raw).message.startswith("p = 99 ")
    del raw["values"]["p"]
    assert fork.judge(raw).message.startswith("dL/dL = 97 ")
    raw["gradients"]["L"] = 1
    assert fork.judge(raw).message.startswith("dL/ds = 98 ")


# partly filled in, or garbage --------------------------------------------------------------------


def test_a_partial_answer_is_unfinished_and_no_attempt(fork):
    raw = {"values": {"s": "3", "p": None}, "gradients": {"L": " "}}
    verdict = fork.judge(raw)
    assert (verdict.status, verdict.finding.kind) == ("failed", "unfinished")
    assert verdict.message == "1 of 8 entries is filled in, and right."
    assert ask("t_graph", raw).record["attempts"] == 0
    assert fork.judge({"values": {"s": 3, "p": 12}}).message.startswith("2 of 8 entries are ")


@pytest.mark.parametrize(
    "raw", [None, "", {}, {"values": {}}, {"values": None}, {"gradients": {"a": "", "s": None}}]
)
def test_an_empty_answer_is_not_attempted(fork, raw):
    assert fork.judge(raw).status == "not attempted"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("a", "The answer is"),
        ([1, 2], "The answer is"),
        ({"values": 3}, "The answer is"),
        ({"numbers": {}}, "'numbers'"),
        ({"values": {"a": 4}}, "'a' is none of the values that are asked for: s, p, L"),
        ({"values": {"s": "x"}}, "Your entry for s cannot be read: 'x' is not a number"),
        ({"gradients": {"s": "1,5"}}, "Your entry for dL/ds cannot be read: write 1.5"),
        ({"values": {"s": True}}, "cannot be read"),
        ({"values": {"ds": 4}}, "'ds' is none of the values"),
        ({"gradients": {"s": 4, "dL/ds": 4}}, "dL/ds is there twice."),
    ],
)
def test_garbage_is_an_error_with_its_reason(fork, raw, words):
    verdict = fork.judge(raw)
    assert verdict.status == "error"
    assert words in verdict.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
ENTRIES = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "y", "q"]), JSON, max_size=6)


@settings(max_examples=150, deadline=None)
@given(raw=JSON | st.fixed_dictionaries({}, optional={"values": ENTRIES, "gradients": ENTRIES}))
def test_no_answer_makes_the_judge_of_a_graph_raise(raw):
    question = exercises.load()["graph_node_by_node"]
    verdict = question.judge(raw)
    assert verdict.status in ("failed", "error", "not attempted")
    assert verdict.message
    assert len(question.states(raw)) == 8


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_huge_and_tiny_numbers_are_judged(data):
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    question = exercises.load()["fork_in_a_graph"]
    raw = {
        which: {n: data.draw(numbers) for n in question.asked(which)}
        for which in ("values", "gradients")
    }
    assert question.judge(raw).status == "failed"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ({"inputs": {"a": 1}, "nodes": [("s", "plus", "a", "a")]}, "'plus', expected one of add"),
        ({"inputs": {"a": 1}, "nodes": [("s", "add", "a", "b")]}, "made of earlier nodes"),
        ({"inputs": {"a": 1, "b": 2}, "nodes": [("s", "square", "a")]}, "b does not lead to s"),
        ({"inputs": {"a": 0}, "nodes": [("s", "divide", 1, "a")]}, "not all finite"),
    ],
)
def test_an_author_hears_what_is_wrong_with_a_graph(program, words):
    with pytest.raises(ValueError, match=words):
        graph(**program)


# the card ----------------------------------------------------------------------------------------


def test_entries_are_judged_as_they_are_left(fork):
    card = ask("t_graph")
    card.cells["values", "s"].value = "3"
    assert card.verdict.finding.kind == "unfinished"
    assert "bp-ok" in card.cells["values", "s"]._dom_classes
    card.cells["gradients", "s"].value = "3"
    card.cells["gradients", "a"].value = "6"
    assert "bp-no" in card.cells["gradients", "s"]._dom_classes
    assert card.cells["gradients", "s"].description == "dL/ds: wrong"
    assert "bp-on" in card.cells["gradients", "a"]._dom_classes
    assert card.cells["gradients", "a"].description == "dL/da: follows from a wrong number"
    card.cells["gradients", "s"].value = ""
    assert "bp-no" not in card.cells["gradients", "s"]._dom_classes
    assert card.cells["gradients", "s"].description == "dL/ds"


def test_the_picture_fills_in_what_is_right(fork):
    card = ask("t_graph")
    assert "s = a + b: value not filled in, dL/ds not filled in." in card.words
    empty = card.picture.value
    card.cells["values", "s"].value = "3"
    card.cells["gradients", "s"].value = "5"
    assert "s = a + b: value 3, dL/ds not filled in." in card.words
    assert f'alt="{escape(card.words)}"' in card.picture.value
    assert card.picture.value.split("src=")[1] != empty.split("src=")[1]
    assert card.words in card.text()


def test_a_stored_graph_comes_back(fork):
    answer("t_graph", {"values": {"s": "6/2"}, "gradients": {"a": 7}})
    assert json.loads(json.dumps(Progress("--").record("t_graph")["answer"]))
    card = ask("t_graph")
    assert card.cells["values", "s"].value == "6/2"
    assert card.cells["gradients", "a"].value == "7"
    assert card.cells["gradients", "s"].value == ""
    assert card.take() == {"values": {"s": "6/2"}, "gradients": {"a": "7"}}


def test_the_answer_of_a_graph_travels_in_the_text_block(fork, capsys):
    ask("t_graph", fork.solution)
    answers("--")
    assert read_answers(capsys.readouterr().out) == {"--": {"t_graph": fork.solution}}


def test_the_text_twin_says_how_to_answer_in_code(fork):
    card = ask("t_graph")
    example = json.loads(card.example)
    assert fork.judge(example).status == "failed"
    assert f'answer("t_graph", {card.example})' in card.text()


@pytest.mark.parametrize("raw", ["x", 7, [1], {"values": 3}, {"q": {}}, {"values": {"s": [1]}}])
def test_a_card_survives_garbage(fork, raw):
    assert ask("t_graph", raw).state == "error"


def test_a_given_start_is_not_asked():
    question = graph(**UNARY, name="t_start", start_given=True)
    assert "L" not in question.asked("gradients")
    card = ask("t_start", question.solution)
    assert card.verdict.passed
    assert ("gradients", "L") not in card.cells
    assert "dL/dL 1." in card.words


def test_tab_goes_down_the_values_and_up_the_gradients(fork):
    entries = list(ask("t_graph").cells)
    assert [name for which, name in entries if which == "values"] == ["s", "p", "L"]
    assert [name for which, name in entries if which == "gradients"] == ["L", "p", "s", "b", "a"]


def test_styles_of_a_graph_stay_on_the_card():
    assert GRAPH_CSS not in CSS
    rules = GRAPH_CSS.replace("<style>", "").replace("</style>", "").split("}")
    assert all(rule.strip().startswith(".bp-card .bp-graph") for rule in rules if rule.strip())
