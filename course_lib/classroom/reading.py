"""A notebook's bytes, whatever they are, as its code cells and raw answers. Nothing is run here.

The JSON is walked, not parsed as a whole. So outputs are stepped over and take no memory, and what
stands before and after a damaged place is still read.
"""

import ast
import json
import re
from collections import Counter, deque
from dataclasses import dataclass, field

from course_lib.grading.raw import quoted
from course_lib.widgets.plain import BEGIN, END, read_answers

MOST_CELLS = 5_000  # code cells
MOST_SOURCE = 20 * 2**20  # characters of source in all
LONGEST_ANSWER = 20_000  # bytes of a raw answer as JSON
DEEPEST_ANSWER = 6  # lists and tables in each other
_MOST_OF_ANY_KIND = 20_000  # cells
_MOST_TOKENS = 2_000_000  # steps of a walk; 100 MB of output take less than a million
_MOST_BREAKS = 100  # damaged places after which reading goes on
_MOST_AGAIN = 200 * 2**20  # bytes, in all the attempts to go on after them
_MOST_MARKS = 10_000  # of merge conflicts
_MOST_LINES = 2_000  # of a damaged block of answers
_MOST_CALLS = 200  # of `ask` and `answer`
_MOST_CHOICES = 2  # different answers to one question of which a right one counts
_MOST_REMARKS = 30
_LARGEST_OUTPUT = 5 * 2**20  # bytes of one output that holds answers
_LARGEST = 400 * 2**20  # bytes of a notebook
_LARGEST_OTHER = 50 * 2**20  # bytes of a notebook that is not UTF-8, which takes more memory
_LARGEST_METADATA = 2**20
_SMALL_CELL = 20_000  # bytes up to which a cell is parsed as a whole
_PER_PART = 10  # what a member of an object or list costs, in tokens
_PER_TOKEN = 20  # bytes that are parsed for one
_PIECE = 16 * 2**20  # bytes that are rewritten at once

_DECODER = json.JSONDecoder(strict=False)
_SPACE = re.compile(rb"\s*")
_BLANK = re.compile(rb"[\0 \t\r\n]*+")
_ESCAPED = re.compile(rb"\\*+.", re.DOTALL)
_KEY = re.compile(rb'"([^"]*)"\s*:\s*')
_SCALAR = re.compile(rb'"[^"]*"|[^\s"\[\]{},:]+')
# Much at once of what changes no depth (strings, flat containers, what is between); a bracket that
# opens; one that closes; a string that does not end. Few repetitions need little stack.
_TOKEN = re.compile(
    rb'(?:"[^"]*"[^"\[\]{}]*|[\[{][^"\[\]{}]*[\]}][^"\[\]{}]*|[^"\[\]{}]+){1,500}'
    rb'|([\[{])|([\]}])|(")'
)
_CELL = re.compile(rb'\{\s*"(?:cell_type|attachments|execution_count)"\s*:')
_AT_END = re.compile(rb'\s*+(?:"[^"]*+"?\s*+:?)?\s*+')
_CONFLICT = re.compile(rb"^(?:<{7}(?: .*)?|={7}|>{7}(?: .*)?|\|{7}(?: .*)?)\r?$", re.M)
_CALL = re.compile(
    r"^[ \t]*(?:\w+[ \t]*=[ \t]*|print[ \t]*\([ \t]*)?(?:\w+\.){0,3}"
    r"((?:ask|answer)[ \t]*\(\s*[\"'](\w+)[\"'])",
    re.M,
)
_PYTHON = re.compile(
    r"'(?:[^'\\\n]|\\.)*'?|\"(?:[^\"\\\n]|\\.)*\"?|#[^\n]*|([\[({])|([\])}])", re.DOTALL
)
_FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.M | re.DOTALL)
_LINE_OF_BLOCK = re.compile(r'"(\w+)":(.*)')


@dataclass
class Read:
    """What a notebook holds.

    cells: the code cells, {"number": its place among all cells from 1, "source", "exercise": a
    name or "", "role": "answer", "check" or ""}. answers: {question: raw answer}. chapter: "02",
    or "" where it cannot be told. remarks: sentences on what is odd and what was done about it.
    problem: why nothing at all could be read, or "". own: what the notebook says of itself
    ("chapter", "assignment", "variant"), which may be anything.
    """

    cells: list = field(default_factory=list)
    answers: dict = field(default_factory=dict)
    chapter: str = ""
    remarks: list = field(default_factory=list)
    problem: str = ""
    own: dict = field(default_factory=dict)


class _Broken(Exception):
    """The JSON is damaged at this place."""

    def __init__(self, at):
        super().__init__(at)
        self.at = at


class _NoNotebook(Exception):
    """Why nothing can be read, in words."""


def read(content, items, chapters, bundle_answers=None, hint=""):
    """What is in a notebook's bytes, as a `Read`; never raises because of what they hold.

    items: the assignment's exercises and questions. chapters: its chapters, ("02", "03").
    bundle_answers: those that `course submit` packed beside the notebook. hint: the file's name.

    Of a question with two different answers (printed by `answers()`, then those written out in
    `ask` or `answer`, then the bundle's) the last right one counts, as in the notebook itself;
    of more than two the last. A remark says how many there were.
    """
    remarks, own, cells = [], {}, []
    problem = ""
    try:
        cells, own = _notebook(_as_utf8(content, remarks), remarks)
    except _NoNotebook as why:
        problem = str(why)
    except (RecursionError, MemoryError):
        problem = "The notebook is too large or nested too deeply to be read."
    _label(cells, items, remarks)
    answers = _answers(cells, items, bundle_answers, remarks)
    chapter = _chapter(own, cells, answers, items, chapters, hint, remarks)
    if len(remarks) > _MOST_REMARKS:
        more = len(remarks) - _MOST_REMARKS
        remarks[_MOST_REMARKS:] = [f"There are {more} more remarks of this kind."]
    code = [
        {"number": c.number, "source": c.source, "exercise": c.exercise, "role": c.role}
        for c in cells
        if c.kind == "code"
    ]
    return Read(code, answers, chapter, remarks, problem, own)


# bytes to JSON -----------------------------------------------------------------------------------


def _as_utf8(content, remarks):
    if len(content) > _LARGEST:
        raise _NoNotebook(f"The file has {_megabytes(content, _LARGEST)}.")
    if _BLANK.fullmatch(content):
        raise _NoNotebook(
            "The file is empty." if not content else "The file is empty: it holds only blanks."
        )
    encoding = json.detect_encoding(content[:4])
    if encoding == "utf-8-sig":
        content = content[3:]
    elif encoding != "utf-8":
        if len(content) > _LARGEST_OTHER:
            raise _NoNotebook(
                f"The file is stored as {encoding.upper()} and has "
                f"{_megabytes(content, _LARGEST_OTHER)}. Save it as UTF-8."
            )
        text = content.decode(encoding, errors="replace").removeprefix("\ufeff")
        if text.lstrip("\0 \t\r\n")[:1] == "{":
            content = text.encode("utf-8", errors="replace")
            remarks.append(f"The file was stored as {encoding.upper()}, and was read as such.")
    if b"\0" in content:
        content = content.replace(b"\0", b"")
        remarks.append("Null bytes in the file were left out.")
    if b"<<<<<<<" in content and _CONFLICT.search(content):
        content = _CONFLICT.sub(b"", content, _MOST_MARKS)
        remarks.append(
            "The marks of an unsolved merge conflict were left out; both sides were read."
        )
    return content


def _megabytes(content, most):
    return f"{len(content) / 2**20:,.0f} MB; {most // 2**20} MB at the most are read"


def _without_escapes(content):
    """Bytes of the same length in which every quotation mark begins or ends a string."""
    if b"\\" not in content:
        return content
    plain, at = bytearray(), 0
    while at < len(content):  # in pieces, as each copy of a large notebook takes its size again
        match = _ESCAPED.match(content, at + _PIECE)
        end = match.end() if match else len(content)
        plain += content[at:end].replace(b"\\\\", b"__").replace(b'\\"', b"__")
        at = end
    return plain


class _Json:
    """JSON as bytes, walked by position. Keeps to a budget of tokens."""

    def __init__(self, content):
        self.content = content
        self.plain = _without_escapes(content)
        self.left = _MOST_TOKENS
        self.known = (-1, -1)  # the value measured last: where it begins and ends
        self.large = {}  # where each large value that was measured begins, and where it ends
        self.endless = -1  # where the one begins that was last found to have no end
        self.mended = False  # whether something was not UTF-8

    def spend(self, tokens, at):
        self.left -= tokens
        if self.left < 0:
            raise _Broken(at)

    def starts(self, at, mark):
        return self.plain[at : at + 1] == mark

    def space(self, at):
        return _SPACE.match(self.plain, at).end()

    def after(self, at):
        """Where the value at a place ends. Raises _Broken."""
        if self.known[0] == at:
            return self.known[1]
        if at in self.large:
            return self.large[at]
        if at == self.endless:
            raise _Broken(len(self.plain))
        scalar = _SCALAR.match(self.plain, at)
        if scalar:
            return scalar.end()
        if not (self.starts(at, b"[") or self.starts(at, b"{")):
            raise _Broken(at)
        depth, tokens = 1, 0
        for token in _TOKEN.finditer(self.plain, at + 1):
            tokens += 1
            kind = token.lastindex
            if kind == 1:
                depth += 1
            elif kind == 2:
                depth -= 1
                if depth == 0:
                    self.spend(tokens, at)
                    self.known = (at, token.end())
                    if token.end() - at > _SMALL_CELL:
                        self.large[at] = token.end()
                    return token.end()
            elif kind == 3:
                raise _Broken(token.start())
            if tokens > self.left:
                break
        self.spend(tokens, at)
        self.endless = at
        raise _Broken(len(self.plain))

    def members(self, at, named):
        """(key or None, where its value begins) for each member from a place inside a container.

        A comma too many does no harm. Afterwards `end` is the place behind the container.
        """
        close = b"}" if named else b"]"
        at = self.space(at)
        while True:
            key = None
            self.spend(_PER_PART, at)
            if self.starts(at, close):
                break
            if named:
                match = _KEY.match(self.plain, at)
                if not match:
                    raise _Broken(at)
                key, at = match[1][:20], match.end()
            yield key, at
            at = self.space(self.after(at))
            if self.starts(at, close):
                break
            if not self.starts(at, b","):
                raise _Broken(at)
            at = self.space(at + 1)
        self.end = at + 1

    def value(self, at, most):
        """The value at a place. Raises ValueError or _Broken if damaged or over `most` bytes."""
        end = self.after(at)
        if end - at > most:
            raise ValueError(f"it has {end - at:,} bytes")
        self.spend((end - at) // _PER_TOKEN, at)
        part = self.content[at:end]
        try:
            text = part.decode()
        except UnicodeDecodeError:
            text, self.mended = part.decode("latin-1"), True
        try:
            return _DECODER.decode(text)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        except ValueError:
            raise ValueError("it is damaged") from None

    def line(self, at):
        return self.content.count(b"\n", 0, at) + 1


# JSON to cells -----------------------------------------------------------------------------------


@dataclass
class _Cell:
    """A cell of any kind. texts: those of its outputs that hold a block of answers."""

    number: int
    kind: str
    source: str
    ids: tuple = ()
    course: dict = field(default_factory=dict)
    texts: list = field(default_factory=list)
    exercise: str = ""
    role: str = ""


def _notebook(content, remarks):
    """([cell], the notebook's `metadata.course`). Raises _NoNotebook."""
    text = _Json(content)
    at = text.space(0)
    if content[at : at + 1] != b"{":
        raise _NoNotebook(f"This is not a notebook: {_looks_like(content[at : at + 200])}.")
    reader, own, listed = _Cells(text, remarks), {}, False
    try:
        for key, value in text.members(at + 1, named=True):
            if key == b"cells" and text.starts(value, b"["):
                listed = True
                reader.take(value)
            elif key == b"worksheets" and text.starts(value, b"["):
                listed = True
                reader.take_sheets(value)
                remarks.append("The notebook is of the old format 3; it was converted.")
            elif key == b"metadata":
                own = _table(_own_metadata(text, value), "course")
        if text.space(text.end) < len(content):
            remarks.append("What follows after the end of the notebook in the file was ignored.")
    except _Broken as broken:
        reader.breaks.append(broken.at)
    cells = reader.cells
    if reader.breaks:
        _say_broken(text, reader.breaks, len(cells), remarks)
    elif not listed:
        raise _NoNotebook("This is not a notebook: the file is JSON, but has no list of cells.")
    if text.mended:
        remarks.append("The file is not all UTF-8 text; those places were read as Latin-1.")
    if not cells:
        remarks.append("The notebook has no cells.")
    return _limited(cells, remarks), own


def _own_metadata(text, at):
    return _value_or(_Walked(text, {"metadata": at}), "metadata", _LARGEST_METADATA, {})


def _looks_like(beginning):
    for start, words in (
        (b"<", "it looks like a web page, as when the page is saved in place of the file"),
        (b"%PDF", "it is a PDF"),
        (b"PK\x03\x04", "it is a zip file, or a document of an office program"),
        (b"[", "it is a JSON list, and a notebook is an object"),
    ):
        if beginning.startswith(start):
            return words
    if re.search(rb"^(?:(?:import|from|def|class)\b|#)", beginning, re.M):
        return "it looks like Python code, and a notebook (.ipynb) was wanted"
    return "it is no JSON"


def _say_broken(text, breaks, number, remarks):
    line = text.line(breaks[0])
    if text.left < 0:
        words = f"The notebook is too intricate to be read on after line {line}"
    elif _AT_END.fullmatch(text.plain, breaks[0]):
        words = f"The file breaks off in line {line}, as when a download stops"
    else:
        words = f"The file is damaged in line {line}: its JSON breaks there"
    if not number:
        raise _NoNotebook(f"{words}. Nothing could be read.")
    some = "1 cell was" if number == 1 else f"{number} cells were"
    remarks.append(f"{words}. {some} read; what is damaged or missing is lost.")


class _Cells:
    """Collects cells. breaks: the damaged places that were stepped over."""

    def __init__(self, text, remarks):
        self.text, self.remarks = text, remarks
        self.cells, self.breaks, self.number = [], [], 0
        self.most_breaks = min(_MOST_BREAKS, _MOST_AGAIN // len(text.plain))

    def take(self, at):
        """Takes the cells of the list at a place; after damage it goes on with the next cell."""
        inside, begun = at + 1, at
        while True:
            try:
                for _, begun in self.text.members(inside, named=False):
                    self._take_cell(begun)
                self.text.known = (at, self.text.end)
                return
            except _Broken as broken:
                self.breaks.append(broken.at)
                following = _CELL.search(self.text.plain, begun + 1)
                if not following or len(self.breaks) > self.most_breaks or self.text.left < 0:
                    raise _Broken(broken.at) from None
                inside = following.start()

    def take_sheets(self, at):
        """Takes the cells of the worksheets of format 3."""
        for _, sheet in self.text.members(at + 1, named=False):
            if self.text.starts(sheet, b"{"):
                for key, value in self.text.members(sheet + 1, named=True):
                    if key == b"cells" and self.text.starts(value, b"["):
                        self.take(value)
                self.text.known = (sheet, self.text.end)

    def _take_cell(self, start):
        self.number += 1
        if self.number > _MOST_OF_ANY_KIND:
            return
        if not self.text.starts(start, b"{"):
            self.remarks.append(f"Number {self.number} in the list of cells is no cell.")
            return
        parts = self._whole(start) or self._walked(start)
        self.cells.append(_cell(self.number, parts, self.remarks))

    def _whole(self, start):
        """The parts of a small cell, parsed at once; None where it is large or damaged."""
        try:
            return _Whole(self.text.value(start, _SMALL_CELL))
        except (ValueError, _Broken):
            return None

    def _walked(self, start):
        places, endless = {}, self.text.endless
        try:
            for key, at in self.text.members(start + 1, named=True):
                places[key.decode(errors="replace")] = at
            end = self.text.end
        except _Broken:
            self.text.endless = endless
            end = self.text.after(start)  # what is damaged ends somewhere, or all is over
            self.remarks.append(f"Cell {self.number} is damaged; what could be was read.")
        parts = _Walked(self.text, places)
        self.text.known = (start, end)
        return parts


class _Whole:
    """The parts of a cell that was parsed."""

    def __init__(self, parts):
        self._parts = parts
        self.names = parts.keys()

    def value(self, name, most):
        return self._parts[name]

    def texts(self):
        """The texts of those outputs that hold a block of answers."""
        outputs = self._parts["outputs"]
        found = [t for o in outputs for t in _texts_of(o)] if isinstance(outputs, list) else []
        return [text for text in found if BEGIN in text]


class _Walked:
    """The parts of a cell of which only the places are known. Raises ValueError for damage."""

    def __init__(self, text, places):
        self._text, self._places = text, places
        self.names = places.keys()

    def value(self, name, most):
        try:
            return self._text.value(self._places[name], most)
        except _Broken:
            raise ValueError("it is damaged") from None

    def texts(self):
        text, at, found, mark = self._text, self._places["outputs"], [], BEGIN.encode()
        try:
            end = text.after(at)
            if text.content.find(mark, at, end) < 0 or not text.starts(at, b"["):
                return []
            for _, start in text.members(at + 1, named=False):
                if text.content.find(mark, start, text.after(start)) >= 0:
                    found += _texts_of(text.value(start, _LARGEST_OUTPUT))
        except _Broken:
            raise ValueError("it is damaged") from None
        return found


def _cell(number, parts, remarks):
    """A cell from its parts, a `_Whole` or `_Walked`."""
    kind = _value_or(parts, "cell_type", 100, "")
    if not isinstance(kind, str) or not kind:
        kind = "code" if parts.names & {"outputs", "input"} else "raw"
    kind = kind.strip().lower()
    metadata = _value_or(parts, "metadata", _LARGEST_METADATA, {})
    ids = (
        _value_or(parts, "id", 1000, ""),
        _entry(metadata, "id"),  # where Colab puts it
        _entry(_table(metadata, "nbgrader"), "grade_id"),
    )
    cell = _Cell(number, kind, _source(number, parts, remarks), ids, _table(metadata, "course"))
    if kind == "code" and "outputs" in parts.names:
        try:
            cell.texts = parts.texts()
        except ValueError:
            remarks.append(f"An output of cell {number} with answers is damaged or too large.")
    return cell


def _value_or(parts, name, most, default):
    try:
        return parts.value(name, most) if name in parts.names else default
    except ValueError:
        return default


def _entry(table, key):
    return table.get(key) if isinstance(table, dict) else None


def _table(table, key):
    found = _entry(table, key)
    return found if isinstance(found, dict) else {}


def _source(number, parts, remarks):
    """A cell's source as one text, with "\\n" at the ends of its lines."""
    name = "source" if "source" in parts.names else "input"  # the latter in format 3
    if name not in parts.names:
        return ""
    try:
        source = parts.value(name, MOST_SOURCE)
    except ValueError as error:
        remarks.append(f"The source of cell {number} could not be read: {error}.")
        return ""
    if isinstance(source, list):
        lines = [line for line in source if isinstance(line, str)]
        if len(lines) < len(source):
            remarks.append(f"Lines of cell {number} that are no text were left out.")
        source = "".join(lines)
    if not isinstance(source, str):
        remarks.append(f"The source of cell {number} is no text; the cell was left empty.")
        return ""
    if "\0" in source:
        source = source.replace("\0", "")
        remarks.append(f"Null bytes in cell {number} were left out.")
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    return source.encode("utf-8", errors="replace").decode()  # lone surrogates become "?"


def _texts_of(output):
    """The plain texts of an output, of format 3 or 4."""
    if not isinstance(output, dict):
        return []
    texts = [output.get("text"), _table(output, "data").get("text/plain")]
    joined = [
        "".join(s for s in t if isinstance(s, str)) if isinstance(t, list) else t for t in texts
    ]
    return [t for t in joined if isinstance(t, str)]


def _limited(cells, remarks):
    kept, code, length = [], 0, 0
    for cell in cells:
        code += cell.kind == "code"
        length += len(cell.source)
        if code > MOST_CELLS or length > MOST_SOURCE:
            remarks.append(
                f"The notebook is too long: only what stands before cell {cell.number} was read "
                f"({MOST_CELLS:,} code cells and {MOST_SOURCE // 2**20} MB of source at the most)."
            )
            break
        kept.append(cell)
    else:
        if cells and cells[-1].number >= _MOST_OF_ANY_KIND:
            remarks.append(f"The notebook is too long: {_MOST_OF_ANY_KIND:,} cells were read.")
    return kept


# which cell is which -----------------------------------------------------------------------------


def _label(cells, items, remarks):
    """Finds the answer and check cells: by id, by our metadata, by what they define."""
    names = {item.name for item in items}
    code_names = [item.name for item in items if item.kind == "code"]
    for cell in cells:
        cell.exercise, cell.role = _told(cell, names)
    if not code_names:
        return
    names = "|".join(map(re.escape, code_names))
    defines = re.compile(rf"^(?:async[ \t]+def|def|class)[ \t]+({names})\b", re.M)
    made = re.compile(
        rf"^[ \t]*(?:(?:async[ \t]+def|def|class)[ \t]+({names})\b"
        rf"|({names})[ \t]*(?::[^=\n]*)?=(?!=))",
        re.M,
    )
    in_code = {
        name for c in cells if c.kind == "code" for pair in made.findall(c.source) for name in pair
    }
    for cell in cells:
        if cell.kind != "code":
            _take_text(cell, defines, in_code, remarks)
    labelled = Counter(c.exercise for c in cells if c.kind == "code" and c.role == "answer")
    for name, number in labelled.items():
        if number > 1:
            places = [c.number for c in cells if (c.exercise, c.role) == (name, "answer")]
            remarks.append(
                f"There are {number} answer cells for {name} (cells "
                f"{', '.join(map(str, places[:10]))}); the last definition counts."
            )
    for cell in cells:
        if cell.kind == "code" and not cell.role:
            for name in defines.findall(cell.source):
                if name not in labelled:
                    cell.exercise, cell.role = name, "answer"
                    break


def _told(cell, names):
    """(exercise, role) as a cell's id or metadata tells them; ("", "") otherwise."""
    for id in cell.ids:
        if isinstance(id, str):
            name, _, role = id.rpartition("-")
            if name in names and role in ("answer", "check"):
                return name, role
    name, role = cell.course.get("exercise"), cell.course.get("role")
    if isinstance(name, str) and name in names and role in ("answer", "check"):
        return name, role
    return "", ""


def _take_text(cell, defines, in_code, remarks):
    """Makes code of a text cell that defines what no code cell does."""
    fenced = [part for part in _FENCE.findall(cell.source) if defines.search(part)]
    source = "\n".join(fenced) or cell.source
    new = [name for name in dict.fromkeys(defines.findall(source)) if name not in in_code]
    if new:
        remarks.append(
            f"Cell {cell.number} with {' and '.join(new)} is a {cell.kind[:20]} cell; it was taken "
            "as code."
        )
        cell.kind, cell.source = "code", source
        if cell.role != "answer":
            cell.exercise, cell.role = new[0], "answer"


# answers to questions ----------------------------------------------------------------------------


def _answers(cells, items, bundle_answers, remarks):
    questions = {item.name: item for item in items if item.kind != "code"}
    given = [pair for cell in cells for pair in _printed(cell, remarks)]
    written, unread = _written(cells, questions)
    given += written
    given += _flat(bundle_answers)
    choices = {}
    for name, raw in given:
        if name in questions:
            try:
                choices.setdefault(name, []).append(_plain(raw))
            except ValueError as why:
                remarks.append(f"An answer to {name} was dropped: {why}.")
    for name, number in unread.items():
        if name not in choices:
            remarks.append(
                f"The answer to {name} in cell {number} is not written out as a value, so it "
                "could not be read."
            )
    return {name: _chosen(questions[name], raws, remarks) for name, raws in choices.items() if raws}


def _chosen(question, raws, remarks):
    """Of two different answers the last right one, else the last; says so if they differ."""
    different = {json.dumps(raw): raw for raw in reversed(raws)}
    if len(different) == 1:
        return raws[-1]
    few = len(different) <= _MOST_CHOICES  # whoever hands in all that there are knows nothing
    remarks.append(
        f"There are {len(different)} different answers to {question.name}; the last "
        f"{'right ' if few else ''}one counts."
    )
    right = (raw for raw in different.values() if few and question.judge(raw).passed)
    return next(right, raws[-1])


def _flat(table):
    """[(question, raw answer)] of {question: raw} or {chapter: {question: raw}}."""
    found = []
    for key, value in table.items() if isinstance(table, dict) else ():
        if re.fullmatch(r"\d\d", str(key)):
            found += value.items() if isinstance(value, dict) else ()
        else:
            found.append((key, value))
    return found


def _plain(raw):
    """A raw answer as plain JSON. Raises ValueError in words."""
    if not _shallow(raw, DEEPEST_ANSWER):
        raise ValueError("it is nested too deeply")
    try:
        text = json.dumps(raw, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError):
        raise ValueError("it is no plain value") from None
    text = text.encode("utf-8", errors="replace")
    if len(text) > LONGEST_ANSWER:
        raise ValueError(f"it has {len(text):,} bytes, {LONGEST_ANSWER:,} at the most are read")
    return json.loads(text)


def _shallow(raw, levels):
    if isinstance(raw, dict):
        raw = raw.values()
    elif not isinstance(raw, (list, tuple)):
        return True
    return levels > 0 and all(_shallow(part, levels - 1) for part in raw)


def _printed(cell, remarks):
    """[(question, raw)] of the blocks in a cell's outputs, or pasted into the cell itself."""
    texts = list(cell.texts)
    if BEGIN in cell.source:  # pasted, perhaps as a comment or a quotation
        texts.append(re.sub(r"^[ \t]*[#>]+ ?", "", cell.source, flags=re.M))
    found = []
    for text in texts:
        for part in text.split(BEGIN)[1:]:
            inside = part.split(END, 1)[0]
            try:
                found += _flat(read_answers(f"{BEGIN}{inside}{END}"))
            except (ValueError, RecursionError):
                found += _by_line(inside)
                remarks.append(
                    f"The block of answers in cell {cell.number} is damaged; it was read line by "
                    "line."
                )
    return found


def _by_line(block):
    found = []
    for line in block.split("\n", _MOST_LINES)[:_MOST_LINES]:
        match = _LINE_OF_BLOCK.fullmatch(line.strip()) if len(line) <= LONGEST_ANSWER else None
        if match:
            try:
                found.append((match[1], json.loads(match[2].removesuffix(","))))
            except (ValueError, RecursionError):
                continue
    return found


def _written(cells, questions):
    """([(question, raw)] of calls of `ask` and `answer`, {question: cell} of those not read)."""
    calls = deque(maxlen=_MOST_CALLS)
    for cell in cells:
        if cell.kind == "code":
            for match in _CALL.finditer(cell.source):
                if match[2] in questions:
                    calls.append((cell, match))
    found, unread = [], {}
    for cell, match in calls:
        start = match.start(1)
        window = cell.source[start : start + 2 * LONGEST_ANSWER]
        try:
            node = _argument(_call_at(window))
            if node is not None:
                found.append((match[2], ast.literal_eval(node)))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            unread[match[2]] = cell.number
    return found, unread


def _call_at(window):
    """The call with which a text begins. Raises ValueError where it does not end."""
    depth = 0
    for token in _PYTHON.finditer(window):
        depth += bool(token[1]) - bool(token[2])
        if depth > 2 * DEEPEST_ANSWER:
            break
        if token[2] and depth == 0:
            return window[: token.end()]
    raise ValueError(f"{quoted(window)} is no call that ends")


def _argument(call):
    """The syntax of the answer in a call, out of np.array(…); None where none is given."""
    node = ast.parse(call, mode="eval").body
    given = [k.value for k in node.keywords if k.arg in ("answer", "raw")] + node.args[1:2]
    if not given:
        return None
    inner = given[0]
    if isinstance(inner, ast.Call) and getattr(inner.func, "attr", "") in ("array", "asarray"):
        return inner.args[0] if inner.args else inner
    return inner


# which chapter -----------------------------------------------------------------------------------


def _chapter(own, cells, answers, items, chapters, hint, remarks):
    told = own.get("chapter")
    if isinstance(told, str) and told in chapters:
        return told
    where = {item.name: item.chapter for item in items}
    names = {c.exercise for c in cells if c.exercise} | set(answers)
    most = Counter(where[name] for name in names).most_common(2)
    if most and (len(most) == 1 or most[0][1] > most[1][1]):
        return most[0][0]
    by_name = [c for c in chapters if _names(hint, c)]
    if len(by_name) == 1:
        return by_name[0]
    if isinstance(told, str) and re.fullmatch(r"\d\d", told):
        remarks.append(f"This is chapter {told}, which is not asked for here.")
        return ""
    return chapters[0] if len(chapters) == 1 else ""


def _names(hint, chapter):
    """Whether a file name names a chapter: 02_…, …_02_…, chapter 2, ch02."""
    number = rf"0*{int(chapter)}(?!\d)"
    return bool(
        re.search(rf"(?:^|[^\d]){chapter}_[^\W\d]", hint)
        or re.search(rf"(?:\b|_)ch(?:apter)?[ _.-]*{number}", hint, re.I)
    )
