"""Draw the figures of RESULTS.md from pytest-benchmark's JSON.

    python benches/figures.py bench.json [--kernels kernels.json]

The same JSON gives the same bytes: no dates, fixed ids, letters as paths. Colours are Okabe and Ito's, which people
with any colour vision can tell apart, and lines are named at their ends, so colour is never all there is to go by.
"""

from __future__ import annotations

import argparse
import io
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from tables import Row, Tables, add_kernels, load

STYLE = {
    "svg.hashsalt": "lesiongeo",
    "svg.fonttype": "path",
    "path.simplify": True,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8a8a",
    "axes.labelcolor": "#333333",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
#: Okabe and Ito's colours without their yellow, which is too pale for lines on white.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY = (
    *("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"),
    "#666666",
)
#: Space between two names at the ends of lines, in points.
LINE_HEIGHT = 11.0


class Line(NamedTuple):
    """One contestant in one panel."""

    name: str
    xs: list[float]
    ys: list[float]
    colour: str
    ours: bool = False
    dashed: bool = False


class Panel(NamedTuple):
    """What is drawn in one pair of axes, and what they mean."""

    title: str
    lines: list[Line]
    what: str
    across: str = "vertices of an outline"


def short(value: float) -> str:
    """1000 as 1k, 0.1 as 0.1."""
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1000 else f"{value:g}"


def with_unit(microseconds: float) -> str:
    for size, unit in ((1e6, "s"), (1e3, "ms"), (1.0, "µs")):
        if microseconds >= 0.999 * size:
            return f"{microseconds / size:g} {unit}"
    return f"{microseconds * 1e3:g} ns"


def draw(axes: Axes, panel: Panel) -> None:
    """Draw the lines on logarithmic axes and name them at their ends, below each other where they are close."""
    ticks = sorted({x for line in panel.lines for x in line.xs})
    axes.set_xscale("log")
    axes.set_yscale("log")
    for line in panel.lines:
        axes.plot(
            line.xs,
            line.ys,
            color=line.colour,
            linewidth=2.6 if line.ours else 1.5,
            linestyle=(0, (4, 2)) if line.dashed else "-",
            marker="o",
            markersize=4.2 if line.ours else 3.0,
            markeredgewidth=0.0,
            zorder=4 if line.ours else 3,
            clip_on=False,
        )
    values = [y for line in panel.lines for y in line.ys]
    axes.set_ylim(10 ** np.floor(np.log10(min(values) * 0.9)), 10 ** np.ceil(np.log10(max(values) * 1.1)))
    axes.set_xlim(min(ticks), max(ticks))
    axes.set_xticks(list(ticks), [short(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: with_unit(value)))
    axes.tick_params(length=0)
    axes.tick_params(axis="x", pad=7)
    axes.set_title(panel.title, pad=16)
    axes.text(0, 1.015, panel.what, transform=axes.transAxes, color="#555555", fontsize=9.0, va="bottom")
    axes.set_xlabel(panel.across)
    name_ends(axes, panel.lines)


def name_ends(axes: Axes, lines: list[Line]) -> None:
    """Write each name beside the end of its line; names that would touch are pushed apart."""
    axes.figure.canvas.draw()
    right = axes.transData.transform((axes.get_xlim()[1], 1.0))[0]
    points = 72.0 / axes.figure.dpi
    ends = sorted(lines, key=lambda line: line.ys[-1])
    heights = [axes.transData.transform((line.xs[-1], line.ys[-1]))[1] * points for line in ends]
    places = spread(heights, LINE_HEIGHT)
    low, high = (axes.transAxes.transform((0.0, y))[1] * points for y in (0.0, 1.0))
    places = [place - max(0.0, places[-1] - high) + max(0.0, low - places[0]) for place in places]
    for line, height, place in zip(ends, heights, places, strict=True):
        end = axes.transData.transform((line.xs[-1], line.ys[-1]))
        shift = (right - end[0]) * points
        axes.annotate(
            line.name,
            (line.xs[-1], line.ys[-1]),
            xytext=(shift + 12.0, place - height),
            textcoords="offset points",
            color=line.colour if line.colour not in (SKY, ORANGE) else dark(line.colour),
            fontsize=9.0,
            fontweight="bold" if line.ours else "normal",
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": line.colour,
                "linewidth": 0.6,
                "shrinkA": 1.0,
                "shrinkB": 2.0,
                "relpos": (0.0, 0.5),
            },
        )


def spread(heights: list[float], gap: float) -> list[float]:
    """Return the nearest places, in the same order, that are at least a gap apart (least squares)."""
    # Pool adjacent violators on heights less their steps.
    blocks: list[tuple[float, int]] = []
    for place, height in enumerate(heights):
        blocks.append((height - place * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (one, n), (other, m) = blocks[-2], blocks.pop()
            blocks[-1] = ((one * n + other * m) / (n + m), n + m)
    flat = [mean for mean, count in blocks for _ in range(count)]
    return [mean + place * gap for place, mean in enumerate(flat)]


def dark(colour: str) -> str:
    """Darken a colour that is too pale for letters."""
    return mpl.colors.to_hex(np.array(mpl.colors.to_rgb(colour)) * 0.72)


def line(rows: list[Row], key: str, way: str, name: str, colour: str, **look: bool) -> list[Line]:
    """Return the line of one contestant, or nothing if nobody went that way."""
    known = sorted((row.key[key], cost) for row in rows if (cost := row.us(way)) is not None)
    if not known:
        return []
    return [Line(name, [float(x) for x, _ in known], [y for _, y in known], colour, **look)]


def of(rows: list[Row], **key: Any) -> list[Row]:
    return [row for row in rows if all(row.key.get(name) == value for name, value in key.items())]


Look = tuple[str, str, str, dict[str, bool]]

OURS: list[Look] = [
    ("ours_arrays", "lesiongeo, from arrays", BLUE, {"ours": True}),
]
VERTICES: dict[str, tuple[str, str, list[Look]]] = {
    "iou": (
        "IoU",
        "per pair; dashed: on pixels, the others within 1e-7",
        [
            *OURS,
            ("peer_objects", "shapely, from objects", RED, {}),
            ("geo", "geo (Rust), from objects", PURPLE, {}),
            ("pyclipper", "pyclipper", ORANGE, {}),
            ("pycocotools", "pycocotools", GREEN, {"dashed": True}),
            ("faster_coco_eval", "faster-coco-eval", SKY, {"dashed": True}),
            ("skimage", "scikit-image", GREY, {"dashed": True}),
        ],
    ),
    "hausdorff": (
        "Hausdorff distance",
        "per pair; only lesiongeo looks at all points; dashed: pixels",
        [
            *OURS,
            ("peer_objects", "shapely, vertices", RED, {}),
            ("peer_densified", "shapely, densify=0.1", SKY, {}),
            ("geo", "geo (Rust), vertices", PURPLE, {}),
            ("scipy", "scipy, vertices", ORANGE, {}),
            ("skimage", "scikit-image", GREY, {"dashed": True}),
        ],
    ),
    "surface": (
        "hd95, masd, assd, nsd, signed offset",
        "all together, per pair; only lesiongeo is exact; dashed: pixels",
        [
            *OURS,
            ("sampled", "scipy tree, 0.25 px steps", ORANGE, {}),
            ("raster", "surface-distance", GREEN, {"dashed": True}),
            ("raster_masks", "same, masks given", GREY, {"dashed": True}),
        ],
    ),
}
PAIRS: dict[str, tuple[str, str, list[Look]]] = {
    "iou": (
        "IoU",
        "per pair, from objects; dashed: pixels",
        [
            ("ours_2", "lesiongeo, 2 threads", BLUE, {"ours": True}),
            ("ours_1", "lesiongeo, 1 thread", SKY, {"ours": True}),
            ("peer_2", "shapely, 2 threads", RED, {}),
            ("peer_1", "shapely, 1 thread", ORANGE, {}),
            ("pycocotools", "pycocotools", GREEN, {"dashed": True}),
        ],
    ),
    "hausdorff": (
        "Hausdorff distance",
        "per pair, from objects; shapely looks at vertices only",
        [
            ("ours_2", "lesiongeo, 2 threads", BLUE, {"ours": True}),
            ("ours_1", "lesiongeo, 1 thread", SKY, {"ours": True}),
            ("peer_2", "shapely, 2 threads", RED, {}),
            ("peer_1", "shapely, 1 thread", ORANGE, {}),
        ],
    ),
    "surface": (
        "hd95, masd, assd, nsd, signed offset",
        "all together, per pair, from objects; dashed: pixels",
        [
            ("ours_2", "lesiongeo, 2 threads", BLUE, {"ours": True}),
            ("ours_1", "lesiongeo, 1 thread", SKY, {"ours": True}),
            ("raster", "surface-distance", GREEN, {"dashed": True}),
        ],
    ),
}
#: Where shapely wins or comes close: the same axes, the same contestants.
CLOSE: list[tuple[str, str, str, dict[str, Any], list[Look]]] = [
    (
        "IoU of outlines far apart",
        "per pair; shapely compares boxes",
        "iou",
        {"kind": "disjoint"},
        [
            ("ours_arrays", "lesiongeo, from arrays", BLUE, {"ours": True}),
            ("ours_objects", "lesiongeo, from objects", SKY, {"ours": True}),
            ("peer_arrays", "shapely, from arrays", ORANGE, {}),
            ("peer_objects", "shapely, from objects", RED, {}),
        ],
    ),
    (
        "Area",
        "per outline",
        "area",
        {"kind": "valid"},
        [
            ("ours_arrays", "lesiongeo, from arrays", BLUE, {"ours": True}),
            ("ours_objects", "lesiongeo, from objects", SKY, {"ours": True}),
            ("peer_arrays", "shapely, from arrays", ORANGE, {}),
            ("peer_objects", "shapely, from objects", RED, {}),
        ],
    ),
    (
        "Validity",
        "per outline",
        "validity",
        {"kind": "valid"},
        [
            ("ours_arrays", "lesiongeo, from arrays", BLUE, {"ours": True}),
            ("peer_arrays", "shapely, from arrays", ORANGE, {}),
            ("peer_objects", "shapely, from objects", RED, {}),
        ],
    ),
]
CROWD: list[Look] = [
    ("ours_objects", "lesiongeo, 1 thread", SKY, {"ours": True}),
    ("peer_objects", "shapely, 1 thread", ORANGE, {}),
]
KINDS = {
    "spiral": ("spiral", PURPLE),
    "comb, horizontal teeth": ("comb, horizontal", RED),
    "comb, vertical teeth": ("comb, vertical", ORANGE),
    "comb, diagonal teeth": ("comb, diagonal", GREY),
    "pixel staircase": ("pixel staircase", GREEN),
    "concentric circles": ("circles", SKY),
}
WORST = {
    "is_valid": "is_valid",
    "iou": "IoU",
    "hausdorff": "Hausdorff distance",
    "surface_distances": "hd95, masd, assd, nsd, offset",
}


def lines_of(rows: list[Row], key: str, looks: list[Look]) -> list[Line]:
    return [made for way, name, colour, look in looks for made in line(rows, key, way, name, colour, **look)]


def by_vertices(tables: Tables) -> list[Panel]:
    panels = []
    for operation, (title, what, looks) in VERTICES.items():
        rows = of(tables["peers"], operation=operation)
        panels.append(Panel(title, lines_of(rows, "vertices", looks), what))
    close = [
        Panel(title, lines_of(of(tables[table], **key), "vertices", looks), what)
        for title, what, table, key, looks in CLOSE
    ]
    return [panel for row in zip(panels, close, strict=True) for panel in row]


def by_pairs(tables: Tables) -> list[Panel]:
    panels = [
        Panel(title, lines_of(of(tables["calls"], operation=operation), "pairs", looks), what, "pairs in one call")
        for operation, (title, what, looks) in PAIRS.items()
    ]
    crowd = lines_of(tables["crowds"], "regions", CROWD)
    what = "the whole call, one page of fixed size"
    return [*panels, Panel("All pairs that overlap", crowd, what, "regions per side of the page")]


def by_hardness(tables: Tables) -> list[Panel]:
    panels = []
    for operation, title in WORST.items():
        lines = []
        for kind, (name, colour) in KINDS.items():
            lines += line(of(tables["worst"], operation=operation, kind=kind), "vertices", "ours_objects", name, colour)
        if lines:
            lines.append(reference(lines))
        panels.append(Panel(title, lines, "per outline" if operation == "is_valid" else "per pair"))
    return panels


def reference(lines: list[Line]) -> Line:
    """Return how n log n grows, from the middle of what the smallest outlines cost."""
    xs = lines[0].xs
    start = float(np.median([line.ys[0] for line in lines]))
    cost = [start * x * np.log(x) / (xs[0] * np.log(xs[0])) for x in xs]
    return Line("n log n", xs, cost, "#999999", dashed=True)


WIDTH, ROW = 11.0, 3.05  # inches: two panels and their names beside each other, one row


def figure(panels: list[Panel], title: str) -> plt.Figure:
    """Draw panels in two columns."""
    rows = -(-len(panels) // 2)
    height = ROW * rows + 0.45
    made, axes = plt.subplots(rows, 2, figsize=(WIDTH, height), squeeze=False)
    made.subplots_adjust(
        left=0.6 / WIDTH,
        right=1.0 - 1.85 / WIDTH,
        wspace=0.78,
        hspace=0.56,
        bottom=0.55 / height,
        top=1.0 - 0.95 / height,
    )
    made.text(0.12 / WIDTH, 1.0 - 0.12 / height, title, fontsize=13.0, fontweight="bold", va="top")
    for place, panel in zip(axes.flat, panels, strict=True):
        draw(place, panel)
    return made


def compact(text: str) -> str:
    """Leave out comments, indentation, names of groups and long names of letters: a third of the file."""
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="(text|line2d|patch|[xy]tick|matplotlib|axes|figure)[^"]*"', "", text)
    text = text.replace("DejaVuSans-Bold-", "b").replace("DejaVuSans-", "d").replace("xlink:href", "href")
    return "\n".join(line for line in map(str.strip, text.splitlines()) if line) + "\n"


def save(made: plt.Figure, path: Path) -> None:
    buffer = io.StringIO()
    made.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    path.write_text(compact(buffer.getvalue()), encoding="utf-8")
    plt.close(made)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the figures of RESULTS.md.")
    parser.add_argument("json", type=Path, help="what --benchmark-json wrote")
    parser.add_argument("--kernels", type=Path, help="what `cargo bench` wrote")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent)
    parser.add_argument("--png", action="store_true", help="PNG as well, to look at")
    arguments = parser.parse_args()
    kernels = json.loads(arguments.kernels.read_text(encoding="utf-8")) if arguments.kernels else []
    tables = load(json.loads(arguments.json.read_text(encoding="utf-8"))["benchmarks"])
    add_kernels(tables, kernels)
    figures = {
        "cost_vertices": (
            by_vertices(tables),
            "Time by vertices, one thread. Right: where shapely is close or wins",
        ),
        "cost_pairs": (by_pairs(tables), "Time per pair by pairs in one call, 50 vertices: flat is linear growth"),
        "cost_worst": (by_hardness(tables), "lesiongeo on outlines that are hard on purpose, one thread"),
    }
    with mpl.rc_context(STYLE):
        for name, (panels, title) in figures.items():
            made = figure(panels, title)
            if arguments.png:
                made.savefig(arguments.folder / f"{name}.png", dpi=90)
            save(made, arguments.folder / f"{name}.svg")


if __name__ == "__main__":
    main()
