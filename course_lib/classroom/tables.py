"""Tables that people and spreadsheets read and write (CSV)."""

import csv
import io

from course_lib.authoring import UsageError


def read_table(path, columns, must=True):
    """[(line, row)] of a CSV file with at least these columns. Raises UsageError."""
    if not path.exists() and not must:
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} could not be read: {error}") from None
    head = text.partition("\n")[0]
    mark = ";" if head.count(";") > head.count(",") else ","  # some spreadsheets write semicolons
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True, delimiter=mark)
    missing = [c for c in columns if c not in (reader.fieldnames or ())]
    if missing:
        raise UsageError(
            f"{path} has no column {missing[0]!r}; its first line must name {', '.join(columns)}"
        )
    return [(reader.line_num, {k: v or "" for k, v in row.items() if k}) for row in reader]


def as_cell(text):
    """A text for a spreadsheet, which must not take it for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
