"""Convolution and pooling: windows, kernels, feature maps, and who touches whom."""

from collections.abc import Mapping, Sequence
from string import ascii_letters

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from course_lib.functional import (
    average_pool_backward,
    average_pool_forward,
    conv2d_forward,
    max_pool_backward,
    max_pool_forward,
)
from course_lib.viz.grids import Grid, Pixels, break_row, compose
from course_lib.viz.picture import Picture
from course_lib.viz.style import (
    COLORS,
    MAX_WIDTH,
    SMALL,
    count,
    inch_canvas,
    number,
    shown,
    styled,
    text_width,
)

LARGEST_WITH_NUMBERS = 8  # rows or columns; larger images are shown as pictures
LARGEST_KERNEL = 5


@styled
def draw_window(
    image: np.ndarray,
    kernel: np.ndarray,
    position: tuple[int, int],
    result: np.ndarray | None = None,
    stride: int = 1,
    padding: int = 0,
    bias: float = 0.0,
) -> Picture:
    """Draw one window of a convolution: what it covers, times the kernel, added up.

    image (H, W), with numbers up to 8 x 8 and as a picture above; kernel (K, K), K up to 5;
    position: row and column of the output entry. result: the feature map (Ho, Wo) as far as it is
    computed, nan elsewhere; by default all of it. Numbers of a picture have two decimals.
    Raises ValueError for other shapes, or a position outside the feature map.
    """
    image, kernel = np.asarray(image, dtype=float), np.asarray(kernel, dtype=float)
    size = len(kernel)
    if image.ndim != 2:
        raise ValueError(f"image has shape {image.shape}, expected (H, W)")
    if kernel.shape != (size, size) or not 1 <= size <= LARGEST_KERNEL:
        raise ValueError(
            f"kernel has shape {kernel.shape}, expected (K, K) with K from 1 to {LARGEST_KERNEL}"
        )
    y, _ = conv2d_forward(
        image[None, :, :, None], kernel[:, :, None, None], np.array([bias]), stride, padding
    )
    y = y[0, :, :, 0]
    i, j = position
    if not (0 <= i < y.shape[0] and 0 <= j < y.shape[1]):
        raise ValueError(f"position is ({i}, {j}), but the feature map has shape {y.shape}")
    result = y if result is None else np.asarray(result, dtype=float)
    if result.shape != y.shape:
        raise ValueError(f"result has shape {result.shape}, expected {y.shape}")

    padded = np.pad(image, padding)
    row, column = i * stride, j * stride
    window = padded[row : row + size, column : column + size]
    outline = (row, column, size, size)
    small = max(padded.shape) <= LARGEST_WITH_NUMBERS
    numbers = _numbers if small else _two_decimals
    title = f"image {image.shape}" + (f", padding {padding}" if padding else "")
    if small:
        top = [
            Grid(title, _numbers(padded), _border(padded.shape, padding), [outline]),
            "\N{RIGHTWARDS ARROW}",
            Grid(f"feature map {y.shape}", _numbers(result), {(i, j): "marked"}),
        ]
    else:
        pixel = 2.6 / max(padded.shape)
        top = [
            Pixels(title, padded, 2.6, {outline: ""}, cmap="gray_r"),
            "\N{RIGHTWARDS ARROW}",
            Pixels(
                f"feature map {y.shape}", result, pixel * max(y.shape), {(i, j, 1, 1): ""},
                **_greys(y),
            ),
        ]  # fmt: skip
    bottom = [
        Grid(f"window [{i}, {j}]", numbers(window)),
        "\N{MULTIPLICATION SIGN}",
        Grid("kernel", numbers(kernel)),
        "=",
        Grid("products", numbers(window * kernel)),
    ]
    total, value = (float(numbers(v)) for v in ((window * kernel).sum(), y[i, j]))
    plus = f", plus the bias {shown(bias)}" if bias else ""
    caption = f"The products add up to {shown(total)}{plus}"
    caption += f": feature map [{i}, {j}] = {shown(value)}."
    if not small:
        caption += f"\n{_key(y)} Numbers are rounded."
    text = (
        f"One step of a convolution, stride {stride}, padding {padding}. Window [{i}, {j}] of the "
        f"image {image.shape} is {_said(window, numbers)}, the kernel {_said(kernel, numbers)}, "
        f"the products are {_said(window * kernel, numbers)} and add up to {number(total)}"
        + (f", plus the bias {number(bias)}" if bias else "")
        + f": feature map [{i}, {j}] = {number(value)}, of shape {y.shape}."
    )
    return Picture(compose(break_row(top) + break_row(bottom, caption)), text)


def _numbers(array) -> np.ndarray:
    """Numbers as words; nan, which stands for "not yet", as none."""
    return np.vectorize(lambda v: "" if np.isnan(v) else number(v), otypes=[str])(array)[()]


def _two_decimals(array) -> np.ndarray:
    return _numbers(np.round(array, 2))


def _short(x) -> str:
    return number(float(f"{x:.2g}"))


def _said(array, numbers) -> str:
    return "[" + ", ".join("[" + ", ".join(row) + "]" for row in numbers(array)) + "]"


def _border(shape, padding: int, look: str = "padding") -> dict[tuple[int, int], str]:
    inside = np.zeros(shape, dtype=bool)
    inside[padding : shape[0] - padding, padding : shape[1] - padding] = True
    return {(int(r), int(c)): look for r, c in np.argwhere(~inside)}


def _greys(values) -> dict:
    """A scale for imshow, the darker the larger; what is below 0 is lighter than 0."""
    end = float(np.abs(values).max()) or 1.0
    return {"cmap": "gray_r", "vmin": -end if values.min() < 0 else 0.0, "vmax": end}


def _key(values) -> str:
    if values.min() < 0:
        return "In the feature map grey is 0, darker is above 0, lighter below."
    return "In the feature map white is 0, darker is above."


@styled
def draw_kernels(
    W: np.ndarray | Mapping[str, np.ndarray], names: Sequence[str] | None = None
) -> Picture:
    """Draw the kernels of a convolution as small images on one scale for all.

    W: (K, K, 1, F), or title -> such an array, for example before and after training: then the
    kernels of one filter stand below one another. Reddish is positive, bluish with a dash negative,
    white 0. names: one for each filter, by default their numbers.
    Raises ValueError for other shapes, or titles with different numbers of kernels.
    """
    groups = {t: np.asarray(w) for t, w in (W.items() if isinstance(W, Mapping) else [("", W)])}
    for title, w in groups.items():
        if w.ndim != 4 or w.shape[0] != w.shape[1] or w.shape[2] != 1:
            raise ValueError(
                f"W{f' {title!r}' if title else ''} has shape {w.shape}, expected (K, K, 1, F)"
            )
    shapes = {w.shape for w in groups.values()}
    if len(shapes) != 1:
        raise ValueError(f"the W have shapes {sorted(shapes)}, expected one shape")
    size, filters = next(iter(groups.values())).shape[1:4:2]
    names = [str(f) for f in range(filters)] if names is None else [str(n) for n in names]
    if len(names) != filters:
        raise ValueError(f"{filters} kernels need as many names, got {len(names)}")
    end = max(float(np.abs(w).max()) for w in groups.values()) or 1.0

    left = 0.12 + max(text_width(title) + 0.1 if title else 0 for title in groups)
    columns = min(filters, 16)
    side = min(0.8, (MAX_WIDTH - left - 0.12) / columns)
    blocks = -(-filters // columns)
    head, gap = 0.22, 0.1
    height = blocks * (head + len(groups) * side + gap) + 0.72
    width = max(left + columns * side + 0.12, 3.6)
    left += (width - left - columns * side - 0.12) / 2
    figure, axes = inch_canvas(width, height)
    scale = {"cmap": "RdBu_r", "vmin": -end, "vmax": end}
    for f in range(filters):
        x, top = left + f % columns * side, height - f // columns * (height - 0.72) / blocks
        axes.text(x + side / 2, top - 0.14, names[f], ha="center", va="center", size=SMALL)
        for row, (title, w) in enumerate(groups.items()):
            middle = top - head - (row + 0.5) * side
            tile = Pixels("", w[:, :, 0, f], 0.9 * side, **scale)
            tile.draw(axes, x + 0.05 * side, middle)
            _dash_negatives(axes, tile, x + 0.05 * side, middle, end)
            if title and f % columns == 0:
                axes.text(left - 0.1, middle, title, ha="right", va="center")
    bar = figure.add_axes((0.2, 0.48 / height, 0.6, 0.14 / height))
    figure.colorbar(ScalarMappable(Normalize(-end, end), "RdBu_r"), bar, orientation="horizontal")
    bar.xaxis.set_major_locator(MaxNLocator(4 if width < 5 else 8))
    bar.set_xlabel("weight: blue with a dash below 0, red above")

    text = f"{count(filters, 'kernel')} of {size} x {size} on one scale."
    for title, w in groups.items():
        text += f" {title or 'Weights'}: from {_short(w.min())} to {_short(w.max())}."
    return Picture(figure, text)


def _dash_negatives(axes, tile: Pixels, x: float, middle: float, end: float) -> None:
    """Mark what is clearly below 0, for those who do not see the colours."""
    for (r, c), value in np.ndenumerate(tile.image):
        if value < -0.1 * end:
            centre = x + (c + 0.5) * tile.pixel
            y = middle + tile.half - (r + 0.5) * tile.pixel
            axes.plot(
                [centre - 0.22 * tile.pixel, centre + 0.22 * tile.pixel], [y, y], lw=1.1,
                color="white" if value < -0.5 * end else COLORS["ink"],
            )  # fmt: skip


@styled
def draw_feature_maps(
    image: np.ndarray,
    maps: np.ndarray | Mapping[str, np.ndarray],
    channels: Sequence[int] | None = None,
) -> Picture:
    """Draw an image and channels of its feature maps, the maps of one layer on one scale.

    image: (H, W) or (H, W, 1); maps: (Ho, Wo, F), or title -> such an array, one for each layer;
    channels: which to draw, by default the first 12. The darker, the larger.
    Raises ValueError for other shapes, or channels that a layer does not have.
    """
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.ndim != 2:
        raise ValueError(f"image has shape {image.shape}, expected (H, W) or (H, W, 1)")
    if not isinstance(maps, Mapping):
        maps = {"feature maps": maps}
    maps = {title: np.asarray(m) for title, m in maps.items()}
    for title, m in maps.items():
        if m.ndim != 3:
            raise ValueError(f"{title!r} have shape {m.shape}, expected (H, W, F)")
    fewest = min(m.shape[2] for m in maps.values())
    channels = list(range(min(12, fewest)) if channels is None else channels)
    if not channels or not all(0 <= f < fewest for f in channels):
        raise ValueError(f"channels are {channels}, expected numbers from 0 to {fewest - 1}")

    side, step, left = 0.82, 0.9, 1.6
    columns = min(6, len(channels))
    lines = -(-len(channels) // columns)
    part = 0.34 + lines * (side + 0.28)  # the height of one layer
    height = max(len(maps) * part + 0.1, 2.1)
    said = {
        title: f"{title}, {m.shape[0]} x {m.shape[1]}: "
        + (
            "grey is 0, darker above, lighter below"
            if m[:, :, channels].min() < 0
            else "white is 0, darker above"
        )
        for title, m in maps.items()
    }
    across = max(columns * step, *map(text_width, said.values()))
    figure, axes = inch_canvas(left + across + 0.08, height)
    Pixels("image", image, 1.3, cmap="gray_r").draw(axes, 0.12, height - 0.34 - 0.3 - 0.65)
    sentences = []
    for layer, (title, m) in enumerate(maps.items()):
        top = height - layer * part
        axes.text(left, top - 0.2, said[title], va="center")
        for k, f in enumerate(channels):
            row, column = divmod(k, columns)
            middle = top - 0.34 - row * (side + 0.28) - Pixels.header + 0.02 - side / 2
            tile = Pixels(f"{f}", m[:, :, f], side, **_greys(m[:, :, channels]))
            tile.draw(axes, left + column * step, middle)
        spans = ", ".join(
            f"{f} from {_short(m[..., f].min())} to {_short(m[..., f].max())}" for f in channels
        )
        sentences.append(f"{title}, {m.shape[0]} x {m.shape[1]}, channels {spans}.")
    text = f"An image of {image.shape[0]} x {image.shape[1]} and {count(len(channels), 'channel')} "
    return Picture(figure, text + "of its feature maps. " + " ".join(sentences))


@styled
def draw_reach(
    size: int | tuple[int, int],
    kernel_size: int = 3,
    stride: int = 1,
    padding: int = 0,
    output: tuple[int, int] | None = None,
    input: tuple[int, int] | None = None,
    weight: tuple[int, int] | None = None,
) -> Picture:
    """Draw which inputs, weights and outputs of a convolution touch each other.

    size: of the input, one number or (H, W). output, input, weight: (row, column); each that is
    given gets a row of three grids, in which it is marked and every product it takes part in has a
    letter. Dashed cells are padding.
    Raises ValueError when none is given, for one outside its grid, or more than 52 products.
    """
    height, width = (size, size) if np.ndim(size) == 0 else size
    K = kernel_size
    rows = (height + 2 * padding - K) // stride + 1
    columns = (width + 2 * padding - K) // stride + 1
    if min(rows, columns, stride, K) < 1 or padding < 0:
        raise ValueError(
            f"a kernel of {K} x {K} with stride {stride} and padding {padding} has no window in an "
            f"input of {height} x {width}"
        )
    edge = f", padding {padding}" if padding else ""
    names = {
        "x": f"x ({height}, {width}){edge}",
        "W": f"W ({K}, {K})",
        "y": f"y ({rows}, {columns})",
    }
    wanted = [("y", output, (rows, columns)), ("x", input, (height, width)), ("W", weight, (K, K))]
    if output is input is weight is None:
        raise ValueError("nothing to draw: give an output, an input or a weight")
    products = [
        {"x": (i * stride + ki - padding, j * stride + kj - padding), "W": (ki, kj), "y": (i, j)}
        for i, j, ki, kj in np.ndindex(rows, columns, K, K)
    ]
    lines, sentences = [], []
    for name, place, shape in wanted:
        if place is None:
            continue
        place = tuple(place)
        if not all(0 <= p < n for p, n in zip(place, shape, strict=True)):
            raise ValueError(f"{name}{list(place)} is outside of {names[name]}")
        mine = [product for product in products if product[name] == place]
        if len(mine) > len(ascii_letters):
            raise ValueError(
                f"{name}{list(place)} takes part in {len(mine)} products, expected up to "
                f"{len(ascii_letters)}"
            )
        outside = sum(not (0 <= p["x"][0] < height and 0 <= p["x"][1] < width) for p in mine)
        grids = []
        for which, cells in (("x", (height, width)), ("W", (K, K)), ("y", (rows, columns))):
            edge = padding if which == "x" else 0
            labels = [[""] * edge + [str(i) for i in range(n)] + [""] * edge for n in cells]
            cells = np.full((cells[0] + 2 * edge, cells[1] + 2 * edge), "", dtype="U1")
            looks = _border(cells.shape, edge)
            if which == name:
                looks[place[0] + edge, place[1] + edge] = "marked"
            else:
                for letter, product in zip(ascii_letters, mine, strict=False):
                    at = product[which][0] + edge, product[which][1] + edge
                    cells[at], looks[at] = letter, "linked"
            grids.append(Grid(names[which], cells, looks, (), *labels))
        said, caption = _reach_in_words(name, list(place), mine, outside)
        x, W, y = grids
        row = [x, "\N{MULTIPLICATION SIGN}", W, "\N{RIGHTWARDS ARROW}", y]
        lines += break_row(row, caption)
        sentences.append(said)
    text = (
        f"A convolution of {names['x']} with {names['W']} to {names['y']}, stride {stride}, "
        f"padding {padding}. " + " ".join(sentences)
    )
    return Picture(compose(lines), text)


def _reach_in_words(name, place, products, outside) -> tuple[str, str]:
    """What to say of the products that one number takes part in: in full, and in one line."""
    n = len(products)
    padding = f", {outside} of them in the padding" if outside else ""
    if name == "y":
        caption = f"y{place} adds up {count(n, 'product')}: it touches {count(n, 'input')}{padding}"
        each = [f"x{list(p['x'])} W{list(p['W'])}" for p in products]
    elif name == "x":
        another = ", each time through another weight" if n > 1 else ""
        caption = f"x{place} goes into {count(n, 'output') if n else 'no output'}{another}"
        each = [f"y{list(p['y'])} through W{list(p['W'])}" for p in products]
    else:
        caption = (
            f"W{place} is used for all {count(n, 'output')}: its gradient adds up {n} products"
        )
        each = [f"x{list(p['x'])} to y{list(p['y'])}" for p in products]
    return f"{caption}: {', '.join(each)}." if each else f"{caption}.", caption


@styled
def draw_pooling(
    x: np.ndarray, size: int = 2, dY: np.ndarray | None = None, kind: str = "max"
) -> Picture:
    """Draw pooling with its windows outlined and, below, the way of an upstream gradient back.

    x (H, W), up to 12 x 12; windows of size x size; dY (H // size, W // size) or None.
    kind: "max", with the winners marked, or "average". What fills no window is hatched.
    Raises ValueError for other shapes or kinds.
    """
    x = np.asarray(x, dtype=float)
    if x.ndim != 2:
        raise ValueError(f"x has shape {x.shape}, expected (H, W)")
    if kind not in ("max", "average"):
        raise ValueError(f"kind is {kind!r}, expected 'max' or 'average'")
    forward, backward = {
        "max": (max_pool_forward, max_pool_backward),
        "average": (average_pool_forward, average_pool_backward),
    }[kind]
    y, cache = forward(x[None, :, :, None], size)
    touched = backward(np.ones_like(y), cache)[0, :, :, 0] != 0
    y = y[0, :, :, 0]
    down, across = (n * size for n in y.shape)
    windows = [(r, c, size, size) for r in range(0, down, size) for c in range(0, across, size)]
    rest = [(int(r), int(c)) for r, c in np.ndindex(x.shape) if r >= down or c >= across]
    looks = dict.fromkeys(rest, "left out")
    winners = [(int(r), int(c)) for r, c in np.argwhere(touched)] if kind == "max" else []
    looks |= dict.fromkeys(winners, "winner")
    text = (
        f"{kind.capitalize()} pooling in windows of {size} x {size}: x {x.shape} is "
        f"{_said(x, _numbers)}, y {y.shape} is {_said(y, _numbers)}."
    )
    if winners:
        text += f" The winners are at {', '.join(str(list(w)) for w in winners)}."
    if rest:
        text += f" In no window: {count(len(rest), 'entry')}."
    what = "the largest number of each window, in bold" if winners else "the mean of each window"
    hatched = " Hatched: in no window." if rest else ""
    parts = [("x", x, "y", y, "\N{RIGHTWARDS ARROW}", f"Forward: {what}.{hatched}")]
    if dY is not None:
        dY = np.asarray(dY, dtype=float)
        if dY.shape != y.shape:
            raise ValueError(f"dY has shape {dY.shape}, expected {y.shape}")
        dx = backward(dY[None, :, :, None], cache)[0, :, :, 0]
        rule = "its winner, 0 elsewhere" if winners else f"its window, divided by {size**2}"
        hatched = " Hatched: no gradient." if rest else ""
        caption = f"Backward: each number goes to {rule}.{hatched}"
        parts.append(("dx", dx, "dY", dY, "\N{LEFTWARDS ARROW}", caption))
        text += f" Backward: dY is {_said(dY, _numbers)}, dx is {_said(dx, _numbers)}."
    cell = max(Grid("", part[i]).cell for part in parts for i in (1, 3))  # so that they line up
    lines = []
    for name, big, short, small, arrow, caption in parts:
        left = Grid(f"{name} {big.shape}", big, looks, windows, cell=cell)
        right = Grid(f"{short} {small.shape}", small, cell=cell)
        lines += break_row([left, arrow, right], caption)
    return Picture(compose(lines), text)
