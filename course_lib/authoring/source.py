"""Reads a chapter's source: Jupytext MyST Markdown in, cells that any Jupyter renders out."""

import re
from dataclasses import dataclass, field

from jupytext.myst import MystMetadataParsingError, myst_to_notebook

from course_lib.authoring.errors import SourceError

ADMONITIONS = (
    "admonition",
    "attention",
    "caution",
    "danger",
    "error",
    "hint",
    "important",
    "note",
    "seealso",
    "tip",
    "warning",
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,}|:{3,})\s*(.*)$")
_MARK = re.compile(r"%\s*exercise\s+(\S+)\s*$")
_DIRECTIVE = re.compile(r"\{([\w:-]+)\}\s*(.*)$")
_REFUSED = (
    (
        re.compile(r"\s*>\s*\[!\w+\]"),
        "JupyterLab does not render `> [!NOTE]`; write a {note} block",
    ),
    (re.compile(r"\([\w-]+\)=\s*$"), "a MyST target, which Jupyter would show as text"),
    (
        re.compile(r"(?<![\w`}\\])\{[a-zA-Z][\w:-]*\}`[^`]+`"),
        "a MyST role, which Jupyter would show as text",
    ),
)


@dataclass
class Part:
    """One cell of the source, or the place of an exercise. line: where it begins, from 1."""

    kind: str  # "markdown", "code", "raw" or "exercise"
    text: str  # the cell's source, or the exercise's name
    line: int
    metadata: dict = field(default_factory=dict)


def read_parts(path):
    """The parts of a source file, in order. Raises SourceError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SourceError(path, line, "this is not UTF-8 text") from None
    if lines and lines[0] == "---" and "---" in lines[1:]:
        header = lines.index("---", 1) + 1  # for jupytext's editors; nothing of it belongs in the
        lines[:header] = [""] * header  # notebook, and blank lines keep the numbering
    if not any(line.strip() for line in lines):
        raise SourceError(path, 1, "the source is empty")
    for _ in _blocks(path, lines, 1):  # jupytext takes a fence that is never closed as it comes
        pass
    try:
        notebook = myst_to_notebook("\n".join(lines), add_source_map=True)
    except MystMetadataParsingError as error:
        raise SourceError(path, 1, str(error)) from None
    parts = []
    for cell, start in zip(notebook.cells, notebook.metadata["source_map"], strict=True):
        if cell.cell_type == "markdown":
            while not lines[start]:  # the map points at blank lines that the cell leaves out
                start += 1
            parts += _split(path, cell.source.splitlines(), start + 1, dict(cell.metadata))
        else:
            parts.append(Part(cell.cell_type, cell.source.strip("\n"), start, dict(cell.metadata)))
    return parts


def _split(path, lines, first, metadata):
    """A markdown cell cut at its exercise marks, in plain Markdown."""
    parts, kept, start = [], [], first

    def flush():
        text = "\n".join(kept).strip("\n")
        if text.strip():
            parts.append(Part("markdown", text, start, metadata))
        kept.clear()

    for number, block in _blocks(path, lines, first):
        mark = _MARK.match(block[0])
        if mark:
            flush()
            parts.append(Part("exercise", mark.group(1), number))
        else:
            plain = _plain(path, number, block)
            if not kept:
                start = number
            kept += plain if kept or any(plain) else []
    flush()
    return parts


def _blocks(path, lines, first):
    """(line number, lines) of each fenced block as a whole, and of every other line alone."""
    i = 0
    while i < len(lines):
        fence = _FENCE.match(lines[i])
        end = i
        if fence and "`" not in fence.group(2):  # ```x``` on one line is inline code
            mark = fence.group(1)
            closing = re.compile(rf" {{0,3}}{mark[0]}{{{len(mark)},}}\s*$")
            end = next((j for j in range(i + 1, len(lines)) if closing.match(lines[j])), None)
            if end is None:
                raise SourceError(path, first + i, f"{lines[i].strip()} is never closed")
        yield first + i, lines[i : end + 1]
        i = end + 1


def _plain(path, number, block):
    """The block in Markdown that Jupyter renders: comments dropped, admonitions quoted."""
    if len(block) == 1:
        if block[0].startswith("%"):
            return []
        for pattern, problem in _REFUSED:
            if pattern.search(block[0]):
                raise SourceError(path, number, f"{problem}: {block[0].strip()}")
        return block
    mark, info = _FENCE.match(block[0]).groups()
    directive = _DIRECTIVE.match(info)
    if directive is None:
        if mark[0] == ":":
            raise SourceError(path, number, f"{block[0].strip()} is not a block Jupyter renders")
        return block
    name, title = directive.groups()
    if name not in ADMONITIONS:
        raise SourceError(
            path,
            number,
            f"{{{name}}} is not a block Jupyter renders; there are {', '.join(ADMONITIONS)}",
        )
    body = []
    for at, inner in _blocks(path, block[1:-1], number + 1):
        if _MARK.match(inner[0]):
            raise SourceError(path, at, "an exercise cannot stand inside a block")
        if not (re.match(r":\w+:", inner[0]) and not body):  # an option of the directive
            body += _plain(path, at, inner)
    quoted = [f"**{title or name.capitalize()}**", "", *"\n".join(body).strip("\n").split("\n")]
    return [f"> {line}".rstrip() for line in quoted]
