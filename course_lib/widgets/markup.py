"""Text, numbers and arrays as HTML. Whatever comes in is escaped; nothing is taken as HTML."""

import re
from html import escape

import numpy as np

_KEPT = re.compile(r"(`[^`\n]+`|\$\$[^$]+\$\$|\$[^$\n]+\$)")
_ITEM = re.compile(r"\s*(?:[-*]|\d+[.)])\s+")


def inline(text):
    """One line of Markdown: `code`, **bold**, *italic*; LaTeX between $ is left as it is."""
    kept = []

    def put_aside(match):
        piece = match.group()
        code = f"<code>{escape(piece[1:-1])}</code>"
        kept.append(code if piece.startswith("`") else escape(piece))
        return f"\0{len(kept) - 1}\0"

    text = escape(_KEPT.sub(put_aside, text.replace("\0", "")))
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    text = re.sub(r"(?<![\w*])\*(?!\s)([^*]+?)(?<!\s)\*(?![\w*])", r"<em>\1</em>", text)
    return re.sub(r"\0(\d+)\0", lambda m: kept[int(m.group(1))], text)


def message(text):
    """A verdict's message: its first sentence stands out, `code` between backticks."""
    first, _, rest = first_sentence(text)
    rest = f" {literal(rest)}" if rest else ""
    return f"<strong>{literal(first)}</strong>{rest}"


def literal(text):
    """Escaped text in which only `code` means something: learners' own lines may be in it.

    A $ in an element of its own is no LaTeX to the typesetter.
    """
    parts = re.split(r"`([^`\n]+)`", text)
    return "".join(
        f"<code>{escape(p)}</code>" if i % 2 else escape(p).replace("$", "<span>$</span>")
        for i, p in enumerate(parts)
    )


def first_sentence(text):
    """(the first sentence, the space behind it, the rest) of a message, as `str.partition` does."""
    end = re.search(r"[.!?]\s+(?=[A-Z`])", text)
    return (text[: end.start() + 1], " ", text[end.end() :]) if end else (text, "", "")


def prose(text):
    """Paragraphs, lists and ``` blocks of Markdown as HTML."""
    html = []
    for i, piece in enumerate(re.split(r"^```\w*\n(.*?)^```\s*$", text, flags=re.M | re.S)):
        if i % 2:
            html.append(f"<pre>{escape(piece.rstrip())}</pre>")
        else:
            html += [_block(b) for b in re.split(r"\n\s*\n", piece.strip("\n")) if b.strip()]
    return "".join(html)


def _block(text):
    html, words, items, ordered = [], [], [], False
    for line in text.splitlines():
        if _ITEM.match(line):
            ordered = ordered or line.strip()[0].isdigit()
            items.append([_ITEM.sub("", line, count=1)])
        elif items:
            items[-1].append(line.strip())
        else:
            words.append(line.strip())
    if words:
        html.append(f"<p>{inline(' '.join(words))}</p>")
    if items:
        tag = "ol" if ordered else "ul"
        entries = "".join(f"<li>{inline(' '.join(item))}</li>" for item in items)
        html.append(f"<{tag}>{entries}</{tag}>")
    return "".join(html)


# numbers and arrays ----------------------------------------------------------------------------


def number(value, digits=4):
    """A number at `digits` significant digits, without a negative zero."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(value)
    if isinstance(value, (complex, np.complexfloating)):
        return f"{value:.{digits}g}"
    return f"{value + 0.0:.{digits}g}".replace("-", "\u2212")


def digits_that_tell(got, want, differ):
    """The fewest significant digits, from 4, at which every differing pair of entries looks so."""
    for digits in (4, 6, 9, 12, 17):
        if all(
            number(a, digits) != number(b, digits)
            for a, b in zip(got[differ], want[differ], strict=True)
        ):
            return digits
    return 17


def as_matrix(array, largest=8):
    """The array as a matrix to show (a vector is one row); None if it is no array or too large."""
    if not isinstance(array, (np.ndarray, np.number, int, float, complex)):
        return None
    array = np.asarray(array)
    if array.ndim > 2 or array.dtype.kind not in "bifuc" or array.size == 0:
        return None
    matrix = np.atleast_2d(array)
    return matrix if max(matrix.shape) <= largest else None


def array_table(caption, array, differ=None, digits=4):
    """A small matrix as an HTML table; entries where `differ` is true get ✗, colour and border."""
    rows = []
    for i, row in enumerate(array):
        cells = []
        for j, value in enumerate(row):
            if differ is not None and differ[i, j]:
                cells.append(f'<td class="bp-differs">✗ {number(value, digits)}</td>')
            else:
                cells.append(f"<td>{number(value, digits)}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<table class="bp-array"><caption>{escape(caption)}</caption>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def array_text(array, differ=None, digits=4):
    """A small matrix as text, a row a line; entries where `differ` is true get ✗."""
    marks = np.zeros(array.shape, bool) if differ is None else differ
    cells = [
        [f"{'✗ ' if d else ''}{number(v, digits)}" for v, d in zip(row, bad, strict=True)]
        for row, bad in zip(array, marks, strict=True)
    ]
    width = max(len(cell) for row in cells for cell in row)
    return "\n       ".join("  ".join(cell.rjust(width) for cell in row) for row in cells)
