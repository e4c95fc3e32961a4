"""What Jupyter's server does when a chapter is saved: cards are stored as text, without views.

A view needs its kernel. Reopened without it, JupyterLab would show "model not found" in its place;
so the file keeps each card's text and picture only. `backprop_course.json` tells the server.
"""

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


def without_views(notebook):
    """Removes the views and the state of widgets from a notebook, in place.

    notebook: a notebook (format 4) as nested dicts. Outputs that were nothing but a view go.
    """
    notebook.get("metadata", {}).pop("widgets", None)
    for cell in notebook.get("cells", ()):
        for output in cell.get("outputs", ()):
            for kind in (VIEW, STATE):
                output.get("data", {}).pop(kind, None)
        if "outputs" in cell:
            cell["outputs"] = [o for o in cell["outputs"] if o.get("data", True)]


def _before_saving(model, **_):
    content = model.get("content")
    if model.get("type") == "notebook" and "course" in content.get("metadata", {}):
        without_views(content)


def _jupyter_server_extension_points():
    return [{"module": "course_lib.saving"}]


def _load_jupyter_server_extension(server):
    # Later, when all extensions are there: jupytext's puts another manager in place.
    server.io_loop.add_callback(
        lambda: server.contents_manager.register_pre_save_hook(_before_saving)
    )
