"""The cards in JupyterLab, in a real browser: answered, judged, restarted, in both themes."""

import os

import nbformat
import pytest

from tests.browser_lab import (
    CONTRAST,
    FLAGS,
    NO_CHROMIUM,
    ROOT,
    SHOTS,
    Page,
    browser_path,
    jupyterlab,
)

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

QUESTIONS = """\
from course_lib import answers, ask, check, progress_board
from course_lib.grading.questions import Choice, Matrix, Number, Option, Predict

Choice("t_choice", title="A choice", prompt="Which is $x^2$ at $x = 3$?", options=[
    Option("6", "That is $2x$, the slope."), Option("9", "Yes.", right=True)])
Number("t_number", title="A number", prompt="Half of 1?", answer=0.5)
Matrix("t_matrix", title="A matrix", prompt="Fill in $X^T$ of $X = (1, 2)$.", answer=[[1], [2]],
       rows=("first", "second"))
Predict("t_predict", title="A guess", prompt="What is $0.1 + 0.2 - 0.3$ in floating point?",
        options=[Option("0", "Not quite."), Option("5.6e-17", "Yes.", right=True)],
        reveal=lambda: f"{0.1 + 0.2 - 0.3:.1e}", picture="chain.png");"""
STARTER = '''\
def weight_gradient(X, dY):
    """Gradient of the loss with respect to the weights of a linear layer.

    X: the layer's input, (N, D). dY: upstream gradient, (N, M). Returns dW, (D, M).
    """
    # Your code here.
    raise NotImplementedError'''
GAP = "    # Your code here.\n    raise NotImplementedError"
CELLS = [
    QUESTIONS,
    STARTER,
    "check(weight_gradient)",
    'ask("t_choice")',
    'ask("t_number")',
    'ask("t_matrix")',
    'ask("t_predict")',
    "progress_board()",
    "answers()",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i}"
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
    nbformat.write(notebook, folder / "cards.ipynb")
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with sync_api.sync_playwright() as playwright:
        program = browser_path(playwright)
        if program is None:
            pytest.skip(NO_CHROMIUM)
        with jupyterlab(folder, COURSE_WORK=str(folder / "work"), PYTHONPATH=paths) as address:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            yield browser, f"{address}/lab/tree/cards.ipynb?reset"
            browser.close()


@pytest.fixture(scope="module")
def notebook(lab):
    opened = Page(*lab, device_scale_factor=1.15)
    run_all(opened)
    return opened


def run_all(notebook):
    notebook.command("notebook:run-all-cells")
    last = notebook.cell(len(CELLS) - 1).locator(".jp-OutputArea-output")
    sync_api.expect(last).to_be_visible(timeout=60_000)
    sync_api.expect(notebook.card(7)).to_be_visible()


def test_a_mistake_is_named_then_mended_and_all_outlives_the_kernel(notebook):
    notebook.sees(2, "Not attempted yet")
    wrong = STARTER.replace(GAP, "    return X.T @ dY / len(X)")
    notebook.write(1, wrong)
    notebook.button(2, "Check again").click()
    notebook.sees(2, "Your dW is the right one divided by N")
    notebook.sees(2, "✗ not right yet")
    assert notebook.card(2).get_by_role("status").first.is_visible()
    sync_api.expect(notebook.card(2).locator("img")).to_be_visible()

    notebook.button(2, "Hint").click()
    notebook.sees(2, "Hint 1 of")
    notebook.button(2, "Show solution").click()
    notebook.sees(2, "One way to do it")
    notebook.write(1, STARTER.replace(GAP, "    return X.T @ dY"))
    notebook.button(2, "Check again").focus()
    notebook.page.keyboard.press("Enter")  # the keyboard will do
    notebook.sees(2, "✓ passed")
    notebook.sees(2, "2 of 2 points")

    answer_questions(notebook)
    notebook.restart()
    notebook.write(1, STARTER)
    run_all(notebook)
    notebook.sees(2, "passed before")
    notebook.sees(2, "2 of 2 points")
    for index in (3, 4, 5, 6):
        notebook.sees(index, "✓ passed")
    sync_api.expect(notebook.card(5).get_by_label("second: right")).to_have_value("2")
    notebook.sees(6, "Your first guess: a")
    notebook.sees(7, "6 of ")  # points: 2 for the code and 1 for each question
    sync_api.expect(notebook.cell(8)).to_contain_text('"t_number": "1/2"')


def answer_questions(notebook):
    notebook.button(3, "a").click()
    notebook.sees(3, "the slope")
    notebook.button(3, "b").click()
    notebook.sees(3, "✓ Yes.")

    field = notebook.card(4).get_by_role("textbox")
    field.fill("2")
    field.press("Enter")
    notebook.sees(4, "✗ 2 is too large.")
    field.fill("1/2")
    notebook.button(4, "Check").click()
    notebook.sees(4, "✓ passed")

    first, second = notebook.card(5).get_by_role("textbox").all()
    first.fill("7")
    first.press("Tab")
    sync_api.expect(notebook.card(5).locator(".bp-no")).to_have_count(1)
    assert second.evaluate("e => e === document.activeElement")  # tab goes on to the next entry
    second.fill("2")
    second.press("Enter")
    sync_api.expect(notebook.card(5).locator(".bp-ok")).to_have_count(1)
    first.fill("1")
    first.press("Tab")
    notebook.sees(5, "✓ passed")

    notebook.button(6, "a").click()
    notebook.button(6, "Reveal").click()
    notebook.sees(6, "5.6e-17")
    picture = notebook.card(6).locator("img")
    assert picture.get_attribute("alt").startswith("Chain")
    assert picture.evaluate("e => e.naturalWidth") > 100
    notebook.button(6, "b").click()
    notebook.sees(6, "✓ passed")


@pytest.mark.parametrize("word", ["Light", "Dark"])
def test_cards_can_be_read_in_both_themes(notebook, word):
    notebook.theme(word)
    SHOTS.mkdir(exist_ok=True)
    for index in range(2, 8):
        notebook.card(index).screenshot(path=SHOTS / f"{word.lower()}-{index}.png")
    contrasts = notebook.page.evaluate(CONTRAST)
    assert len(contrasts) > 8
    assert {name: c for name, c in contrasts.items() if c < 4.5} == {}


def test_cards_fit_a_narrow_window(notebook):
    notebook.page.set_viewport_size({"width": 700, "height": 1200})
    for index in range(2, 8):
        wide = notebook.card(index).evaluate("e => e.scrollWidth - e.clientWidth")
        assert wide <= 0, CELLS[index]


def test_nothing_went_wrong_and_nobody_else_was_asked(notebook):
    assert notebook.hosts == {"127.0.0.1"}
    assert notebook.errors == []
