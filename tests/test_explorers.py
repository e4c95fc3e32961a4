"""Every explorer, without a browser: it computes, it moves, and its words say what it shows."""

import asyncio
import random
import re
from pathlib import Path

import pytest

from course_lib import explore, explorers
from course_lib.explorers.explorer import REGISTRY, Choose, Entry, Explorer, Steps
from course_lib.viz.moving import Moving
from course_lib.widgets.explorer import ExplorerCard

SOURCES = Path(__file__).parents[1] / "chapters" / "source"
EXPLORERS = explorers.load()
each = pytest.mark.parametrize("name", list(EXPLORERS))


def choices(item):
    """{control: its values}, without what is typed."""
    return {n: list(c.values) for n, c in item.controls.items() if not isinstance(c, Entry)}


def test_every_chapter_has_an_explorer_and_shows_each_once():
    chapters = {p.name[:2]: p.read_text(encoding="utf-8") for p in SOURCES.glob("*.md")}
    shown = {c: re.findall(r'^explore\("(\w+)"\)$', text, re.M) for c, text in chapters.items()}
    assert all(shown.values()), shown
    for chapter, names in shown.items():
        own = [name for name, item in EXPLORERS.items() if item.chapter == chapter]
        assert sorted(names) == sorted(own)


@each
def test_an_explorer_asks_a_question_and_answers_it(name):
    item = EXPLORERS[name]
    assert "?" in item.question
    assert item.answer
    assert 1 <= len(item.controls) <= 5
    labels = [control.label for control in item.controls.values()]
    assert len(set(labels)) == len(labels)


@each
def test_the_stored_form_has_picture_and_words(name):
    card = explore(name)
    data = card._repr_mimebundle_()
    words = card.moving.say(card.scene)
    assert words
    assert data["image/png"]
    assert words in data["text/plain"]
    assert card.item.question in data["text/plain"]
    assert 'alt="' in data["text/html"]
    assert "0x" not in data["text/plain"]
    assert data["text/plain"] == explore(name)._repr_mimebundle_()["text/plain"]


@each
def test_the_words_change_with_the_picture(name):
    card = explore(name)
    fields = choices(card.item)
    ends = {n: values[-1] for n, values in fields.items()}
    for control, values in fields.items():
        moved = 0
        # What the others are set to may leave a control nothing to move: try their ends, too.
        for others in (card.item.start, ends):
            card.set(**{n: others[n] for n in fields if n != control})
            for value in values[:: 1 + len(values) // 12]:
                before = card.stage.png, card.stage.words
                card.set(**{control: value})
                after = card.stage.png, card.stage.words
                if after[0] != before[0]:
                    assert after[1] != before[1], f"{control} = {value}: {after[1]}"
                moved += after != before
            card.set(**{n: card.item.start[n] for n in fields})
        assert moved, f"{control} moves nothing"


@each
def test_two_hundred_moves_add_nothing_to_the_figure(name):
    card, chance = explore(name), random.Random(3)
    fields = choices(card.item)
    card.set(**{n: chance.choice(v) for n, v in fields.items()})
    before = len(card.moving.figure.findobj())
    most = before
    for _ in range(200 if fields else 0):
        control = chance.choice(list(fields))
        card.set(**{control: chance.choice(fields[control])})
        most = max(most, len(card.moving.figure.findobj()))
    assert most <= 1.5 * before + 20


# the parts -------------------------------------------------------------------------------------


class Dots(Moving):
    """A picture of one number."""

    def draw(self, scene):
        from matplotlib.figure import Figure

        self.figure = Figure(figsize=(2, 1))
        self.dot = self.moves(self.figure.text(0.5, 0.5, ""))

    def update(self, scene):
        self.dot.set_text(str(scene))

    def say(self, scene):
        return f"It is {scene}."

    def at(self, x, y):
        return {"n": 3} if x > 100 else {}


def made(**changes):
    """An explorer of its own, which is registered nowhere after."""

    def compute(n, words="1"):
        if not words.isdigit():
            raise ValueError(f"{words!r} is no number; write one such as 4.")
        return n * int(words)

    def run(values):
        for i in range(3):
            yield 100 * i + values["n"]

    controls = {
        "n": Steps("n", [1, 2, 3], 1, play=True),
        "words": Entry("words", "1"),
    }
    given = {"controls": controls, "compute": compute, "picture": Dots, "run": run} | changes
    item = Explorer("t_dots", "Dots", "How many?", "Some.", **given)
    del REGISTRY["t_dots"]
    return ExplorerCard(item)


def test_controls_move_the_picture_and_the_words():
    card = made()
    first = card.stage.png
    card.controls["n"].widget.index = 1  # as the browser does it
    assert card.stage.words == "It is 2."
    assert card.stage.png != first
    card.set(n=3, words="5")
    assert card.stage.words == "It is 15."
    assert "n 3, words 5" in card.text()


def test_text_that_cannot_be_read_is_told_and_the_picture_stays():
    card = made()
    card.set(words="4")
    picture = card.stage.png
    card.controls["words"].widget.value = "four"
    assert card.stage.png == picture
    assert card.stage.words.startswith("'four' is no number; write one such as 4.")
    card.controls["words"].widget.value = "6"
    assert card.stage.words == "It is 6."


def test_a_click_on_the_picture_sets_what_the_picture_says():
    card = made()
    assert card.stage.clickable
    card.stage._handle_custom_msg({"at": [0.9, 0.5]}, [])
    assert card.stage.words == "It is 3."
    card.stage._handle_custom_msg({"at": [0.1, 0.5]}, [])
    assert card.stage.words == "It is 3."


def test_a_run_goes_on_by_itself_can_be_paused_and_sees_what_is_changed():
    async def play():
        card = made()
        seen = []
        card.stage.observe(lambda change: seen.append(change["new"]), "words")
        card.run_button.click()
        await asyncio.sleep(0)
        assert card.run_button.description == "Pause"
        card.run_button.click()
        await asyncio.sleep(0.05)
        assert seen == ["It is 1."] or seen == []
        card.set(n=2)
        card.run_button.click()
        await asyncio.sleep(0.1)
        assert seen[-1] == "It is 202."
        assert card.run_button.disabled
        card.reset_button.click()
        assert card.stage.words == "It is 2."
        assert not card.run_button.disabled

    asyncio.run(play())


def test_a_run_that_fails_says_so():
    def broken(values):
        yield 1
        raise RuntimeError("no more dots")

    async def play():
        card = made(run=broken)
        card.run_button.click()
        await asyncio.sleep(0.05)
        assert "RuntimeError: no more dots" in card.stage.words
        assert not card.run_button.disabled

    asyncio.run(play())


def test_what_no_control_has_is_refused():
    with pytest.raises(ValueError, match="starts at 7"):
        Steps("n", [1, 2], 7)
    with pytest.raises(ValueError, match="starts at 7"):
        Choose("n", {"one": 1}, 7)
    with pytest.raises(ValueError, match="9"):
        made().set(n=9)


def test_an_unknown_explorer_gets_a_card_that_says_so():
    assert "Did you mean `tangent_and_nudge`?" in explore("tangent_and_nudges").text()
    assert "No explorer is called `zzz`" in explore("zzz").text()
