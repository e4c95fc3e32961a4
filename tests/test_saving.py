"""A chapter that is saved keeps each card's text and picture, and nothing that needs its kernel."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace

from course_lib import saving

VIEW = {saving.VIEW: {"model_id": "1", "version_major": 2, "version_minor": 0}}


def notebook():
    """A chapter as JupyterLab sends it: a card, a printed line, a cell without output, words."""
    card = {"output_type": "execute_result", "data": {"text/plain": "A card", **VIEW}}
    bare = {"output_type": "display_data", "data": dict(VIEW)}
    stream = {"output_type": "stream", "name": "stdout", "text": "hello"}
    return {
        "cells": [
            {"cell_type": "code", "outputs": [card, stream, bare]},
            {"cell_type": "code", "outputs": []},
            {"cell_type": "markdown", "source": "words"},
        ],
        "metadata": {"course": {"chapter": "01"}, "widgets": {saving.STATE: {}}},
    }


def test_views_and_state_go_and_all_else_stays():
    content = notebook()
    saving.without_views(content)
    outputs = content["cells"][0]["outputs"]
    assert [o.get("data", o.get("text")) for o in outputs] == [{"text/plain": "A card"}, "hello"]
    assert content["metadata"] == {"course": {"chapter": "01"}}
    assert content["cells"][2] == {"cell_type": "markdown", "source": "words"}


def test_the_server_is_told_and_touches_chapters_only():
    hooks = []
    contents = SimpleNamespace(register_pre_save_hook=hooks.append)
    later = []
    server = SimpleNamespace(io_loop=SimpleNamespace(add_callback=later.append))
    saving._load_jupyter_server_extension(server)
    server.contents_manager = contents  # another extension may put one in place after ours
    later[0]()
    (hook,) = hooks
    chapter, other = notebook(), notebook()
    del other["metadata"]["course"]
    before = copy.deepcopy(other)
    for content in (chapter, other):
        hook({"type": "notebook", "content": content}, path="x.ipynb", contents_manager=contents)
    hook({"type": "file", "content": "text"}, path="x.txt", contents_manager=contents)
    assert saving.VIEW not in json.dumps(chapter)
    assert other == before


def test_the_configuration_names_the_module():
    file = Path(saving.__file__).with_name("backprop_course.json")
    config = json.loads(file.read_text(encoding="utf-8"))
    (point,) = saving._jupyter_server_extension_points()
    assert config["ServerApp"]["jpserver_extensions"] == {point["module"]: True}
    assert point["module"] == saving.__name__
