"""Every chapter in JupyterLab, in a real browser: run, answered wrong and right, played with."""

import re

import pytest

from course_lib import exercises, explorers
from course_lib.explorers.explorer import Choose, Entry, Steps, Switch
from tests.browser_lab import (
    CONTRAST,
    COURSE,
    NO_CHROMIUM,
    SHOTS,
    Chapter,
    browser_path,
    course_in_browser,
)
from tests.browser_moves import MOVES, WRONG_CODE

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

CHAPTERS = list(COURSE.sources)
PLAIN = ("choice", "number")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with sync_api.sync_playwright() as playwright:
        if browser_path(playwright) is None:
            pytest.skip(NO_CHROMIUM)
        with course_in_browser(playwright, tmp_path_factory.mktemp("course")) as opened:
            yield opened


@pytest.fixture(scope="module", params=CHAPTERS)
def chapter(request, lab):
    opened = Chapter(*lab, request.param)
    yield opened
    opened.page.close()


def test_a_chapter_runs_without_an_error(chapter):
    errors = chapter.page.locator(".jp-OutputArea-output[data-mime-type*='error']")
    wanted = sum("raises-exception" in c.metadata.get("tags", []) for c in chapter.cells)
    assert errors.count() == wanted
    cards = sum(
        bool(re.match(r"(check|ask|explore|progress_board|self_test)\(", c.source))
        for c in chapter.cells
    )
    sync_api.expect(chapter.page.locator(".bp-card")).to_have_count(cards)
    assert "model not found" not in chapter.page.locator(".jp-Notebook").inner_text()
    assert chapter.errors == []


# explorers -------------------------------------------------------------------------------------


def use(card, control, words):
    """Sets a control of an explorer to what it calls `words`."""
    if isinstance(control, Steps):
        labels = [control.words(v) for v in control.values]
        card.get_by_role("slider", name=control.label, exact=True).fill(str(labels.index(words)))
    elif isinstance(control, Choose):
        card.get_by_role("combobox", name=control.label, exact=True).select_option(label=words)
    elif isinstance(control, Switch):
        card.get_by_role("checkbox", name=control.label).set_checked(words == "on")
    elif isinstance(control, Entry):
        field = card.get_by_label(control.label, exact=True)
        field.fill(words)
        field.press("Enter")


def test_explorers_show_what_was_set(chapter):
    for item in explorers.load().values():
        if item.chapter != chapter.number:
            continue
        card = chapter.explorer(item.name)
        picture, words = card.locator(".bp-stage img"), card.get_by_role("status").last
        for moves, expected in MOVES[item.name]:
            before = picture.get_attribute("src")
            for label, value in moves.items():
                control = next(c for c in item.controls.values() if c.label == label)
                use(card, control, value)
            wanted = expected()
            for part in [wanted] if isinstance(wanted, str) else wanted:
                sync_api.expect(words, item.name).to_contain_text(part)
            if "The picture stays as it was" not in words.inner_text():
                sync_api.expect(picture).not_to_have_attribute("src", before)
            assert picture.evaluate("e => e.decode().then(() => e.naturalWidth)") > 100


MOVE_ALL = """moves => new Promise(async done => {
  const sliders = [...document.querySelectorAll('.bp-explorer input[type=range]')];
  for (let i = 0; i < moves; i++) {
    const slider = sliders[i % sliders.length];
    slider.value = (Number(slider.value) + 1) % (Number(slider.max) + 1);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  done(sliders.length);
})"""
SIZE = "() => document.querySelector('.jp-Notebook').outerHTML.length"


def test_two_hundred_moves_and_answers_add_next_to_nothing_to_the_page(chapter):
    question = next(i for i in exercises.of_chapter(chapter.number) if i.kind in PLAIN)
    card = chapter.card(chapter.index(f"{question.name}-check"))
    enter(card, question, wrong_answer(question)[0])
    card.get_by_role("status").first.wait_for()
    before = chapter.page.evaluate(SIZE)
    assert chapter.page.evaluate(MOVE_ALL, 200) > 0
    for _ in range(3):
        enter(card, question, wrong_answer(question)[0])
    chapter.page.wait_for_timeout(1500)  # the last pictures come in
    assert chapter.page.evaluate(SIZE) - before < 10_000


def test_a_run_can_be_paused_and_the_kernel_stays_free(chapter):
    for item in explorers.load().values():
        if item.chapter != chapter.number or item.run is None:
            continue
        card = chapter.explorer(item.name)
        words, start = card.get_by_role("status").last, card.get_by_role("status").last.inner_text()
        button = card.get_by_role("button", name=item.action, exact=True)
        button.click()
        sync_api.expect(words).to_contain_text(re.compile("^(After|Step) "))
        chapter.write(len(chapter.cells) - 1, "print(6 * 7)")  # while it goes on
        sync_api.expect(chapter.cell(len(chapter.cells) - 1)).to_contain_text("42")
        card.get_by_role("button", name="Pause", exact=True).click()
        go_on = card.get_by_role("button", name="Go on", exact=True)
        sync_api.expect(go_on).to_be_visible()
        chapter.page.wait_for_timeout(300)  # what was on its way has arrived
        paused = words.inner_text()
        chapter.page.wait_for_timeout(500)
        assert words.inner_text() == paused != start
        go_on.click()
        sync_api.expect(words).not_to_have_text(paused)
        card.get_by_role("button", name="Start over", exact=True).click()
        sync_api.expect(words).to_have_text(start)


# exercises -------------------------------------------------------------------------------------


def test_a_mistake_in_code_is_named_and_the_right_answer_passes(chapter):
    name, wrong, named = WRONG_CODE[chapter.number]
    answer, card = chapter.index(f"{name}-answer"), chapter.index(f"{name}-check")
    chapter.sees(card, "Not attempted yet")
    chapter.write(answer, wrong)
    chapter.button(card, "Check again").click()
    chapter.sees(card, named)
    chapter.sees(card, "✗ not right yet")
    assert chapter.card(card).get_by_role("status").first.is_visible()
    chapter.write(answer, exercises.find(name).source)
    chapter.button(card, "Check again").click()
    chapter.sees(card, "✓ passed")


def typed(value):
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def put_in_order(card, letters):
    """Takes out the steps that stand in the learner's order, adds others, and checks."""
    taken = card.get_by_role("button", name=re.compile("^Take out"))
    while taken.count():
        taken.first.click()
        card.page.wait_for_timeout(50)
    for letter in letters:
        card.get_by_role("button", name=f"Add {letter}", exact=True).click()
    card.get_by_role("button", name="Check", exact=True).click()


def write_into(field, text):
    """Types into a field, and again where the answer to the entry before has wiped it out.

    ipywidgets sets a field's text back when anything else of it changes while it is typed.
    """
    for _ in range(5):
        field.fill(text)
        field.press("Enter")
        field.page.wait_for_timeout(150)
        if field.input_value() == text:
            return


def place(card, raw):
    """Chooses the factors of a puzzle, and types the entry once it is asked for."""
    for side, factors in zip(("left", "right"), card.locator(".bp-factors").all(), strict=True):
        shown = raw[side].replace("^T", "ᵀ")
        factors.get_by_role("button", name=re.compile(rf"^(\W )?{shown}$")).click()
    card.get_by_role("button", name="Check", exact=True).click()
    if raw.get("entry") is not None:
        field = card.get_by_role("textbox")
        field.fill(str(raw["entry"]))
        field.press("Enter")


def enter(card, item, raw):
    """Answers a question with the mouse and the keyboard."""
    if item.kind == "choice" or (item.kind == "predict" and item.options):
        card.get_by_role("button", name=re.compile(rf"^(. )?{raw}$")).click()
    elif item.kind in ("number", "predict"):
        field = card.get_by_role("textbox")
        field.fill(str(raw))
        field.press("Enter")
    elif item.kind == "matrix":
        fields = card.get_by_role("textbox").all()
        for field, value in zip(fields, sum(raw, []), strict=True):
            field.fill(typed(value))
        fields[-1].press("Enter")
    elif item.kind == "order":
        put_in_order(card, raw)
    elif item.kind == "line":
        card.get_by_role("button", name=re.compile(rf"^(\W )?{raw['line']}$")).click()
        card.get_by_role("button", name=re.compile(rf"^(\W )?{raw['why']}$")).click()
        card.get_by_role("button", name="Check", exact=True).click()
    elif item.kind == "graph":
        for which in ("values", "gradients"):
            for name, value in raw[which].items():
                words = f"value of {name}" if which == "values" else item.label(which, name)
                label = re.compile(rf"^{re.escape(words)}(:|$)")
                write_into(card.get_by_label(label), str(value))
    elif item.kind == "shapes":
        place(card, raw)
    if item.kind == "predict":
        reveal = card.get_by_role("button", name="Reveal", exact=True)
        if reveal.is_visible():
            reveal.click()


def wrong_answer(item):
    """A wrong answer to a question, and words of what its card says to it."""
    if item.kind == "choice" or (item.kind == "predict" and item.options):
        wrong = next(k for k in item.letters if k != item.solution)
    elif item.kind == "order":
        wrong = item.solution[::-1]
    elif item.kind == "line":
        wrong = {"line": next(n for n in item.numbers if n != item.wrong), "why": "a"}
    elif item.kind == "graph":
        wrong = {**item.solution, "gradients": dict.fromkeys(item.asked("gradients"), 0.125)}
    elif item.kind == "shapes":
        wrong = {"left": item.solution["right"], "right": item.solution["left"]}
    elif item.kind == "matrix":
        wrong = [[-v if v else 1.0 for v in row] for row in item.solution]
    else:
        wrong = -item.solution if item.solution else 1.0
    return wrong, item.judge(wrong).message


def seen(message):
    """The longest piece of a message without code and formulas, as a card shows it."""
    return max(re.split(r"`[^`]*`|\$[^$]*\$|\*", message), key=len).strip()


def test_every_question_says_what_is_wrong_and_takes_what_is_right(chapter):
    asked = [i for i in exercises.of_chapter(chapter.number) if i.kind != "code"]
    assert len(asked) >= 3
    for item in asked:
        index = chapter.index(f"{item.name}-check")
        wrong, message = wrong_answer(item)
        enter(chapter.card(index), item, wrong)
        chapter.sees(index, seen(message))
        chapter.sees(index, "✗ not right yet")
        enter(chapter.card(index), item, item.solution)
        chapter.sees(index, "✓ passed")


# what holds for the page -----------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_outputs_are_accessible_in_both_themes(chapter, theme):
    chapter.theme(theme)
    # Contrast is asked for below, where it is measured faster; axe takes minutes for it.
    found = axe.Axe().run(chapter.page, ".jp-OutputArea")
    grave = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in grave] == []
    contrasts = chapter.page.evaluate(CONTRAST)
    assert len(contrasts) > 5
    assert {name: c for name, c in contrasts.items() if c < 4.5} == {}
    folder = SHOTS / "chapters"
    folder.mkdir(parents=True, exist_ok=True)
    for i, card in enumerate(chapter.page.locator(".bp-card").all()):
        card.screenshot(path=folder / f"{chapter.number}-{i:02}-{theme.lower()}.png")


def test_cards_fit_from_narrow_to_wide(chapter):
    for width in (700, 1900):
        chapter.page.set_viewport_size({"width": width, "height": 1200})
        for card in chapter.page.locator(".bp-card").all():
            wide = card.evaluate("e => e.scrollWidth - e.clientWidth")
            assert wide <= 0, (width, card.inner_text()[:60])
    chapter.page.set_viewport_size({"width": 1000, "height": 1500})


def test_progress_outlives_the_kernel(chapter):
    items = {i.name: chapter.index(f"{i.name}-check") for i in exercises.of_chapter(chapter.number)}
    question = next(exercises.find(n) for n in items if exercises.find(n).kind in PLAIN)
    enter(chapter.card(items[question.name]), question, question.solution)
    chapter.sees(items[question.name], "✓ passed")
    passed = [n for n, i in items.items() if "✓ passed" in chapter.card(i).inner_text()]
    chapter.restart()
    chapter.command("notebook:run-all-cells")
    chapter.wait_until_run()
    for name in passed:
        chapter.sees(items[name], "✓ passed")


def test_a_saved_chapter_reopens_as_text_and_pictures(chapter):
    chapter.command("docmanager:save")
    chapter.page.evaluate("() => void window.jupyterapp.commands.execute('kernelmenu:shutdown')")
    chapter.page.wait_for_selector("text=No Kernel")
    chapter.page.goto(chapter.url)
    chapter.page.wait_for_selector(".jp-Notebook .jp-Cell")
    chapter.wait_for_kernel()
    text = chapter.page.locator(".jp-Notebook").inner_text()
    assert "model not found" not in text
    assert "Loading widget" not in text
    for item in exercises.of_chapter(chapter.number):
        cell = chapter.cell(chapter.index(f"{item.name}-check"))
        sync_api.expect(cell.locator(".jp-OutputArea")).to_contain_text(item.title)
    for item in explorers.load().values():
        if item.chapter == chapter.number:
            cell = chapter.cell(chapter.index(f'explore("{item.name}")'))
            assert cell.locator("img").evaluate("e => e.decode().then(() => e.naturalWidth)") > 100


def test_nobody_else_was_asked_and_nothing_went_wrong(chapter):
    assert chapter.hosts == {"127.0.0.1"}
    assert chapter.errors == []


# by keyboard alone -----------------------------------------------------------------------------

ACTIVE = """() => [...document.querySelectorAll('.jp-Notebook .jp-Cell')]
  .findIndex(cell => cell.classList.contains('jp-mod-active'))"""


class Keys:
    """Nothing but keys; each place is reached as a learner without a mouse reaches it."""

    def __init__(self, chapter):
        self.chapter, self.keyboard = chapter, chapter.page.keyboard

    def press(self, *keys):
        for key in keys:
            self.keyboard.press(key)

    def to_cell(self, index):
        self.press("Escape")
        for _ in range(200):
            at = self.chapter.page.evaluate(ACTIVE)
            if at == index:
                return
            self.press("ArrowUp" if at > index else "ArrowDown")
        raise AssertionError(f"cell {index} cannot be reached")

    def to(self, wanted):
        """Tabs on to an element, which must show that it has the focus."""
        for _ in range(40):
            self.press("Tab")
            if wanted.evaluate("e => e === document.activeElement"):
                style = wanted.evaluate(
                    "e => [getComputedStyle(e).outlineStyle, getComputedStyle(e).outlineWidth]"
                )
                assert style == ["solid", "2px"], style
                return
        raise AssertionError(f"{wanted} cannot be reached with the Tab key")

    def write(self, index, code):
        self.to_cell(index)
        self.press("Enter", "ControlOrMeta+a")
        self.keyboard.insert_text(code)
        self.press("Control+Enter")


def test_a_chapter_can_be_worked_by_keyboard_alone(lab):
    chapter = Chapter(*lab, "01")
    keys = Keys(chapter)
    name, wrong, named = WRONG_CODE["01"]
    answer, check = chapter.index(f"{name}-answer"), chapter.index(f"{name}-check")
    for code, seen_after in ((wrong, named), (exercises.find(name).source, "✓ passed")):
        keys.write(answer, code)
        keys.to_cell(check)
        keys.to(chapter.button(check, "Check again"))
        keys.press("Enter")
        chapter.sees(check, seen_after)

    question = exercises.find("what_backpropagation_gives")
    asked = chapter.index(f"{question.name}-check")
    keys.to_cell(asked)
    for letter in ("a", question.solution):
        keys.to(chapter.card(asked).get_by_role("button", name=letter, exact=True))
        keys.press("Space")
        message = question.judge(letter).message
        chapter.sees(asked, seen(message))

    explorer = explorers.load()["descent_by_hand"]
    card = chapter.explorer(explorer.name)
    keys.to_cell(chapter.index(f'explore("{explorer.name}")'))
    keys.to(card.get_by_role("slider", name="learning rate", exact=True))
    keys.press("Home", "ArrowRight", "ArrowUp")
    rate = explorer.controls["rate"].values[2]
    words = card.get_by_role("status").last
    sync_api.expect(words).to_contain_text(f"w = {4 * (1 - 2 * rate) ** 10:.4g}")
    keys.to(card.get_by_role("slider", name="steps", exact=True))
    keys.press("Home")
    sync_api.expect(words).to_contain_text("0 steps lead to w = 4,")
    keys.to(card.locator("summary"))
    keys.press("Enter")
    sync_api.expect(card).to_contain_text("At 0.5 the factor is 0")
    assert chapter.errors == []
    chapter.page.close()
