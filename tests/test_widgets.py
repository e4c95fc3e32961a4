"""The cards without a browser: what they show, say, keep and survive."""

import json
import re
from types import SimpleNamespace

import ipywidgets
import numpy as np
import pytest

import course_lib
from course_lib import exercises, selftest
from course_lib.grading import REGISTRY, Verdict
from course_lib.grading.questions import Choice, Matrix, Number, Option, Predict
from course_lib.progress import Progress
from course_lib.widgets import (
    answer,
    answers,
    ask,
    check,
    code,
    markup,
    progress_board,
    questions,
    read_answers,
    self_test,
    yours,
)
from course_lib.widgets.board import SelfTest
from course_lib.widgets.style import CSS, LISTING_CSS, ORDER_CSS

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))
    return tmp_path / "work"


@pytest.fixture
def asked():
    """One question of each kind, gone again after the test."""
    before = set(REGISTRY)
    made = SimpleNamespace(
        choice=Choice(
            "t_choice",
            title="Pick <one>",
            prompt="Which of $a<b$ and `x<y`?",
            options=[Option("first $x^2$", "No: first."), Option("second", "Yes.", right=True)],
        ),
        number=Number(
            "t_number",
            title="Half",
            prompt="Half of 1?",
            answer=0.5,
            unit="m",
            hints=("Divide.", "By 2."),
        ),
        matrix=Matrix(
            "t_matrix",
            title="Fill",
            prompt="Fill in.",
            answer=[[1, 2, 3], [4, 5, 6]],
            columns=("a", "b", "c"),
        ),
        predict=Predict(
            "t_predict",
            title="Guess",
            prompt="How many?",
            answer=3,
            reveal=lambda: "Three came out.",
            picture="no such picture.png",
        ),
        guess=Predict(
            "t_guess",
            title="Guess",
            prompt="Which?",
            reveal=lambda: "b came out.",
            options=[Option("A", "No."), Option("B", "Yes.", right=True)],
        ),
    )
    yield made
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


def wrong():
    def bias_gradient(dY):
        return dY.mean(axis=0)

    return bias_gradient


def right():
    def bias_gradient(dY):
        return dY.sum(axis=0)

    return bias_gradient


def starter():
    def bias_gradient(dY):
        raise NotImplementedError

    return bias_gradient


def html(card):
    """All HTML that a card shows."""
    found = []

    def walk(widget):
        if isinstance(widget, (ipywidgets.HTML, ipywidgets.HTMLMath)):
            found.append(widget.value)
        for child in getattr(widget, "children", ()):
            walk(child)

    walk(card)
    return "\n".join(found)


def button(card, words):
    def walk(widget):
        if isinstance(widget, ipywidgets.Button) and words in widget.description:
            yield widget
        for child in getattr(widget, "children", ()):
            yield from walk(child)

    return next(walk(card))


def kept(item):
    return Progress(item.chapter).record(item.name)


# code ------------------------------------------------------------------------------------------


def test_a_wrong_attempt_is_named_shown_and_kept():
    card = check(wrong())
    assert card.verdict.misconception == "averaged"
    assert "divided by N" in html(card)
    assert html(card).count('<td class="bp-differs">✗ ') == np.size(card.verdict.example.got)
    assert "✗ not right yet" in html(card)
    assert "return dY.mean(axis=0)" in Progress("02").record("bias_gradient")["source"]


def test_only_entries_that_differ_are_marked():
    def bias_gradient(dY):
        db = dY.sum(axis=0)
        db[0] += 1e-6
        return db

    page = html(check(bias_gradient))
    assert page.count('<td class="bp-differs">') == 1
    marked = re.search(r"✗ ([^<]+)</td>", page).group(1)
    right_ones = re.findall(r"<td>([^<]+)</td>", page.split("right db")[1])
    assert marked not in right_ones  # enough digits to see the difference


def test_the_text_form_marks_the_entries_too():
    def weight_gradient(X, dY):
        dW = X.T @ dY
        dW[0, 0] = -dW[0, 0]
        return dW

    text = check(weight_gradient).text()
    assert text.count("✗") == 2  # in the state, and at one entry
    assert re.search(r"^yours: +✗ \S+", text, re.M)
    assert "print(check(weight_gradient).hint(1))" in text


def test_arrays_of_another_shape_are_shown_with_their_shapes():
    def bias_gradient(dY):
        return dY.sum(axis=0)[:1]

    page = html(check(bias_gradient))
    assert "your db, shape (1,)" in page
    assert 'bp-differs">' not in page


def test_check_again_takes_the_newest_definition(monkeypatch):
    shell = SimpleNamespace(user_ns={})
    monkeypatch.setattr(code, "get_ipython", lambda: shell)
    card = check(wrong())
    shell.user_ns["bias_gradient"] = right()
    button(card, "Check again").click()
    assert card.verdict.passed
    assert "2 of 2 points" in html(card)
    assert "bp-passed" in card._dom_classes
    assert "bp-failed" not in card._dom_classes
    assert 'bp-differs">' not in html(card)
    shell.user_ns.clear()
    button(card, "Check again").click()  # nothing by that name any more: the one it had
    assert card.verdict.passed


def test_progress_survives_a_restart():
    check(right())
    card = check(starter())  # a new kernel, the starter again
    assert card.state == "not attempted"
    assert "2 of 2 points" in card.text()
    assert "(passed before)" in card.text()


def test_the_same_attempt_twice_is_one_attempt():
    check(wrong())
    check(wrong())
    assert Progress("02").record("bias_gradient")["attempts"] == 1


def test_hints_come_one_by_one():
    item = exercises.find("bias_gradient")
    card = check(starter())
    assert item.hints
    for i, hint in enumerate(item.hints):
        button(card, "int").click()
        assert f"Hint {i + 1} of {len(item.hints)}" in html(card)
        assert markup.prose(f"x {hint}")[6:20] in html(card)
    assert card.hint_button.disabled
    assert card.hint(len(item.hints) + 1).startswith("There is no hint")


def test_the_solution_opens_at_once_after_a_try_and_on_the_second_click_before():
    card = check(starter())
    button(card, "Show solution").click()
    assert "return dY.sum(axis=0)" not in html(card)
    assert "Click again" in html(card)
    button(card, "Show solution").click()
    assert "return dY.sum(axis=0)" in html(card)
    button(card, "Hide solution").click()
    assert "return dY.sum(axis=0)" not in html(card)
    tried = check(wrong())
    button(tried, "Show solution").click()
    assert "return dY.sum(axis=0)" in html(tried)


@pytest.mark.parametrize("broken", ["printed", "raised", "returned"])
def test_nothing_of_the_learner_is_taken_as_html(broken):
    def bias_gradient(dY):
        if broken == "printed":
            print(EVIL)
        elif broken == "raised":
            raise ValueError(EVIL)
        else:
            return EVIL

    card = check(bias_gradient)
    assert "<img" not in html(card)
    if broken != "returned":
        assert "&lt;img" in html(card)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (3, "type int"),
        ("bias_gradient", "`check(bias_gradient)`"),
        (None, "type NoneType"),
        (np.ones(3), "type ndarray"),
        (np, "type module"),
        (lambda x: x, "&lt;lambda&gt;"),
        (len, "the name that the starter has"),
    ],
)
def test_what_is_no_exercise_gets_a_card_that_says_so(given, says):
    card = check(given)
    assert says in card.text() or says in html(card)


def test_a_misspelt_name_gets_the_nearest():
    def bias_gradeint(dY):
        return dY

    assert "Did you mean `bias_gradient`?" in check(bias_gradeint).text()
    assert "Did you mean `why_the_batch_adds`?" in ask("why_the_batch_add").text()
    assert "check(bias_gradient)" in ask("bias_gradient").text()


def test_a_picture_shows_the_gradient_against_nudging_where_the_exercise_nudges():
    def weight_gradient(X, dY):
        return X.T @ dY / len(X)

    def linear_forward(X, W, b):
        return X @ W - b

    assert "numerical gradient" in html(check(weight_gradient))
    assert "data:image/png;base64," not in html(check(linear_forward))


def test_what_a_callback_raises_is_shown_on_the_card(monkeypatch):
    card = check(wrong())

    def broken(*_):
        raise RuntimeError(f"broken {EVIL}")

    monkeypatch.setattr(exercises, "judge", broken)
    button(card, "Check again").click()
    assert "RuntimeError: broken &lt;img" in html(card)
    monkeypatch.setattr(exercises, "judge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    button(card, "Check again").click()
    assert "Interrupted" in html(card)
    assert Progress("02").record("bias_gradient")["status"] == "failed"


def test_a_card_works_on_where_nothing_can_be_saved(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "file" / "work"))
    card = check(right())
    assert card.verdict.passed
    assert "could not be saved" in html(card)
    assert "could not be saved" in card.text()


def test_a_broken_progress_file_is_told_on_the_card(work):
    work.mkdir()
    (work / "ch02.json").write_text("{broken", encoding="utf-8")
    card = check(right())
    assert "set aside" in html(card)
    assert Progress("02").record("bias_gradient")["passed"] is True


def test_yours_is_used_when_it_passes(capsys):
    mine = right()
    assert yours(mine) is mine
    assert capsys.readouterr().out == "Using your bias_gradient.\n"
    assert yours(wrong()) is exercises.find("bias_gradient").solution
    assert capsys.readouterr().out == (
        "Using the course's bias_gradient: yours is not finished yet.\n"
    )
    with pytest.raises(ValueError, match="wants a"):
        yours(3)


def test_the_source_of_a_class_made_in_a_cell_is_found():
    import linecache

    text = "import math\n\n\nclass Linear:\n    def forward(self, X):\n        return X\n"
    name = "<a cell of a notebook>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    scope = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), scope)
    assert code.source_of(scope["Linear"]) == text.split("\n\n\n")[1]
    assert code.source_of(len) is None


# questions -------------------------------------------------------------------------------------


def test_a_choice_says_something_to_every_option_and_remembers(asked):
    card = ask("t_choice")
    assert "○ open" in card.text()
    button(card, "a").click()
    assert "✗ No: first." in html(card)
    assert card.options.buttons[0].description == "✗ a"
    again = ask("t_choice")  # a new kernel
    assert again.options.buttons[0].description == "✗ a"
    button(again, "b").click()
    assert "✓ Yes." in html(again)
    assert [b.description for b in again.options.buttons] == ["a", "✓ b"]
    assert kept(asked.choice)["attempts"] == 2
    assert kept(asked.choice)["first_answer"] == "a"


def test_markup_in_a_prompt_is_rendered_and_html_is_not(asked):
    page = html(ask("t_choice"))
    assert "$a&lt;b$" in page
    assert "<code>x&lt;y</code>" in page
    assert "Pick &lt;one&gt;" in page
    assert "first $x^2$" in page


def test_a_number_is_judged_on_enter_or_check(asked):
    card = ask("t_number")
    button(card, "Check").click()
    assert "Type a number first." in html(card)
    card.field.value = "1"
    assert "twice the right number" in html(card)
    card.field.value = " 1/2 "
    assert card.verdict.passed
    assert ask("t_number").field.value.strip() == "1/2"
    assert kept(asked.number)["attempts"] == 2


def test_a_slip_of_the_pen_is_no_attempt(asked):
    card = ask("t_number")
    card.field.value = EVIL
    assert "cannot be read" in html(card)
    assert "<img" not in html(card)
    card.field.value = "$5$"
    assert "<span>$</span>5" in html(card)  # not LaTeX
    assert kept(asked.number) == {}


def test_entries_of_a_matrix_turn_right_or_wrong_one_by_one(asked):
    card = ask("t_matrix")
    card.cells[0][0].value = "1"
    card.cells[0][1].value = "7"
    assert "bp-ok" in card.cells[0][0]._dom_classes
    assert "bp-no" in card.cells[0][1]._dom_classes
    assert not {"bp-ok", "bp-no"} & set(card.cells[1][1]._dom_classes)
    assert card.cells[0][1].description == "row 1, b: wrong"
    assert card.cells[1][2].description == "row 2, c"
    again = ask("t_matrix")
    assert [c.value for c in again.cells[0]] == ["1", "7", ""]
    assert "bp-no" in again.cells[0][1]._dom_classes
    assert kept(asked.matrix)["attempts"] == 0
    for cells, row in zip(again.cells, asked.matrix.solution, strict=True):
        for cell, value in zip(cells, row, strict=True):
            cell.value = str(value)
    assert again.verdict.passed
    assert "bp-no" not in again.cells[0][1]._dom_classes
    again.cells[0][0].value = ""
    assert not {"bp-ok", "bp-no"} & set(again.cells[0][0]._dom_classes)


@pytest.mark.parametrize("raw", [[1, 2, 3], "x", [[1, 2], [3, 4]], [[[1]]]])
def test_a_matrix_answer_of_the_wrong_shape_is_told(asked, raw):
    assert "2 rows of 3 numbers" in ask("t_matrix", raw).text()


def test_an_array_is_an_answer_too(asked):
    assert ask("t_matrix", np.arange(1, 7).reshape(2, 3)).verdict.passed
    assert kept(asked.matrix)["answer"] == [[1, 2, 3], [4, 5, 6]]
    assert ask("t_number", np.float64(0.5)).verdict.passed


def test_a_guess_comes_before_the_truth_and_is_locked(asked):
    card = ask("t_predict")
    button(card, "Reveal").click()
    assert "Guess first" in html(card)
    card.field.value = "many"
    button(card, "Reveal").click()
    assert "cannot be read" in html(card)
    assert "Three came out." not in html(card)
    card.field.value = "5"
    assert "Three came out." not in html(card)
    button(card, "Reveal").click()
    assert "Three came out." in html(card)
    assert "The picture no such picture.png is missing" in html(card)
    assert "Your first guess: 5" in html(card)
    card.field.value = "3"
    assert card.verdict.passed
    again = ask("t_predict")
    assert "Your first guess: 5" in html(again)
    assert again.field.value == "3"
    assert "What happens: Three came out." in again.text()
    assert kept(asked.predict)["first_answer"] == "5"


def test_a_picked_guess_is_judged_only_after_the_reveal(asked):
    card = ask("t_guess")
    button(card, "a").click()
    assert card.options.buttons[0].description == "● a"
    assert kept(asked.guess) == {}
    button(card, "Reveal").click()
    assert "✗ No." in html(card)
    assert "b came out." in html(card)
    button(card, "b").click()
    assert card.verdict.passed


def test_a_revealed_picture_has_its_alternative_text(asked, tmp_path, monkeypatch):
    (tmp_path / "shown.png").write_bytes(b"png")
    (tmp_path / "alt.json").write_text('{"shown.png": "A \\"curve\\""}', encoding="utf-8")
    monkeypatch.setattr(questions, "IMAGES", tmp_path)
    asked.predict.picture = "shown.png"
    page = html(ask("t_predict", 5))
    assert '<img alt="A &quot;curve&quot;" src="data:image/png;base64,cG5n">' in page


def test_a_question_shows_no_solution_that_the_options_tell(asked):
    with pytest.raises(StopIteration):
        button(ask("t_choice"), "solution")
    card = ask("t_number", 3)
    button(card, "Show solution").click()
    assert "<pre>0.5</pre>" in html(card)


def test_answer_prints_keeps_and_says_what_is_wrong(asked, capsys):
    answer("t_number", 1)
    assert "twice the right number" in capsys.readouterr().out
    answer("t_number", "1/2")
    assert "✓ passed" in capsys.readouterr().out
    answer("t_nothing", 1)
    assert "No exercise is called" in capsys.readouterr().out
    assert kept(asked.number)["attempts"] == 2


def test_answers_are_one_block_that_reads_back(asked, capsys):
    answers()
    assert capsys.readouterr().out == "No widget answers yet.\n"
    ask("t_matrix", asked.matrix.solution)
    ask("t_choice", "b")
    ask("t_choice", "a")  # after the right one: the right one counts
    ask("t_number", "</script>\n-----")
    ask("t_number", "1")
    check(wrong())  # code travels in its own cell
    answers("--")
    text = capsys.readouterr().out
    assert read_answers(f"before\n{text}after") == {
        "--": {"t_choice": "b", "t_number": "1", "t_matrix": asked.matrix.solution}
    }
    answers("02")
    assert capsys.readouterr().out == "No widget answers yet.\n"
    assert read_answers("nothing") == {}
    with pytest.raises(ValueError, match="damaged"):
        read_answers(text.replace("{", "", 1))


# all cards -------------------------------------------------------------------------------------


def every_card():
    for item in list(exercises.load().values()):
        if item.kind != "code":
            yield item, ask(item.name)
            yield item, ask(item.name, item.solution)
            continue
        scope = {"np": np, "__name__": "notebook"}
        exec(item.starter, scope)
        yield item, check(scope[item.name])
        yield item, code.CodeCard(item, item.solution)
        if item.misconceptions:
            yield item, code.CodeCard(item, item.misconceptions[0].attempt)


def test_every_card_is_small_and_has_a_stable_text(work):
    for item, card in every_card():
        page = re.sub(r'src="data:image/png[^"]*"', "", html(card))
        assert len(page.encode()) + len(card.text().encode()) < 10_000, item.name
        assert repr(card) == str(card) == card.text() == card._repr_mimebundle_()["text/plain"]
        assert item.title in card.text()
        assert not re.search(r"0x[0-9a-f]{6}| at 0x", card.text())
        assert 'role="status"' in page or card.state == "not attempted"


def test_every_known_mistake_gets_its_message_on_the_card(monkeypatch):
    monkeypatch.setattr(code.CodeCard, "_picture", lambda self: None)
    for item in exercises.load().values():
        for mistake in item.misconceptions if item.kind == "code" else ():
            card = code.CodeCard(item, mistake.attempt)
            assert card.verdict.message in card.text()
            assert card.state in ("failed", "error"), (item.name, mistake.id)


def test_every_solution_passes_on_its_card():
    for item in exercises.load().values():
        if item.kind != "code":
            assert ask(item.name, item.solution).verdict.passed, item.name


def test_the_text_of_an_open_card_tells_how_to_answer_without_it(asked):
    for question, example in (
        (asked.choice, '"a"'),
        (asked.number, "0.5"),
        (asked.matrix, "[[0, 0, 0], [0, 0, 0]]"),
    ):
        assert f'answer("{question.name}", {example})' in ask(question.name).text()
    assert "b) second" in ask("t_choice").text()


def test_the_widget_view_is_there_beside_the_text():
    bundle = check(starter())._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "application/vnd.jupyter.widget-view+json"}


def test_no_rule_of_the_style_leaves_the_card():
    rules = re.sub(r"</?style>", "", CSS + ORDER_CSS + LISTING_CSS)
    selectors = [s for block in re.findall(r"([^{}]+)\{[^}]*\}", rules) for s in block.split(",")]
    assert len(selectors) > 30
    assert [s for s in selectors if not s.strip().startswith(".bp-card")] == []


def test_the_board_counts_and_names_states(asked):
    fresh = progress_board().text()
    assert fresh == progress_board().text()
    assert "Your progress: 0 of" in fresh
    check(right())

    def weight_gradient(X, dY):
        return dY

    check(weight_gradient)
    ask("t_number", 0.5)
    board = progress_board()
    assert "✓ passed 2/2  Gradient of the bias (bias_gradient)" in board.text()
    assert "… tried  0/2" in board.text()
    assert "Your progress: 3 of" in board.text()
    assert 'role="img"' in html(board)


def test_the_self_test_says_ok_or_what_to_do(tmp_path, monkeypatch):
    card = self_test()
    assert card.text().endswith("All is ready.")
    assert str(tmp_path) not in card.text()
    assert not (tmp_path / "work").exists()
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "file" / "work"))
    monkeypatch.setattr(selftest.sys, "version_info", (3, 9))
    monkeypatch.setattr(
        selftest.metadata,
        "requires",
        lambda _: ["numpy>=99.0", "nosuch-package>=1.0", 'extra>=1; extra == "x"'],
    )
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *_: [str(tmp_path)])
    monkeypatch.setattr("course_lib.datasets.check_data", lambda: 1 / 0)
    card = self_test()
    failed = [c for c in card.checks if not c.ok]
    assert [c.name for c in failed] == [
        "Python 3.11 or newer",
        "numpy 99.0 or newer",
        "nosuch-package 1.0 or newer",
        "jupyterlab-widgets in JupyterLab",
        "anywidget in JupyterLab",
        "data",
        "your work can be saved",
    ]
    assert all(c.mend for c in failed)
    assert card.text().endswith("7 things to mend.")
    assert all(c.mend in card.text() for c in failed)


def test_the_self_test_escapes_what_it_found():
    card = SelfTest([selftest.Check("x", False, EVIL, "mend")])
    assert "<img" not in html(card)


def test_everything_is_found_at_the_package_root():
    for name in ("answer", "answers", "ask", "check", "progress_board", "self_test", "yours"):
        assert getattr(course_lib, name) is getattr(course_lib.widgets, name)


def test_markdown_of_prompts():
    page = markup.prose(
        "One **bold `c<d`** and *slanted*, 2 * 3 * 4.\n\n- a\n  b\n- $x*y*z$\n\n"
        "1. first\n2. second\n\n```python\nif a < b:\n\n    pass\n```\nend"
    )
    assert page == (
        "<p>One <strong>bold <code>c&lt;d</code></strong> and <em>slanted</em>, 2 * 3 "
        "* 4.</p><ul><li>a b</li><li>$x*y*z$</li></ul><ol><li>first</li><li>second</li>"
        "</ol><pre>if a &lt; b:\n\n    pass</pre><p>end</p>"
    )


def test_numbers_have_no_negative_zero_and_odd_values_are_words():
    assert [markup.number(v) for v in (-0.0, 1 / 3, -2.0, 7, True, np.nan, -np.inf, 1e-9)] == [
        "0",
        "0.3333",
        "−2",
        "7",
        "True",
        "nan",
        "−inf",
        "1e-09".replace("-", "−"),
    ]


def test_a_verdict_of_another_kind_is_plain_json(asked):
    assert json.dumps(questions.plain(np.array([[1.5]]))) == "[[1.5]]"
    assert questions.plain(1j) == "1j"
    assert isinstance(ask("t_number", 1j).verdict, Verdict)


def test_what_is_right_as_far_as_it_goes_gets_no_cross(asked):
    card = ask("t_matrix", [[1, None, 3], [None, None, 6]])
    assert "… right so far" in html(card)
    assert "✗" not in html(card).split("</style>")[1]
    assert not {"bp-failed", "bp-error", "bp-passed"} & set(card._dom_classes)
    card = ask("t_matrix", [[1, None, 4], [None, None, 6]])
    assert "✗ not right yet" in html(card)
    assert "1 is not right" in html(card)
