"""Pictures that move: drawn once, then only what changes is drawn anew."""

from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imsave

from course_lib.viz.picture import DPI, Picture
from course_lib.viz.style import styled


class Moving:
    """A figure whose moving parts follow a scene.

    A subclass has `draw(scene)`, which makes `self.figure` with all it shows and names what will
    move with `moves(...)`; `update(scene)`, which sets the moving parts; and `say(scene)`, the
    picture in words. A scene is whatever the explorer's `compute` gives.
    """

    @styled
    def __init__(self, scene):
        self._moving, self._still = [], None
        self.draw(scene)
        self._canvas = FigureCanvasAgg(self.figure)
        self.figure.set_dpi(DPI)
        self.update(scene)

    def draw(self, scene):
        raise NotImplementedError

    def update(self, scene):
        raise NotImplementedError

    def say(self, scene):
        raise NotImplementedError

    def at(self, x, y):
        """{control: value} for a click at (x, y), in pixels from the lower left; {} for none."""
        return {}

    def moves(self, *artists):
        """Names artists that change with the scene; gives them back (one as itself)."""
        for artist in artists:
            artist.set_animated(True)  # left out when the still part is drawn
        self._moving += artists
        return artists[0] if len(artists) == 1 else artists

    def redraw(self):
        """For `update`: what stands still changes, too: the limits of an axis, the size."""
        self._still = None

    @property
    def size(self):
        """Width and height in pixels."""
        return self._canvas.get_width_height()

    @styled
    def frame(self, scene) -> bytes:
        """The picture of a scene, as a PNG file."""
        self.update(scene)
        if self._still is None:
            self._canvas.draw()
            self.figure.set_layout_engine("none")  # a constrained layout moves a little each time
            self._still = self._canvas.copy_from_bbox(self.figure.bbox)
        self._canvas.restore_region(self._still)
        for artist in sorted(self._moving, key=lambda a: a.get_zorder()):
            if artist.get_visible():
                self.figure.draw_artist(artist)
        buffer = BytesIO()
        # Little compression: a larger file arrives sooner than a smaller one is made.
        imsave(buffer, self._canvas.buffer_rgba(), format="png", pil_kwargs={"compress_level": 1})
        return buffer.getvalue()

    def picture(self, scene) -> Picture:
        """The scene as a picture that stays, on a figure of its own."""
        still = type(self)(scene)
        for artist in still._moving:
            artist.set_animated(False)  # a figure leaves its own animated texts out of a file
        return Picture(still.figure, self.say(scene))
