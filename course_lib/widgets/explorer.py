"""The card of an explorer: its controls, the picture that follows them, and the picture in words.

Slider, list and stage are small widgets of our own. The slider of ipywidgets has no name that a
screen reader could say, its picture no text alternative, and in its list the arrow keys go to
JupyterLab, which moves on to another cell.
"""

import asyncio
import functools
import threading
from pathlib import Path

import traitlets
from anywidget import AnyWidget
from ipywidgets import Button, HBox, HTMLMath, Text

from course_lib import explorers
from course_lib.explorers.explorer import Choose, Entry, Steps, Switch
from course_lib.viz.moving import Moving
from course_lib.widgets import markup
from course_lib.widgets.card import Card, Notice, did_you_mean


def _text(*files):
    """Files beside this one, as one text: a widget's module cannot import another's."""
    return "\n".join(Path(__file__).with_name(f).read_text(encoding="utf-8") for f in files)


def explore(name):
    """The card of the explorer `name`. Never raises: an unknown name gets a card that says so."""
    known = explorers.load()
    if name in known:
        return ExplorerCard(known[name])
    hint = did_you_mean(name, known, f"There are {', '.join(known)}.")
    return Notice("There is nothing to explore here", f"No explorer is called `{name}`. {hint}")


class Slider(AnyWidget):
    """A native slider over positions 0, 1, …; each has words of its own."""

    _esm = _text("keys.js", "slider.js")
    label = traitlets.Unicode().tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)
    pace = traitlets.Float(0).tag(sync=True)  # seconds for a step that plays; 0: it does not play


class Chooser(AnyWidget):
    """A native list of options, or without any a box to tick (0 or 1)."""

    _esm = _text("keys.js", "choose.js")
    label = traitlets.Unicode().tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)


WIDGETS = {Steps: Slider, Choose: Chooser, Switch: Chooser}


class Stage(AnyWidget):
    """A picture (PNG, with a text alternative) and words below it, which are announced."""

    _esm = _text("stage.js")
    _css = _text("explorer.css")
    png = traitlets.Bytes().tag(sync=True)
    size = traitlets.List(traitlets.Int()).tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)
    clickable = traitlets.Bool(False).tag(sync=True)
    quiet = traitlets.Bool(False).tag(sync=True)  # while many words come fast, announce none


class Control:
    """A spec and its widget: `value`, in the explorer's terms, and who hears of changes."""

    def __init__(self, spec):
        self.spec = spec
        if isinstance(spec, Entry):
            self.widget = Text(
                value=spec.start,
                description=spec.label,
                continuous_update=False,
                style={"description_width": "initial"},
            )
            self.widget.add_class("bp-wide" if spec.wide else "bp-entry")
            return
        self.values = list(spec.values)
        pace = 0.5 if getattr(spec, "play", False) is True else float(getattr(spec, "play", 0))
        self.widget = WIDGETS[type(spec)](
            label=spec.label,
            labels=[] if isinstance(spec, Switch) else [spec.words(v) for v in self.values],
            index=self.values.index(spec.start),
            **({"pace": pace} if isinstance(spec, Steps) else {}),
        )

    @property
    def value(self):
        return self.widget.value if isinstance(self.spec, Entry) else self.values[self.widget.index]

    @value.setter
    def value(self, value):
        if isinstance(self.spec, Entry):
            self.widget.value = value
        else:
            self.widget.index = self.values.index(value)

    def on_change(self, heard):
        self.widget.observe(heard, "value" if isinstance(self.spec, Entry) else "index")


def locked(method):
    """Lets one thread at a time into a card."""

    @functools.wraps(method)
    def run(self, *args, **values):
        with self._lock:
            return method(self, *args, **values)

    return run


class ExplorerCard(Card):
    """An explorer with its controls. `set(...)` does in code what the controls do."""

    _newest = {}  # by name: a cell that is run again must not leave an old run going, unseen

    def __init__(self, item):
        self.item = item
        self.controls = {name: Control(spec) for name, spec in item.controls.items()}
        self.values = item.start
        self.scene = item.compute(**self.values)
        self.moving = item.picture(self.scene)
        self.stage = Stage(
            png=self.moving.frame(self.scene),
            size=list(self.moving.size),
            alt=f"{item.title}, a picture that the text below describes",
            words=self.moving.say(self.scene),
            clickable=item.picture.at is not Moving.at,
        )
        self.stage.on_msg(self._clicked)
        self._quiet, self._scenes, self._run = False, None, None
        # JupyterLab may hand what widgets say to a thread of its own, beside the one of the cells.
        self._lock = threading.RLock()
        before = self._newest.get(item.name)
        if before is not None and before._run is not None:
            before._halt("Go on")
        self._newest[item.name] = self
        for control in self.controls.values():
            control.on_change(self._changed)
        row = HBox([*(c.widget for c in self.controls.values()), *self._run_buttons()])
        row.add_class("bp-controls")
        question = HTMLMath(f"<div>{markup.prose(item.question)}</div>")
        answer = HTMLMath(
            "<details><summary>What there is to find</summary>"
            f"{markup.prose(item.answer)}</details>"
        )
        super().__init__(item.title, [question, row, self.stage], [answer])
        self.add_class("bp-explorer")

    # controls to scene to picture --------------------------------------------------------------

    @locked
    def set(self, **values):
        """Sets controls in one go, as if by hand. Raises ValueError for what a control has not."""
        self._quiet = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._quiet = False
            self._changed()

    @locked
    def _changed(self, _=None):
        if self._quiet:
            return
        # In place: a run that is on its way sees what was changed.
        self.values.update({name: c.value for name, c in self.controls.items()})
        if self._scenes is None:
            try:
                self.show(self.item.compute(**self.values))
            except ValueError as error:  # what was typed can't be read
                self.stage.words = f"{error} The picture stays as it was."

    def show(self, scene):
        """Shows a scene; the picture and its words arrive together."""
        self.scene = scene
        png, words = self.moving.frame(scene), self.moving.say(scene)
        with self.stage.hold_sync():
            self.stage.size = list(self.moving.size)
            self.stage.png, self.stage.words = png, words

    def _clicked(self, _, content, __):
        x, y = content["at"]
        width, height = self.moving.size
        values = self.moving.at(x * width, (1 - y) * height)
        if values:
            self.set(**values)

    # explorers that move by themselves ---------------------------------------------------------

    def _run_buttons(self):
        if self.item.run is None:
            return []
        self.run_button = Button(description=self.item.action)
        self.run_button.add_class("bp-main")
        self.run_button.on_click(self._start_or_pause)
        self.reset_button = Button(description="Start over")
        self.reset_button.on_click(self._start_over)
        return [self.run_button, self.reset_button]

    @locked
    def _start_or_pause(self, _=None):
        if self._run is not None:
            self._halt("Go on")
            return
        if self._scenes is None:
            self._scenes = self.item.run(self.values)
        self.run_button.description, self.stage.quiet = "Pause", True
        self._run = object()
        self._task = asyncio.get_running_loop().create_task(self._go(self._run))

    async def _go(self, run):
        while self._step(run):
            await asyncio.sleep(0.01)  # the kernel answers clicks, and runs cells, meanwhile

    @locked
    def _step(self, run):
        """Shows the next scene; False where there is none, or where this run was halted."""
        if self._run is not run:
            return False
        try:
            self.show(next(self._scenes))
        except StopIteration:
            self._halt("Finished")
            self.run_button.disabled = True
        except Exception as error:  # in a task it would vanish
            self._start_over()
            self.stage.words = f"This run failed: {type(error).__name__}: {error}"
        return self._run is run

    @locked
    def _halt(self, words):
        self._run, self.stage.quiet = None, False
        self.run_button.description, self.run_button.disabled = words, False

    @locked
    def _start_over(self, _=None):
        self._halt(self.item.action)
        self._scenes = None
        self._changed()

    # without widgets ---------------------------------------------------------------------------

    def text(self):
        values = ", ".join(
            f"{spec.label} {spec.words(self.values[name])}"
            for name, spec in self.item.controls.items()
        )
        return "\n\n".join(
            [
                f"{self.item.title} (to play with: run this cell in JupyterLab)",
                self.item.question,
                f"Now: {values}.\n{self.moving.say(self.scene)}",
            ]
        )

    def _repr_mimebundle_(self, **kwargs):
        """The widget, and for where it cannot live the picture as it stands now."""
        still = self.moving.picture(self.scene)._repr_mimebundle_()
        return super()._repr_mimebundle_(**kwargs) | {
            "image/png": still["image/png"],
            "text/html": still["text/html"],
        }
