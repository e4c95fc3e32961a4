"""A figure together with the words that say what it shows."""

from base64 import b64encode
from html import escape
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from course_lib.viz.style import styled

DPI = 110


class Picture:
    """A matplotlib figure and its text alternative.

    In a notebook it shows as a PNG that carries the alternative as `alt` text; everywhere else,
    and as its `repr`, it is the text. The same figure always gives the same bytes.
    """

    def __init__(self, figure: Figure, text: str):
        self.figure = figure
        self.text = text

    @styled
    def png(self) -> bytes:
        """The picture as a PNG file on white, so that it can be read on a dark page too."""
        buffer = BytesIO()
        # Naming the software would make the bytes depend on matplotlib's version.
        self.figure.savefig(
            buffer, format="png", dpi=DPI, facecolor="white", metadata={"Software": None}
        )
        # A constrained layout moves things a little at every drawing; keep what it found first.
        self.figure.set_layout_engine("none")
        return buffer.getvalue()

    def html(self) -> str:
        """An <img> element that holds the PNG and its alternative."""
        return self._img(b64encode(self.png()).decode("ascii"))

    def save(self, path: str | Path) -> None:
        """Write the PNG to `path`."""
        Path(path).write_bytes(self.png())

    def _img(self, png: str) -> str:
        return (
            f'<img alt="{escape(self.text)}" src="data:image/png;base64,{png}" '
            'style="max-width:100%">'
        )

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        png = b64encode(self.png()).decode("ascii")
        return {"image/png": png, "text/html": self._img(png), "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text
