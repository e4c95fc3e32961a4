"""The text forms: an answer judged in print, and the block of raw answers that ends a chapter."""

import json

from course_lib import exercises
from course_lib.progress import Progress
from course_lib.widgets.questions import ask

BEGIN = "----- answers of this course: keep this block -----"
END = "----- end of answers -----"


def answer(name, raw, variant=None):
    """Answers the question `name` without its card: judges `raw`, keeps it and prints the verdict.

    raw: an option's letter, a number or its text, rows of entries, letters in order, a line and a
    reason, the entries of a graph, or two factors and an entry. variant: the seed of other numbers.
    """
    card = ask(name, raw, variant)
    print(card.text())


def answers(chapter=None, variant=None):
    """Prints the raw answers to the questions of a chapter ("02"), or of all, as one text block.

    Of a question that was once answered right, that answer, if it is right with the numbers of the
    variant; otherwise the newest. So they travel with the saved notebook, and whoever grades judges
    them again. Raises ValueError for a wrong seed.
    """
    known = exercises.load().values()
    chapters = [chapter] if chapter else sorted({e.chapter for e in known})
    found = {}
    for each in chapters:
        kept = Progress(each).read()
        for item in known:
            record = kept.get(item.name, {})
            if item.chapter == each and item.kind != "code" and "answer" in record:
                raw = best_answer(item.varied(variant), record)
                found.setdefault(each, {})[item.name] = raw
    print(block(found) if found else "No widget answers yet.")


def best_answer(item, record):
    """Of a question's progress record, the answer that counts."""
    right = record.get("passed_answer")
    return right if item.judge(right).passed else record["answer"]


def block(found):
    """{chapter: {question: raw answer}} as the text block, one answer a line."""
    parts = []
    for chapter, given in found.items():
        lines = ",\n".join(
            f"  {json.dumps(name)}: {json.dumps(raw)}" for name, raw in given.items()
        )
        parts.append(f" {json.dumps(chapter)}: {{\n{lines}\n }}")
    return f"{BEGIN}\n{{\n" + ",\n".join(parts) + f"\n}}\n{END}"


def read_answers(text):
    """{chapter: {question: raw answer}} from a text that holds such a block; {} without one.

    Raises ValueError when the block is damaged.
    """
    if BEGIN not in text:
        return {}
    inside = text.split(BEGIN, 1)[1].split(END, 1)[0]
    try:
        found = json.loads(inside)
    except ValueError as error:
        raise ValueError(f"the block of answers is damaged: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
        raise ValueError("the block of answers is damaged: a table by chapter was expected")
    return found
