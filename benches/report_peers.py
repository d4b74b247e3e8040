"""Sections of RESULTS.md about everything people use beside shapely, and about what makes outlines."""

from __future__ import annotations

from tables import WAYS, Row, Tables, by_vertices, contest, grid, number, prose, times

OURS = "ours_arrays"
#: Who is compared, by operation: name, and what it computes.
CONTESTANTS: dict[str, dict[str, tuple[str, str]]] = {
    "iou": {
        "ours_arrays": ("lesiongeo, arrays", "exact"),
        "ours_objects": ("lesiongeo, objects", "exact"),
        "peer_arrays": ("shapely, create + IoU", "exact"),
        "peer_objects": ("shapely, IoU alone", "exact"),
        "geo": ("geo `BooleanOps`, in Rust, objects", "exact on a grid of 32-bit integers"),
        "pyclipper": ("pyclipper, integers scaled", "exact on a grid of 2^-18 px"),
        "pycocotools": ("pycocotools, rasterising counted", "raster"),
        "pycocotools_masks": ("pycocotools, masks given", "raster"),
        "faster_coco_eval": ("faster-coco-eval, rasterising counted", "raster"),
        "faster_coco_eval_masks": ("faster-coco-eval, masks given", "raster"),
        "skimage": ("scikit-image `polygon2mask` + numpy", "raster"),
    },
    "hausdorff": {
        "ours_arrays": ("lesiongeo, arrays", "exact"),
        "ours_objects": ("lesiongeo, objects", "exact"),
        "ours_witnesses": ("lesiongeo, objects, with the two points", "exact"),
        "ours_vertex": ('lesiongeo, objects, `method="vertex"`', "vertices to edges"),
        "peer_arrays": ("shapely, create + distance", "vertices to edges"),
        "peer_objects": ("shapely, distance alone", "vertices to edges"),
        "peer_densified": ("shapely, `densify=0.1`", "11 points per edge to edges"),
        "geo": ("geo `HausdorffDistance`, in Rust, objects", "vertices to vertices"),
        "scipy": ("scipy `directed_hausdorff`, both ways", "vertices to vertices"),
        "skimage": ("scikit-image `hausdorff_distance`, rasterising counted", "raster, border pixels"),
        "skimage_masks": ("scikit-image `hausdorff_distance`, masks given", "raster, border pixels"),
        "skimage_witnesses": ("scikit-image `hausdorff_pair`, masks given", "raster, two border pixels"),
    },
    "surface": {
        "ours_arrays": ("lesiongeo, arrays", "exact"),
        "ours_objects": ("lesiongeo, objects", "exact"),
        "raster": ("surface-distance-based-measures, rasterising counted", "raster"),
        "raster_masks": ("the same, masks of the pair's box given", "raster"),
        "raster_image_masks": ("the same, masks of 1024 x 1024 given", "raster"),
        "sampled": ("scipy `cKDTree` on points every 0.25 px", "sampled boundary"),
    },
}
TEXTS = {
    "iou": """
        Microseconds per pair and, in brackets, how many times faster lesiongeo from arrays is. The last column is
        the largest difference from lesiongeo on the same outlines at any size; for lesiongeo itself it is
        the largest difference from exact rational arithmetic on {judged} of them.""",
    "hausdorff": """
        As above; errors in px. Only lesiongeo looks at all points of both boundaries: whoever looks at vertices
        alone is too low, from vertex to vertex too high, and pixels are as large as they are. lesiongeo is judged
        by bounds that enclose the true distance, on {judged} pairs. Shapely and geo do not say where the
        distance is reached.""",
    "surface": """
        hd95, masd, assd, nsd at 2 px, signed offset and the Hausdorff distance, all together, as above. Masks
        lie on the box of the pair, and COCO's rasteriser makes them, the fastest there is here.
        surface-distance-based-measures knows no sides, so it has no signed offset. lesiongeo is judged by bounds
        that enclose the true values, on {judged} pairs (the largest error of all its columns). Shapely, geo and
        pyclipper have none of these distances.""",
}
TITLES = {"iou": "IoU", "hausdorff": "Hausdorff distance", "surface": "distances along the boundary"}
SURFACE_ERRORS = ("hausdorff", "hd95", "masd", "assd", "nsd", "signed_offset")


def error(value: float | None) -> str:
    """Two significant digits; an exponent where it is tiny."""
    if value is None or value != value:
        return ""
    if value == 0.0:
        return "0"
    return f"{value:.1e}" if value < 1e-3 else f"{value:.2g}"


def largest(rows: list[Row], way: str, note: str = "error") -> float | None:
    """Return the largest note of a way, whatever the size."""
    values = [row.notes[way][note] for row in rows if note in row.notes.get(way, {})]
    values = [value for value in values if value == value]
    return max(values) if values else None


def peers(tables: Tables) -> list[str]:
    """Return the sections on IoU, Hausdorff and surface distances."""
    lines: list[str] = []
    for operation, title in TITLES.items():
        rows = by_vertices(row for row in tables["peers"] if row.key["operation"] == operation)
        judges = [row for row in tables["oracle"] if row.key["operation"] == operation]
        if rows:
            lines += [f"## What people use: {title}", "", *versus(operation, rows, judges)]
    return lines


def versus(operation: str, rows: list[Row], judges: list[Row]) -> list[str]:
    judged = sum(row.items for row in judges)
    lines = []
    for way, (name, computes) in CONTESTANTS[operation].items():
        costs = [row.us(way) for row in rows]
        if not any(costs):
            continue
        cells = [cost_and_ratio(row, way) for row in rows]
        if operation != "surface":
            found = largest(judges, "ours_objects") if way in ("ours_arrays", "ours_objects") else largest(rows, way)
            lines.append([name, computes, *cells, error(found)])
        elif way.startswith("ours"):
            lines.append([name, computes, *cells, error(largest(judges, "ours_objects")), *[""] * 5])
        else:
            errors = [error(largest(rows, way, f"error_{name}")) or "none" for name in SURFACE_ERRORS]
            lines.append([name, computes, *cells, *errors])
    units = {"iou": "error", "hausdorff": "error, px"}
    names = [f"error of {name}" for name in SURFACE_ERRORS] if operation == "surface" else [units[operation]]
    head = ["", "computes", *(f"{row.key['vertices']} vertices" for row in rows), *names]
    return [*prose(TEXTS[operation].format(judged=judged)), *grid(head, lines, words=2)]


def cost_and_ratio(row: Row, way: str) -> str:
    cost = number(row.us(way))
    return cost if way.startswith("ours") or not cost else f"{cost} ({times(row.ratio(OURS, way))})"


def faster_peers(tables: Tables) -> list[list[str]]:
    """Return lines for `losses`: contestants other than shapely that are faster than lesiongeo from arrays."""
    lines = []
    for operation, title in TITLES.items():
        rows = by_vertices(row for row in tables["peers"] if row.key["operation"] == operation)
        for way, (name, computes) in CONTESTANTS[operation].items():
            for row in rows:
                ratio = None if way.startswith(("ours", "peer")) else row.ratio(OURS, way)
                if ratio is not None and ratio < 1.0:
                    cells = [title, computes, name, str(row.key["vertices"])]
                    lines.append([*cells, number(row.us(OURS)), number(row.us(way)), times(ratio)])
    return lines


ALONE = {
    "all": "all six together",
    "hausdorff": "hausdorff",
    "hd95": "hd95",
    "masd": "masd",
    "assd": "assd",
    "nsd": "nsd",
    "signed_offset": "signed_offset",
}


def alone(rows: list[Row]) -> list[str]:
    text = """
        What each distance costs alone, microseconds per pair, lesiongeo from arrays and, in brackets, from
        objects. A raster package pays for its distance transform whatever is asked of it."""
    found = {(row.key["operation"], row.key["vertices"]): row for row in rows}
    sizes = sorted({row.key["vertices"] for row in rows})
    lines = [
        [name, *(f"{number(row.us(OURS))} ({number(row.us('ours_objects'))})" for row in row_of)]
        for operation, name in ALONE.items()
        if (row_of := [found[operation, size] for size in sizes if (operation, size) in found])
    ]
    return ["## Distances along the boundary, one by one", "", *prose(text), *grid(["", *map(str, sizes)], lines)]


def clipping(rows: list[Row]) -> list[str]:
    text = """
        Microseconds per pair, per lesion (`readers`: so many people's outlines of one lesion) or per outline
        (`make_valid`, `validity_reason`). Shapely's majority is the union of the intersections of every two of
        three, or three of five; pyclipper's likewise, from scaled integers, rounding counted. *area off*: the
        largest difference of areas from shapely's, in px^2, and for lesiongeo also from exact rational
        arithmetic where that was asked. geo: in Rust, objects, with the area."""
    lines = []
    order = list(dict.fromkeys(row.key["operation"] for row in rows))
    for row in sorted(rows, key=lambda row: (order.index(row.key["operation"]), row.key["vertices"])):
        cells = [row.key["operation"], str(row.key["vertices"]), *contest(row), number(row.us("pyclipper"))]
        cells += [times(row.ratio(OURS, "pyclipper")), number(row.us("geo")), times(row.ratio(OURS, "geo"))]
        ours = [largest([row], way) for way in (OURS, "ours_objects")]
        known = [value for value in ours if value is not None]
        cells += [error(max(known) if known else None), error(largest([row], "ours_objects", "oracle"))]
        lines.append([*cells, error(largest([row], "pyclipper"))])
    head = ["operation", "vertices", *WAYS.values(), "ratio arrays", "ratio objects", "ratio strict"]
    head += [
        "pyclipper",
        "its ratio",
        "geo",
        "its ratio",
        "area off shapely's",
        "area off the exact one",
        "pyclipper's area off",
    ]
    return ["## Outlines out of outlines", "", *prose(text), *grid(head, lines)]


def shape(rows: list[Row]) -> list[str]:
    text = """
        Microseconds per outline. lesiongeo: all columns of `shape_measures`. Shapely: area, length, convex hull,
        largest diameter of the hull (through scipy) and `oriented_envelope`; it has no smallest diameter, no
        diameter at right angles and no asymmetry. scikit-image: six `regionprops` of a mask, rasterising
        counted. Errors are those of the largest diameter, from shapely's hull, in px."""
    lines = []
    for row in by_vertices(rows):
        cells = [str(row.key["vertices"]), *contest(row), number(row.us("skimage")), times(row.ratio(OURS, "skimage"))]
        lines.append([*cells, error(largest([row], OURS)), error(largest([row], "skimage"))])
    head = ["vertices", *WAYS.values(), "ratio arrays", "ratio objects", "ratio strict"]
    head += ["scikit-image", "its ratio", "error", "error of scikit-image"]
    return ["## Shape measures", "", *prose(text), *grid(head, lines)]
