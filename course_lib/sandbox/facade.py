"""`course_lib` as a student's process sees it: what the chapter imports, minus what is asked for.

Cards, explorers and pictures do nothing; `yours(f)` is f. What an exercise asks for, and whatever
the chapter does not import, says "write this one yourself" when it is used.
"""

import gc
import importlib
import sys
import types

ROOT = "course_lib"
_QUIET = ("answer", "answers", "ask", "check", "explore", "progress_board", "self_test", "judge")
_PLOTTING = ("matplotlib", "matplotlib.pyplot", "IPython", "IPython.display", "ipywidgets")
_PROGRESS = ("tqdm", "tqdm.auto", "tqdm.notebook")


class Withheld:
    """Stands for something of the course that is not to be had; using it says so."""

    def __init__(self, name):
        self.__dict__["_name"] = name

    def _refuse(self, *args, **kwargs):
        raise NotImplementedError(f"{self._name} is not to be had here: write this one yourself")

    __call__ = __setattr__ = __getitem__ = __iter__ = __len__ = __mro_entries__ = _refuse

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def __repr__(self):
        return f"<{self._name}: write this one yourself>"


class _Silent(types.ModuleType):
    """A module for pictures: whatever is asked of it does nothing."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _silence


class _Silence:
    """Takes any call, attribute, index and loop, and does nothing."""

    def __call__(self, *args, **kwargs):
        return self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, index):
        return self

    def __setitem__(self, index, value):
        pass

    def __iter__(self):
        return iter((self, self))  # fig, ax = plt.subplots()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def __repr__(self):
        return "<a picture that is not drawn>"


_silence = _Silence()


def _loop(iterable=None, *args, **kwargs):
    return iter(()) if iterable is None else iterable


def _yours(attempt):
    return attempt


class _Offer(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Withheld(f"{self.__name__}.{name}")


def build(offers, withheld):
    """The modules by name that take the place of the real ones.

    offers: {module: names} that the chapter imports ("" for course_lib itself). withheld: dotted
    names below course_lib that an exercise asks for; they are deleted from the engine's modules.
    """
    real = {}
    for module, names in offers.items():
        if module.split(".")[0] in ("viz", "exercises", "explorers", "widgets", "grading"):
            continue
        for name in names:
            if not _covers(withheld, f"{module}.{name}".strip(".")):
                real[module, name] = _import(module, name)
    _strip(withheld)
    root = _Offer(ROOT)
    root.__path__ = []
    made = {ROOT: root}
    for module, names in offers.items():
        offer = _module(made, module)
        for name in names:
            first = module.split(".")[0]
            if first == "viz" or (not module and name in _QUIET):
                setattr(offer, name, _silence)
            elif not module and name == "yours":
                setattr(offer, name, _yours)
            elif real.get((module, name)) is not None:
                setattr(offer, name, real[module, name])
    for (module, name), value in real.items():
        if isinstance(value, types.ModuleType):
            setattr(_module(made, module), name, _only(value, withheld))
    for name in _PLOTTING:
        made[name] = _Silent(name)
    for name in _PROGRESS:
        made[name] = types.ModuleType(name)
        made[name].tqdm = made[name].trange = _loop
    for name in ("matplotlib", "IPython", "tqdm"):
        made[name].__path__ = []
    made["tqdm"].trange = made["tqdm.auto"].trange = made["tqdm.notebook"].trange = range
    made["matplotlib"].pyplot = made["matplotlib.pyplot"]
    return made


def _module(made, module):
    """The offer for a module of the course, made with its parents on first use."""
    name = f"{ROOT}.{module}".rstrip(".")
    if name not in made:
        made[name] = _Offer(name)
        made[name].__path__ = []
        parent, _, last = module.rpartition(".")
        setattr(_module(made, parent), last, made[name])
    return made[name]


def _only(module, withheld):
    """The public functions and classes of a module that is offered as a whole."""
    offer = _Offer(module.__name__)
    below = module.__name__.removeprefix(f"{ROOT}.")
    for name in getattr(module, "__all__", [n for n in vars(module) if n[0] != "_"]):
        value = vars(module).get(name)
        if value is not None and not _covers(withheld, f"{below}.{name}"):
            setattr(offer, name, value)
    return offer


def _covers(withheld, name):
    return any(name == w or name.startswith(f"{w}.") for w in withheld)


def _import(module, name):
    """An object of the engine, or None where there is no such thing."""
    try:
        if not module:
            return getattr(importlib.import_module(ROOT), name, None) or importlib.import_module(
                f"{ROOT}.{name}"
            )
        home = importlib.import_module(f"{ROOT}.{module}")
        return getattr(home, name, None)
    except ImportError:
        return None


def _strip(withheld):
    """Deletes what is withheld wherever a module of the engine has it, and forgets it."""
    gone = []
    for dotted in withheld:
        *path, last = dotted.split(".")
        module = sys.modules.get(".".join([ROOT, *path]))
        if module is not None and last in vars(module):
            gone.append(vars(module)[last])
    ids = {id(o) for o in gone}
    for name, module in list(sys.modules.items()):
        if name == ROOT or name.startswith(f"{ROOT}."):
            for key, value in list(vars(module).items()):
                if id(value) in ids:
                    delattr(module, key)
    del gone
    gc.collect()
