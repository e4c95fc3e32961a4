"""Reading notebooks: the broken ones of honest learners, and the hostile ones."""

import copy
import json
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import exercises
from course_lib.authoring import Course
from course_lib.classroom import reading
from course_lib.classroom.reading import read
from course_lib.widgets.plain import BEGIN, block

COURSE = Course.find()
PATH = COURSE.notebook("02")
CONTENT = PATH.read_bytes()
ITEMS = exercises.of_chapter("02")
CODE = [item.name for item in ITEMS if item.kind == "code"]
MINE = "def bias_gradient(dY):\n    return dY.sum(axis=0)"
ANSWER = [[1.0, 6.0, 5.0], [1.0, -1.0, 3.0]]


def code(source, outputs=(), **rest):
    cell = {"cell_type": "code", "metadata": {}, "source": source, "outputs": list(outputs)}
    return {"execution_count": None, **cell, **rest}


def text(source, kind="markdown", **rest):
    return {"cell_type": kind, "metadata": {}, "source": source, **rest}


def printed(words):
    return {"output_type": "stream", "name": "stdout", "text": words}


def notebook(*cells, **rest):
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **rest}


def read_02(given, **rest):
    if not isinstance(given, bytes):
        given = json.dumps(given, indent=1).encode()
    return read(given, ITEMS, ("02",), **rest)


def sources(result):
    return [cell["source"] for cell in result.cells]


def the_chapter():
    return json.loads(CONTENT)


def answer_cell(nb, name="bias_gradient"):
    return next(c for c in nb["cells"] if c.get("id") == f"{name}-answer")


# what is whole -----------------------------------------------------------------------------------


@pytest.mark.parametrize("chapter", sorted({i.chapter for i in exercises.load().values()}))
def test_a_chapter_is_read_as_json_reads_it(chapter):
    content = COURSE.notebook(chapter).read_bytes()
    items = exercises.of_chapter(chapter)
    result = read(content, items, (chapter,))
    assert [(c["number"], c["source"]) for c in result.cells] == [
        (i, "".join(c["source"]))
        for i, c in enumerate(json.loads(content)["cells"], 1)
        if c["cell_type"] == "code"
    ]
    names = [item.name for item in items if item.kind == "code"]
    assert sorted(c["exercise"] for c in result.cells if c["role"] == "answer") == sorted(names)
    checks = [c["exercise"] for c in result.cells if c["role"] == "check"]
    assert sorted(checks) == sorted(item.name for item in items)
    assert (result.chapter, result.answers, result.remarks, result.problem) == (chapter, {}, [], "")


def test_nothing_need_be_asked_for():
    result = read(CONTENT, (), ())
    assert len(result.cells) == 37
    assert (result.chapter, result.answers, result.problem) == ("", {}, "")


# encodings and line ends -------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings(encoding):
    result = read_02(json.dumps(notebook(code("é = 'ß'")), ensure_ascii=False).encode(encoding))
    assert sources(result) == ["é = 'ß'"]
    assert result.problem == ""
    assert bool(result.remarks) == (encoding != "utf-8-sig")


def test_latin_1_is_read_where_it_stands():
    good, bad = code("a = 'é'"), code("b = 'é'")
    parts = [json.dumps(c, ensure_ascii=False) for c in (good, bad)]
    content = b'{"cells": [' + parts[0].encode() + b"," + parts[1].encode("latin-1") + b"]}"
    result = read_02(content)
    assert sources(result) == ["a = 'é'", "b = 'é'"]
    assert result.remarks == ["The file is not all UTF-8 text; those places were read as Latin-1."]


def test_line_ends_and_null_bytes():
    result = read_02(notebook(code("a = 1\r\nb = 2\rc = 3"), code("d\0 = 4")))
    assert sources(result) == ["a = 1\nb = 2\nc = 3", "d = 4"]
    assert result.remarks == ["Null bytes in cell 2 were left out."]
    raw = json.dumps(notebook(code("a = 1"))).encode().replace(b"a = 1", b"a\0 = 1")
    assert sources(read_02(raw + b"\0" * 1000)) == ["a = 1"]


def test_lone_surrogates_become_text_that_can_be_stored():
    result = read_02(notebook(code('x = "\ud800"'), code('ask("predict_ones", "\udfff")')))
    assert sources(result)[0] == 'x = "?"'
    assert result.answers == {"predict_ones": "?"}


# no notebook -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b" \n\t", "only blanks"),
        (bytes(5000), "only blanks"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04\0\0", "a zip file"),
        (b"import numpy as np\n", "Python code"),
        (b"hello", "no JSON"),
        (b"[]", "a JSON list"),
        (b"{}", "no list of cells"),
        (b'{"cells": {}}', "no list of cells"),
        (b'{"cells": null, "nbformat": 4}', "no list of cells"),
        (b'{"a": 1, "cells"', "breaks off in line 1"),
        (b'{\n"cells": [\n{"cell_type": "code", "sou', "breaks off in line 3"),
        (b'{"cells": [' + b"[" * 100_000, "breaks off"),
    ],
)
def test_what_is_no_notebook_is_said_in_words(content, words):
    result = read_02(content)
    assert words in result.problem
    assert (result.cells, result.answers) == ([], {})


def test_answers_of_a_bundle_survive_a_notebook_that_does_not():
    result = read_02(b"", bundle_answers={"predict_ones": 0, "unknown": 1})
    assert result.problem
    assert result.answers == {"predict_ones": 0}


def test_a_notebook_without_cells():
    result = read_02(notebook())
    assert (result.problem, result.remarks) == ("", ["The notebook has no cells."])


# damage ------------------------------------------------------------------------------------------


def test_what_stands_before_a_break_is_kept():
    whole = sources(read_02(CONTENT))
    place = CONTENT.index(b'"input_gradient-answer"')
    result = read_02(CONTENT[:place])
    assert sources(result) == whole[: len(result.cells)]
    assert {"linear_forward", "weight_gradient", "bias_gradient"} <= {
        c["exercise"] for c in result.cells
    }
    line = CONTENT[:place].count(b"\n") + 1
    assert f"breaks off in line {line}" in result.remarks[0]
    assert (result.chapter, result.problem) == ("02", "")


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_wherever_it_is_cut_only_the_rest_is_lost(part):
    whole = sources(read_02(CONTENT))
    result = read_02(CONTENT[: int(len(CONTENT) * part)])
    assert sources(result) == whole[: len(result.cells)]
    assert "breaks off" in (result.remarks or [result.problem])[0]


def test_damage_in_the_middle_costs_its_cell_alone():
    whole = sources(read_02(CONTENT))
    place = CONTENT.index(b'"bias_gradient-answer"')
    for broken in (
        CONTENT[:place] + b"}}" + CONTENT[place:],
        CONTENT[:place] + b"[[" + CONTENT[place:],
        CONTENT[:place] + b"}{" + CONTENT[place:],
    ):
        result = read_02(broken)
        lost = [s for s in whole if s not in sources(result)]
        assert all("bias_gradient" in s for s in lost)
        assert sources(result)[-1] == whole[-1]
        assert result.remarks


def test_a_missing_comma_between_cells():
    content = json.dumps(notebook(code("a = 1"), code("b = 2"), code("c = 3"))).encode()
    result = read_02(content.replace(b"}, {", b"} {", 1))
    assert sources(result) == ["a = 1", "b = 2", "c = 3"]
    assert "damaged in line 1" in result.remarks[0]


def test_a_merge_conflict_gives_both_sides():
    lines = json.dumps(notebook(code("a = 1"), code("b = 2")), indent=1).splitlines()
    at = next(i for i, line in enumerate(lines) if '"a = 1"' in line)
    lines[at : at + 1] = [
        *("<<<<<<< HEAD", lines[at]),
        *("=======", lines[at].replace("1", "7"), ">>>>>>> other"),
    ]
    result = read_02("\n".join(lines).encode())
    assert sources(result) == ["a = 7", "b = 2"]
    assert "merge conflict" in result.remarks[0]


def test_what_follows_the_notebook_is_ignored():
    result = read_02(CONTENT + b'\n}\n{"cells": []}')
    assert len(result.cells) == 37
    assert result.remarks == ["What follows after the end of the notebook in the file was ignored."]


def test_a_comma_too_many_and_numbers_that_are_none():
    content = (
        b'{"cells": [{"cell_type": "code", "source": ["x = 1",], "score": NaN,},], "a": Infinity}'
    )
    result = read_02(content.replace(b'",]', b'"]'))
    assert (sources(result), result.problem, result.remarks) == (["x = 1"], "", [])


def test_numbers_too_long_for_python_do_no_harm():
    cell = code("x = 1")
    content = json.dumps(notebook(cell)).replace('"execution_count": null', f'"e": {"9" * 9000}')
    assert sources(read_02(content.encode())) == ["x = 1"]


# cells of every kind -----------------------------------------------------------------------------


def test_cells_that_are_none_and_sources_that_are_no_text():
    cells = [
        *(None, 5, "x", [1]),
        code("a = 1"),
        code(7),
        code(["b = 2\n", 3, None, "c = 3"]),
        code(None),
        {"cell_type": "code"},
        {"source": "d = 4", "outputs": []},
        {"cell_type": 5, "source": "e"},
        code("f = 6", metadata=None, id=4),
        code("g = 7", outputs={"a": 1}),
        {},
    ]
    result = read_02(notebook(*cells))
    assert [c["number"] for c in result.cells] == [5, 6, 7, 8, 9, 10, 12, 13]
    assert sources(result) == ["a = 1", "", "b = 2\nc = 3", "", "", "d = 4", "f = 6", "g = 7"]
    assert len([r for r in result.remarks if "is no cell" in r]) == 4
    assert "Lines of cell 7 that are no text were left out." in result.remarks
    assert "The source of cell 6 is no text; the cell was left empty." in result.remarks


def test_format_3_is_converted():
    old = {
        "metadata": {"name": ""},
        "nbformat": 3,
        "worksheets": [
            {
                "cells": [
                    {"cell_type": "heading", "level": 1, "source": "Title"},
                    {"cell_type": "code", "input": [f"{MINE}\n"], "language": "python"},
                    {
                        "cell_type": "code",
                        "input": "course_lib.answers()",
                        "outputs": [
                            {"output_type": "stream", "text": block({"02": {"predict_ones": 3}})}
                        ],
                    },
                ],
                "metadata": {},
            },
            {"cells": [{"cell_type": "code", "input": "x = 1"}]},
        ],
    }
    result = read_02(old)
    assert sources(result) == [f"{MINE}\n", "course_lib.answers()", "x = 1"]
    assert result.cells[0]["exercise"] == "bias_gradient"
    assert result.answers == {"predict_ones": 3}
    assert result.remarks == ["The notebook is of the old format 3; it was converted."]


@pytest.mark.parametrize("number", [5, 99, "4", None, [4]])
def test_other_format_numbers_are_accepted(number):
    result = read_02(notebook(code("x = 1"), nbformat=number))
    assert (sources(result), result.problem) == (["x = 1"], "")


def test_what_colab_leaves():
    nb = the_chapter()
    for cell in nb["cells"]:
        del cell["id"]
        cell["metadata"] = {"id": "aBcD", "colab": {"base_uri": "x"}}
    nb["metadata"] = {"colab": {"provenance": []}}
    nb["nbformat_minor"] = 0
    result = read_02(nb)
    assert sorted(c["exercise"] for c in result.cells if c["role"] == "answer") == sorted(CODE)
    assert (result.chapter, result.remarks) == ("02", [])


def test_ids_that_colab_moved_to_the_metadata():
    cell = code("x = 1", metadata={"id": "bias_gradient-answer"})
    assert read_02(notebook(cell)).cells[0]["exercise"] == "bias_gradient"


@pytest.mark.parametrize("lost", ["id", "metadata"])
def test_one_of_two_marks_is_enough(lost):
    nb = the_chapter()
    cell = answer_cell(nb)
    cell["source"] = "broken code, which defines nothing ("
    cell.pop(lost)
    (mine,) = [c for c in read_02(nb).cells if c["source"].startswith("broken")]
    assert (mine["exercise"], mine["role"]) == ("bias_gradient", "answer")


def test_duplicated_cells_are_all_kept_and_reported():
    nb = the_chapter()
    again = copy.deepcopy(answer_cell(nb))
    again["source"] = MINE
    nb["cells"].append(again)
    result = read_02(nb)
    assert result.cells[-1]["source"] == MINE
    assert result.cells[-1]["number"] == len(nb["cells"])
    (remark,) = result.remarks
    assert "2 answer cells for bias_gradient" in remark
    assert str(len(nb["cells"])) in remark


@pytest.mark.parametrize("kind", ["markdown", "raw"])
@pytest.mark.parametrize("source", [MINE, f"My answer:\n```python\n{MINE}\n```\nand why"])
@pytest.mark.parametrize("marked", [True, False])
def test_an_answer_that_became_text_is_taken_as_code(kind, source, marked):
    nb = the_chapter()
    cell = answer_cell(nb)
    cell.update(cell_type=kind, source=source)
    if not marked:
        cell.update(metadata={}, id="x")
    result = read_02(nb)
    (mine,) = [
        c for c in result.cells if c["exercise"] == "bias_gradient" and c["role"] == "answer"
    ]
    assert mine["source"].strip() == MINE
    assert mine["number"] == nb["cells"].index(cell) + 1
    assert result.remarks == [
        f"Cell {mine['number']} with bias_gradient is a {kind} cell; it was taken as code."
    ]


def test_text_that_repeats_what_code_defines_stays_text():
    nb = the_chapter()
    nb["cells"].append(text(MINE))
    result = read_02(nb)
    assert (len(result.cells), result.remarks) == (37, [])


def test_too_many_cells_and_too_much_source(monkeypatch):
    monkeypatch.setattr(reading, "MOST_CELLS", 3)
    result = read_02(notebook(*[code(f"x = {i}") for i in range(5)]))
    assert len(result.cells) == 3
    assert "too long" in result.remarks[0]
    monkeypatch.setattr(reading, "MOST_SOURCE", 100)
    result = read_02(notebook(code("x = 1"), code("y" * 70), code("z" * 70), code("w" * 200)))
    assert [s[0] for s in sources(result)] == ["x", "y"]


def test_remarks_are_limited():
    result = read_02(notebook(*["x"] * 500))
    assert len(result.remarks) == 31
    assert "471 more" in result.remarks[-1]


# answers -----------------------------------------------------------------------------------------


def ends(given, **rest):
    return code("course_lib.answers()", [printed(block(given))], **rest)


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("shape", ["stream", "plain", "markdown", "quoted", "code", "raw"])
def test_the_block_of_answers_wherever_it_stands(shape, split):
    words = f"Before\n{block({'02': {'dW_by_hand': ANSWER, 'bias': 1}, '03': {'x': 2}})}\nafter"
    quoted = "\n".join(f"> {line}" for line in words.splitlines())
    comment = "\n".join(f"# {line}" for line in words.splitlines())
    parts = {"quoted": quoted, "code": comment}.get(shape, words)
    parts = parts.splitlines(keepends=True) if split else parts
    cell = {
        "stream": code("x", [5, {}, printed("hello"), printed(parts)]),
        "plain": code("x", [{"output_type": "display_data", "data": {"text/plain": parts}}]),
        "markdown": text(parts),
        "quoted": text(parts),
        "code": code(parts),
        "raw": text(parts, kind="raw"),
    }[shape]
    result = read_02(notebook(cell))
    assert (result.answers, result.remarks) == ({"dW_by_hand": ANSWER}, [])


def test_of_two_different_answers_a_right_one_counts_else_the_last():
    def counted(*letters):
        cells = [ends({"02": {"why_the_batch_adds": letter}}) for letter in letters]
        result = read_02(notebook(*cells))
        return result.answers["why_the_batch_adds"], result.remarks

    assert counted("c", "c") == ("c", [])
    two = ["There are 2 different answers to why_the_batch_adds; the last right one counts."]
    assert counted("a", "c") == ("c", two)
    assert counted("b", "c") == counted("c", "b") == counted("b", "c", "c", "b") == ("b", two)
    last, remarks = counted("a", "b", "c", "d")  # all that there are
    assert last == "d"
    assert remarks == [
        "There are 4 different answers to why_the_batch_adds; the last one counts.",
    ]
    assert counted("a", "c", "b")[0] == "b"


def test_the_sources_of_answers_have_an_order():
    cells = [ends({"02": {"why_the_batch_adds": "a"}}), code('answer("why_the_batch_adds", "d")')]
    assert read_02(notebook(*cells)).answers == {"why_the_batch_adds": "d"}
    given = {"why_the_batch_adds": "c"}
    assert read_02(notebook(*cells), bundle_answers=given).answers == given


def test_a_bundle_may_group_its_answers_by_chapter():
    given = {"02": {"predict_ones": 1}, "03": 5, "dW_by_hand": ANSWER}
    result = read_02(notebook(code("")), bundle_answers=given)
    assert result.answers == {"predict_ones": 1, "dW_by_hand": ANSWER}
    assert read_02(notebook(code("")), bundle_answers=[1]).answers == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('ask("dW_by_hand", answer=[[1, 6, 5], [1, -1, 3]])', [[1, 6, 5], [1, -1, 3]]),
        ("ask('dW_by_hand', ((1, 6), ))", [[1, 6]]),
        ('course_lib.answer("dW_by_hand",\n    [[1],  # one ) here\n     [2]]\n)', [[1], [2]]),
        ('card = ask("dW_by_hand", answer="a)b")', "a)b"),
        ('print(ask("dW_by_hand", answer={"left": "X^T"}))', {"left": "X^T"}),
        ('answer("dW_by_hand", np.array([[1, 2]]))', [[1, 2]]),
        ('answer("dW_by_hand", raw=-3)', -3),
        ('ask("dW_by_hand", variant=7, answer=4)', 4),
        ('if True:\n    answer("dW_by_hand", 0.5)', 0.5),
        ('ask("dW_by_hand")', None),
        ('ask("dW_by_hand", variant=7)', None),
        ('# ask("dW_by_hand", 5)', None),
        ('ask("unknown", 5)', None),
        ('task("dW_by_hand", 5)', None),
    ],
)
def test_answers_written_out_in_the_code(source, expected):
    result = read_02(notebook(code(source)))
    assert result.answers == ({} if expected is None else {"dW_by_hand": expected})
    assert result.remarks == []


@pytest.mark.parametrize(
    "source",
    [
        'ask("dW_by_hand", answer=my_answer)',
        'ask("dW_by_hand", __import__("os").getcwd())',
        'ask("dW_by_hand", [[1, 2',
        'ask("dW_by_hand", ' + "[" * 2000 + "]" * 2000 + ")",
        'ask("dW_by_hand", ' + "-" * 15_000 + "1)",
        'ask("dW_by_hand", "' + "x" * 100_000 + '")',
        'ask("dW_by_hand", 1 +)',
    ],
)
def test_what_is_no_value_is_not_run_and_said(source):
    result = read_02(notebook(code(source)))
    assert result.answers == {}
    (remark,) = result.remarks
    assert "dW_by_hand" in remark
    assert len(remark) < 200


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([[[[[[[1]]]]]]], "nested too deeply"),
        ("x" * 30_000, "30,002 bytes"),
        (float("nan"), "no plain value"),
        ([1e999], "no plain value"),
    ],
)
def test_answers_too_large_or_odd_are_dropped(raw, words):
    for result in (
        read_02(notebook(ends({"02": {"dW_by_hand": raw, "predict_ones": 2}}))),
        read_02(notebook(code("")), bundle_answers={"dW_by_hand": raw, "predict_ones": 2}),
    ):
        assert result.answers == {"predict_ones": 2}
        assert words in result.remarks[0]


@pytest.mark.parametrize("source", ["{1, 2}", "b'x'", "1j", "...", "{(1, 2): 3}", str(10**4299)])
def test_python_values_that_are_no_json(source):
    result = read_02(notebook(code(f'ask("dW_by_hand", {source})')))
    assert "dW_by_hand" not in result.answers or source.isdigit()


def test_a_damaged_block_is_read_line_by_line():
    given = block({"02": {"predict_ones": 1, "dW_by_hand": ANSWER, "why_the_batch_adds": "b"}})
    for damaged in (
        given.replace('"b"', '"b'),
        given[: given.index('"why')],
        given.replace("{", "", 1),
    ):
        result = read_02(notebook(code("x", [printed(damaged)])))
        assert result.answers["predict_ones"] == 1
        assert result.answers["dW_by_hand"] == ANSWER
        assert "damaged" in result.remarks[0]


def test_a_block_nested_without_end():
    deep = block({"02": {"predict_ones": 1}}).replace(": 1", ": " + "[" * 50_000)
    result = read_02(notebook(code("x", [printed(deep)])))
    assert result.answers == {}
    assert "damaged" in result.remarks[0]


def test_answers_to_other_chapters_are_left_alone():
    result = read_02(notebook(ends({"03": {"gate_by_hand": [1]}, "02": {"predict_ones": 1}})))
    assert result.answers == {"predict_ones": 1}


# which chapter -----------------------------------------------------------------------------------

BOTH = ITEMS + exercises.of_chapter("03")


@pytest.mark.parametrize(
    ("told", "hint", "cells", "expected"),
    [
        ("03", "02_x.ipynb", [], "03"),
        (None, "02_linear_layer.ipynb", [], "02"),
        (None, "doe_1_2_03_relu-1.ipynb", [], "03"),
        (None, "Chapter 2.ipynb", [], "02"),
        (None, "my_chapter_03 final.ipynb", [], "03"),
        (None, "ch02.ipynb", [], "02"),
        (None, "chapter 23.ipynb", [], ""),
        (None, "2026-02-03.ipynb", [], ""),
        (None, "x.ipynb", [code(MINE)], "02"),
        (None, "x.ipynb", [code("def relu_forward(z):\n    return z")], "03"),
        (None, "x.ipynb", [ends({"03": {"blocked_gate": 1}})], "03"),
        (["03"], "x.ipynb", [], ""),
        (5, "", [code("x")], ""),
    ],
)
def test_the_chapter_is_told_by_the_best_sign(told, hint, cells, expected):
    nb = notebook(*cells, metadata={"course": {"chapter": told}})
    assert read(json.dumps(nb).encode(), BOTH, ("02", "03"), hint=hint).chapter == expected


def test_the_only_chapter_is_meant_unless_the_notebook_says_another():
    assert read_02(notebook(code("x"))).chapter == "02"
    result = read_02(notebook(code("x"), metadata={"course": {"chapter": "05"}}))
    assert result.chapter == ""
    assert result.remarks == ["This is chapter 05, which is not asked for here."]


@pytest.mark.parametrize("metadata", [None, 5, [], {"course": 5}, {"course": {"chapter": {}}}])
def test_metadata_of_any_kind(metadata):
    assert read_02(notebook(code("x"), metadata=metadata)).chapter == "02"


# what is hostile or huge -------------------------------------------------------------------------


def timed(content, most=5):
    began = time.process_time()
    result = read_02(content)
    assert time.process_time() - began < most
    return result


def test_a_hundred_megabytes_of_output():
    nb = the_chapter()
    nb["cells"][4].update(cell_type="code", source="x", outputs=["HERE"])
    line = json.dumps('a "line" \\ of output, 1.25\n')
    outputs = '{"output_type": "stream", "text": [' + ",\n   ".join([line] * 2_500_000) + "]}"
    content = json.dumps(nb).replace('"HERE"', outputs).encode()
    assert len(content) > 90_000_000
    result = timed(content)
    assert (len(result.cells), result.remarks) == (38, [])


@pytest.mark.parametrize(
    "content",
    [
        b'{"cells":[{"cell_type":"code","source":"x=1","outputs":[' + b"[]," * 5_000_000 + b"0]}]}",
        b'{"cells":[{"cell_type":"code","source":"x=1","outputs":' + b"[" * 20_000_000,
        b'{"cells":[{"cell_type":"code","source":' + b"[" * 20_000_000 + b"]" * 20_000_000 + b"}]}",
        b'{"cells":[{"cell_type":"code","source":[' + b"[]," * 8_000_000 + b"0]}]}",
        b'{"cells":[' + b"{}," * 5_000_000 + b"0]}",
        b'{"cells":[' + b'{"cell_type":[' * 1_000_000,
        b'{"cells":[' + b'{"cell_type":"' * 1_000_000,
        b"{" + b'"a":1,' * 3_000_000,
        b'{"cells":[{"cell_type":"code","source":"' + b"\\" * 20_000_000,
        b'{"metadata":' + b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000 + b',"cells":[]}',
        b'{"cells":[{"cell_type":"code","source":"'
        + b'ask(\\"predict_ones\\", \\n' * 500_000
        + b'"}]}',
        b'{"cells":[{"cell_type":"code","source":"' + b"def bias_gradient\\n" * 500_000 + b'"}]}',
        b'{"cells":[{"cell_type":"markdown","source":"' + b"```a\\n" * 500_000 + b'"}]}',
        b'{"cells":[{"cell_type":"code","source":"' + b"a" * 15_000_000 + b'"}]}',
    ],
    ids=range(14),
)
def test_bombs_are_read_in_bounded_time(content):
    result = timed(content)
    assert result.problem or len(result.cells) <= 5000


def test_deep_outputs_and_metadata_cost_nothing():
    deep = "[" * 50_000 + "]" * 50_000
    content = json.dumps(notebook(code("x = 1", ["HERE"], metadata={"a": "HERE"}), code("y = 2")))
    result = read_02(content.replace('"HERE"', deep).encode())
    assert (sources(result), result.problem, result.remarks) == (["x = 1", "y = 2"], "", [])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise(content):
    for given_bytes in (content, b'{"cells": [' + content, b'{"cells": [{"source": ' + content):
        result = read_02(given_bytes)
        assert isinstance(result.problem, str)
        assert result.problem or result.cells or result.remarks


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_mutated_notebooks_never_raise(data):
    nb = the_chapter()
    for _ in range(data.draw(st.integers(1, 5))):
        cell = data.draw(st.sampled_from(nb["cells"]))
        if not isinstance(cell, dict):
            continue
        match data.draw(st.integers(0, 4)):
            case 0:
                cell.pop(
                    data.draw(st.sampled_from(["id", "metadata", "source", "cell_type"])), None
                )
            case 1:
                key = data.draw(
                    st.sampled_from(["id", "metadata", "source", "cell_type", "outputs"])
                )
                cell[key] = data.draw(values)
            case 2:
                nb["cells"].insert(0, copy.deepcopy(cell))
            case 3:
                nb["cells"][-1] = data.draw(values)
            case 4:
                key = data.draw(st.sampled_from(["metadata", "nbformat", "worksheets"]))
                nb[key] = data.draw(values)
    result = read_02(nb)
    assert result.problem == ""
    assert result.cells


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_mutated_bytes_never_raise(data):
    content = bytearray(CONTENT)
    for _ in range(data.draw(st.integers(1, 8))):
        start = data.draw(st.integers(0, len(content)))
        end = start + data.draw(st.sampled_from([0, 1, 1, 10, 5000]))
        content[start:end] = data.draw(st.binary(max_size=5) | st.sampled_from([b"{", b'"', b"]"]))
    began = time.process_time()
    result = read_02(bytes(content))
    assert time.process_time() - began < 3
    assert result.problem or result.cells or result.remarks


@settings(max_examples=100, deadline=None)
@given(values)
def test_bundle_answers_of_any_kind_never_raise(raw):
    for given_answers in (
        raw,
        {"dW_by_hand": raw},
        {"02": raw},
        {item.name: raw for item in ITEMS},
    ):
        answers = read_02(notebook(code("x")), bundle_answers=given_answers).answers
        json.dumps(answers, allow_nan=False).encode()


NAMED = 'answer("why_the_batch_adds", '
SLOW = {
    # what a pattern could go through again and again
    "blanks in a block": printed(block({}) + f'\n"a": 1{" " * 19_900}x' * 200),
    "a block in blanks": printed(BEGIN + f'\n"a": 1{" " * 19_900}x' * 200),
    "quotation marks that do not end": f"{NAMED}'" + "\\'" * 19_000,
    "calls that do not end": f"{NAMED}\n" * 100_000,
    "blanks": " " * 2_000_000 + "x",
    "words": "a" * 2_000_000,
    "dots": "a." * 1_000_000,
}


@pytest.mark.parametrize("what", SLOW.values(), ids=SLOW)
def test_reading_takes_no_longer_than_the_text_is_long(what):
    cells = (
        [code("", [what])] if isinstance(what, dict) else [code(f"{what}\n# {k}") for k in range(9)]
    )
    start = time.process_time()
    read_02(notebook(*cells))
    assert time.process_time() - start < 20  # minutes, where it goes with the square


def test_a_key_without_a_value_at_the_end_of_many_blanks():
    start = time.process_time()
    given = b'{"cells": [], "a"' + b" " * 300_000 + b"x}"
    assert "is damaged in line 1" in read_02(given).problem
    assert time.process_time() - start < 20  # minutes


def test_what_is_not_utf_8_may_not_be_as_large(monkeypatch):
    monkeypatch.setattr(reading, "_LARGEST_OTHER", 2**20)
    large = json.dumps(notebook(text("x" * 2**20))).encode("utf-16")
    assert "is stored as UTF-16 and has 2 MB; 1 MB at the most" in read_02(large).problem
    assert not read_02(large.decode("utf-16").encode()).problem


@pytest.mark.parametrize("content", [b"x" * 2**20, b"\0 " * 2**19, b"{" + b" " * 2**20], ids=len)
def test_a_file_may_not_be_as_large_as_one_likes(content, monkeypatch):
    monkeypatch.setattr(reading, "_LARGEST", 2**20 - 1)
    assert "The file has 1 MB; 0 MB at the most" in read_02(content).problem


@pytest.mark.parametrize("piece", range(1, 9))
def test_escapes_are_told_wherever_a_piece_ends(piece, monkeypatch):
    monkeypatch.setattr(reading, "_PIECE", piece)
    sources = ['a = "\\\\"', 'b = "\\\\\\""  # \\', "\\", '"', '\\"\\\\"', "x"]
    given = notebook(*map(code, sources))
    assert [cell["source"] for cell in read_02(given).cells] == sources


def test_a_large_notebook_is_copied_once(monkeypatch):
    monkeypatch.setattr(reading, "_PIECE", 2**16)
    given = b'{"a": "\\n' * 2**20
    tracemalloc.start()
    try:
        reading._Json(given)
        assert tracemalloc.get_traced_memory()[1] < 1.5 * len(given)
    finally:
        tracemalloc.stop()


def test_after_many_damaged_places_a_large_file_is_not_walked_again_each_time(monkeypatch):
    steps = []
    walk = reading._Json.after
    monkeypatch.setattr(reading._Json, "after", lambda self, at: steps.append(at) or walk(self, at))
    opened = b'{"cells": [' + b'{"cell_type": {' * 150
    read_02(opened + b'"a", ' * 1_000)
    many = len(steps)
    monkeypatch.setattr(reading, "_MOST_AGAIN", 20_000)
    read_02(opened + b'"a", ' * 1_000)
    assert (len(steps) - many) * 10 < many


def test_what_is_parsed_has_a_limit_in_all(monkeypatch):
    large = {"output_type": "stream", "text": BEGIN, "more": ["x" * 50_000]}
    given = notebook({**code("x"), "outputs": [large] * 100})
    wanted = "An output of cell 1 with answers is damaged or too large."
    assert wanted not in read_02(given).remarks
    monkeypatch.setattr(reading, "_MOST_TOKENS", 100_000)  # far more than the walk takes
    assert wanted in read_02(given).remarks


def test_a_damaged_block_is_read_up_to_a_number_of_lines(monkeypatch):
    monkeypatch.setattr(reading, "_MOST_LINES", 5)
    lines = ['"why_the_batch_adds": "c",', *["-"] * 9, '"dW_by_hand": [[1]],']
    shown = printed("\n".join([BEGIN, *lines]))
    assert read_02(notebook(code("", [shown]))).answers == {"why_the_batch_adds": "c"}
