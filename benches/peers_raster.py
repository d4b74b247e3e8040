"""The same jobs on pixels or on points of the boundary: what people use who do not compute with the outlines.

One pair at a time, because none of these takes whole arrays of outlines. Where masks are needed they are as small as
the box of the pair, and COCO's rasteriser makes them: it is the fastest here by far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import faster_coco_eval.core.mask as faster_mask
import numpy as np
import shapely
import surface_distance
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from scipy.ndimage import binary_erosion
from scipy.spatial import cKDTree
from scipy.spatial.distance import directed_hausdorff
from skimage.draw import polygon2mask
from skimage.measure import regionprops_table
from skimage.metrics import hausdorff_distance, hausdorff_pair

from data import Case, Floats

Bools = NDArray[np.bool_]
Pair = Callable[[Any, Any], Any]
#: Width and height of the image the outlines lie in.
IMAGE = 1024
#: Distances between neighbouring points of a sampled boundary.
STEP = 0.25


def each(case: Case, function: Pair) -> Floats:
    """Call it for every pair of outlines, (vertices, 2) arrays."""
    return np.array([function(first, second) for first, second in zip(*case.xy, strict=True)])


def each_mask(masks: Sequence[tuple[Bools, Bools]], function: Pair) -> Floats:
    """Call it for every pair of masks."""
    return np.array([function(first, second) for first, second in masks])


# COCO's masks


def coco_encode(case: Case, module: Any = coco_mask) -> tuple[list[Any], list[Any]]:
    """Run-length masks of all outlines of both sides in the whole image."""
    first, second = ([outline.ravel() for outline in side] for side in case.xy)
    return module.frPyObjects(first, IMAGE, IMAGE), module.frPyObjects(second, IMAGE, IMAGE)


def coco_iou(masks: tuple[list[Any], list[Any]], module: Any = coco_mask) -> Floats:
    return np.array([module.iou([first], [second], [0])[0, 0] for first, second in zip(*masks, strict=True)])


def coco_iou_after_encoding(case: Case, module: Any = coco_mask) -> Floats:
    return coco_iou(coco_encode(case, module), module)


def faster_encode(case: Case) -> tuple[list[Any], list[Any]]:
    return coco_encode(case, faster_mask)


def faster_iou(masks: tuple[list[Any], list[Any]]) -> Floats:
    return coco_iou(masks, faster_mask)


def faster_iou_after_encoding(case: Case) -> Floats:
    return coco_iou_after_encoding(case, faster_mask)


# masks as arrays


def _box(first: Floats, second: Floats) -> tuple[Floats, list[int]]:
    """Corner and shape (rows, columns) of the box of a pair, with a margin."""
    low = np.floor(np.minimum(first.min(axis=0), second.min(axis=0))) - 2.0
    high = np.ceil(np.maximum(first.max(axis=0), second.max(axis=0))) + 3.0
    width, height = (high - low).astype(int).tolist()
    return low, [height, width]


def _decode(outlines: Sequence[Floats], shape: Sequence[int]) -> list[Bools]:
    masks = coco_mask.decode(coco_mask.frPyObjects([outline.ravel() for outline in outlines], *shape))
    return [np.ascontiguousarray(masks[:, :, k], dtype=bool) for k in range(len(outlines))]


def masks_of(first: Floats, second: Floats) -> tuple[Bools, Bools]:
    """Masks of a pair on its box."""
    low, shape = _box(first, second)
    one, other = _decode([first - low, second - low], shape)
    return one, other


def cropped_masks(case: Case) -> list[tuple[Bools, Bools]]:
    return [masks_of(*pair) for pair in zip(*case.xy, strict=True)]


def image_masks(case: Case) -> list[tuple[Bools, Bools]]:
    """Masks as most programs hold them: as large as the image."""
    made = (_decode(pair, [IMAGE, IMAGE]) for pair in zip(*case.xy, strict=True))
    return [(first, second) for first, second in made]


def skimage_iou(first: Floats, second: Floats) -> float:
    """`polygon2mask` of both, on the box of the pair; it asks whether the centre of a pixel lies inside."""
    low, shape = _box(first, second)
    one, other = (polygon2mask(shape, (outline - low)[:, ::-1] - 0.5) for outline in (first, second))
    return float((one & other).sum() / (one | other).sum())


def _border(mask: Bools) -> Bools:
    return np.asarray(mask & ~binary_erosion(mask))


def skimage_hausdorff(first: Bools, second: Bools) -> float:
    """Of border pixels: of filled masks it would be another distance."""
    return float(hausdorff_distance(_border(first), _border(second)))


def skimage_witnesses(first: Bools, second: Bools) -> float:
    one, other = hausdorff_pair(_border(first), _border(second))
    return float(np.hypot(*(one - other)))


# distances


def scipy_hausdorff(first: Floats, second: Floats) -> float:
    """From vertices to vertices; both directions."""
    return max(directed_hausdorff(first, second)[0], directed_hausdorff(second, first)[0])


class Numbers(NamedTuple):
    """Distances along both boundaries; NaN where a way does not give one."""

    hausdorff: float
    hd95: float
    masd: float
    assd: float
    nsd: float
    signed_offset: float


def surface_numbers(first: Bools, second: Bools, tolerance: float) -> Numbers:
    """All that surface-distance-based-measures gives, from masks. It knows no sides, so no signed offset."""
    found = surface_distance.compute_surface_distances(first, second, (1.0, 1.0))
    there, back = surface_distance.compute_average_surface_distance(found)
    length_there, length_back = found["surfel_areas_gt"].sum(), found["surfel_areas_pred"].sum()
    return Numbers(
        surface_distance.compute_robust_hausdorff(found, 100.0),
        surface_distance.compute_robust_hausdorff(found, 95.0),
        (there + back) / 2.0,
        (there * length_there + back * length_back) / (length_there + length_back),
        surface_distance.compute_surface_dice_at_tolerance(found, tolerance),
        float("nan"),
    )


def surface_after_rasterising(first: Floats, second: Floats, tolerance: float) -> Numbers:
    return surface_numbers(*masks_of(first, second), tolerance)


def _sample(outline: Floats, step: float) -> tuple[Floats, Floats]:
    """Middles of equal pieces, at most a step long, of every edge, and the lengths of the pieces."""
    edges = np.roll(outline, -1, axis=0) - outline
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    pieces = np.maximum(1, np.ceil(lengths / step)).astype(int)
    edge = np.repeat(np.arange(len(outline)), pieces)
    number = np.arange(len(edge)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    share = (number + 0.5) / pieces[edge]
    return outline[edge] + share[:, None] * edges[edge], (lengths / pieces)[edge]


def _percentile(values: Floats, weights: Floats, share: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, share * reached[-1])])


def sampled_numbers(first: Floats, second: Floats, tolerance: float, step: float = STEP) -> Numbers:
    """From points along both boundaries to the nearest points of the other, through `scipy.spatial.cKDTree`."""
    (here, length_here), (there, length_there) = _sample(first, step), _sample(second, step)
    out, back = cKDTree(there).query(here)[0], cKDTree(here).query(there)[0]
    inside, within = (
        shapely.contains_xy(shapely.Polygon(outline), points) for outline, points in ((second, here), (first, there))
    )
    total = length_here.sum(), length_there.sum()
    whole = out @ length_here, back @ length_there
    offset = np.where(inside, -out, out) @ length_here / total[0]
    mirrored = np.where(within, back, -back) @ length_there / total[1]
    return Numbers(
        max(out.max(), back.max()),
        max(_percentile(out, length_here, 0.95), _percentile(back, length_there, 0.95)),
        (whole[0] / total[0] + whole[1] / total[1]) / 2.0,
        sum(whole) / sum(total),
        (length_here[out <= tolerance].sum() + length_there[back <= tolerance].sum()) / sum(total),
        (offset + mirrored) / 2.0,
    )


# shape

PROPERTIES = ("area", "perimeter", "feret_diameter_max", "equivalent_diameter_area", "solidity", "axis_major_length")


def skimage_shape(outline: Floats) -> float:
    """`regionprops_table` of a mask on the box of the outline; returns the largest diameter, computes all."""
    mask = masks_of(outline, outline)[0]
    return float(regionprops_table(mask.astype(np.uint8), properties=PROPERTIES)["feret_diameter_max"][0])
