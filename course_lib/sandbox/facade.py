"""`course_lib` as a student's process sees it: what the chapter imports, minus what is asked for.

Cards, explorers and pictures do nothing; `yours(f)` is f. What an exercise asks for, and whatever
the chapter does not import, says "write this one yourself" when it is used.
"""

import gc
import importlib
import importlib.machinery
import sys
import types

ROOT = "course_lib"
_QUIET = ("answer", "answers", "ask", "check", "explore", "progress_board", "self_test", "judge")
_PLOTTING = ("matplotlib", "matplotlib.pyplot", "IPython", "IPython.display", "ipywidgets")
_PROGRESS = ("tqdm", "tqdm.auto", "tqdm.notebook")


class NotHere(RuntimeError):
    """Something of the course was used that an answer has to do without."""


class Withheld:
    """Stands for something of the course that is not to be had; using it says so."""

    def __init__(self, name):
        self.__dict__["_name"] = name

    def _refuse(self, *args, **kwargs):
        raise NotHere(f"{self._name} is not to be had here: write this one yourself")

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
        return nothing


class _Nothing:
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

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __call__
    __rtruediv__ = __neg__ = __call__


nothing = _Nothing()


class _Loop(_Nothing):
    """A progress bar, or a row of axes: goes through what it was given, and does nothing else."""

    def __init__(self, iterable=None, *args, **kwargs):
        self.__dict__["_iterable"] = () if iterable is None else iterable

    def __iter__(self):
        return iter(self._iterable)

    def __len__(self):
        return len(self._iterable)


class _Tqdm(_Nothing):
    """tqdm itself, which makes bars and has functions of its own."""

    def __call__(self, *args, **kwargs):
        return _Loop(*args, **kwargs)


def _trange(*args, **kwargs):
    return _Loop(range(*args))


def _subplots(nrows=1, ncols=1, *args, **kwargs):
    row = _Loop([nothing] * ncols) if ncols > 1 else nothing
    return nothing, _Loop([row] * nrows) if nrows > 1 else row


def _hist(*args, **kwargs):
    return nothing, nothing, nothing


def _yours(attempt):
    return attempt


class _Offer(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Withheld(f"{self.__name__}.{name}")


class _Finder:
    """Finds every other module below course_lib, and says in it that nothing is to be had."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith(f"{ROOT}."):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return _Offer(spec.name)

    def exec_module(self, module):
        pass


def install(offers, withheld, alone):
    """Puts the facade in the place of course_lib, for good.

    offers: {module below course_lib ("" for itself): names that are to be had}; withheld: dotted
    names below course_lib that are not, wherever in the engine they are also known. alone: whether
    the functions leave behind what else stands in their modules.
    """
    real = {(module, name): _import(module, name) for module in offers for name in offers[module]}
    _strip(withheld)
    if alone:
        copies = {}
        real = {place: _alone(value, copies) for place, value in real.items()}
    made = {ROOT: _Offer(ROOT)}
    for (module, name), value in real.items():
        offered = _only(value, withheld) if isinstance(value, types.ModuleType) else value
        setattr(_module(made, module), name, offered)
        if offered is not value:
            made[f"{ROOT}.{module}.{name}".replace("..", ".")] = offered
    for name in _QUIET:
        setattr(made[ROOT], name, nothing)
    made[ROOT].yours = _yours
    made[f"{ROOT}.viz"] = made[ROOT].viz = _Silent(f"{ROOT}.viz")
    for name in _PLOTTING:
        made[name] = _Silent(name)
    plots = made["matplotlib"].pyplot = made["matplotlib.pyplot"]
    plots.subplots, plots.hist = _subplots, _hist
    for name in _PROGRESS:
        made[name] = types.ModuleType(name)
        made[name].tqdm, made[name].trange = _Tqdm(), _trange
    for name in (ROOT, f"{ROOT}.viz", "matplotlib", "IPython", "tqdm"):
        made[name].__path__ = []
    for name in [n for n in sys.modules if n == ROOT or n.startswith(f"{ROOT}.")]:
        del sys.modules[name]
    sys.modules.update(made)
    sys.meta_path.insert(0, _Finder())


def _alone(value, copies):
    """A function with globals of its own: only what it uses by name, and what that uses."""
    if not isinstance(value, types.FunctionType) or not value.__module__.startswith(f"{ROOT}."):
        return value
    if value not in copies:
        own = {"__name__": value.__module__, "__builtins__": __builtins__}
        copies[value] = types.FunctionType(
            value.__code__, own, value.__name__, value.__defaults__, value.__closure__
        )
        copies[value].__kwdefaults__ = value.__kwdefaults__
        for name in _names_in(value.__code__) & value.__globals__.keys():
            own[name] = _alone(value.__globals__[name], copies)
    return copies[value]


def _names_in(code):
    inner = (_names_in(c) for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*inner)


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
    """An object of the engine, or a module of it."""
    home = importlib.import_module(f"{ROOT}.{module}".rstrip("."))
    try:
        return getattr(home, name)
    except AttributeError:
        return importlib.import_module(f"{home.__name__}.{name}")


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
