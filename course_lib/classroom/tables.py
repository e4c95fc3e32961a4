"""Tables that people and spreadsheets read and write (CSV)."""

import csv
import io

from course_lib.authoring import UsageError


def read_table(path, columns, must=True):
    """[(line, row)] of a CSV file with at least these columns. Raises UsageError."""
    if not path.exists() and not must:
        return []
    (_, header), *rows = read_rows(path, skipinitialspace=True) or [(0, [])]
    header = [name.strip() for name in header]
    missing = [c for c in columns if c not in header]
    if missing:
        raise UsageError(
            f"{path} has no column {missing[0]!r}; its first line must name {', '.join(columns)}"
        )
    found = []
    for line, cells in rows:
        cells += [""] * (len(header) - len(cells))
        row = dict(zip(header, cells, strict=False))  # what is beyond the header has no name
        found.append((line, {k: v for k, v in row.items() if k}))
    return found


def read_rows(path, **how):
    """[(line, cells)] of a CSV file, with the header and without empty rows.

    Cells are separated by whatever is most frequent in the first line: commas, semicolons, which
    some spreadsheets write, or tabs. how: more for `csv.reader`. Raises UsageError.
    """
    text = read_text(path)
    mark = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text), delimiter=mark, **how)
    try:
        return [(reader.line_num, cells) for cells in reader if any(cells)]
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num} could not be read: {error}") from None


def read_text(path):
    """The text of a file, in UTF-8. Raises UsageError that says what is there instead."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; a file was wanted")
    try:
        text = path.read_text(encoding="utf-8-sig")
        if "\0" in text:
            raise ValueError
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"there is no file {path}") from None
    except OSError as error:
        raise UsageError(f"{path} could not be read: {error.strerror or error}") from None
    except ValueError:  # UnicodeDecodeError is one
        raise UsageError(
            f"{path} is no text file in UTF-8; a table saved as CSV in UTF-8 was wanted"
        ) from None
    return text


def as_cell(text):
    """A text for a spreadsheet, which must not take it for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
