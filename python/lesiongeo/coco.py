"""COCO: regions as the JSON that detection and segmentation frameworks train on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from . import __version__
from .consensus import Consensus
from .errors import RegionError
from .keyholes import keyhole_rings
from .polygons import Polygons
from .read.export import page_rows
from .regions import Regions
from .specs import SPECS, specs_of

__all__ = ["coco", "write_coco"]

#: What a table must have to become COCO.
PLACE = ("task_id", "page", "image", "width", "height")
#: Columns that are said elsewhere than in the attributes.
ELSEWHERE = frozenset((*PLACE, "label", "labels", "area_px2", "geometry"))
#: Name of the category of regions without label, as far as no label is called so.
UNLABELLED = "unlabelled"
#: Annotations that are made at a time while a file is written.
ROWS = 4096

Ints = NDArray[np.int64]


def coco(regions: Consensus | Regions, *, pages: pa.Table | None = None, threads: int | None = None) -> dict[str, Any]:
    """Return regions as a COCO data set.

    Parameters
    ----------
    regions : Consensus or Regions
        Regions with the columns task_id, page, image, width, height and label. All other columns of numbers, texts and
        truth values become attributes: leave out what shall not be passed on.
    pages : pyarrow.Table, optional
        Pages that are listed also where they have no region: task_id, page, image, width, height. Of a `Consensus` by
        default its own, all that somebody annotated.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    dict
        - `images`: id, file_name, width, height, coco_url (the address without its query), task_id, page. Every page of
          a task is an image of its own, by task and page. The file name is the path of the address, without host,
          query and steps upwards; without a file in it ``task-<id>-page-<number>``.
        - `categories`: id, name, by name. Regions without label are of the category "unlabelled".
        - `annotations`: id, image_id, category_id, segmentation (a list x, y, x, y, ... per part; a hole is reached
          through a slit of no width), area (exact, holes taken off), bbox (x, y, width, height), iscrowd (0) and
          attributes. Coordinates are pixels; pixel (0, 0) covers [0, 1) x [0, 1).
        - `info`: description, specs (ids of the definitions behind the numbers), and left_out: task_id, page, n_regions
          and reason of what is no image or annotation: image_size_unknown (nobody drew on the page, or its regions
          disagree about its size; COCO needs one) and no_area.

    Raises
    ------
    RegionError
        If a column is missing.

    Notes
    -----
    An outline that crosses itself is written as its non-zero interior. What lies outside of the image is not cut off.
    O(vertices).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> made = lg.coco(lg.consensus(export, lg.agreement(export)))
    >>> made["images"][0]["file_name"], made["annotations"][0]["category_id"] in {c["id"] for c in made["categories"]}
    ('P0001/visit1.jpg', True)
    """
    source = _Source(regions, pages, threads)
    return {**source.head(), "annotations": list(source.annotations())}


def write_coco(
    regions: Consensus | Regions,
    path: str | os.PathLike[str],
    *,
    pages: pa.Table | None = None,
    threads: int | None = None,
) -> dict[str, int]:
    """Write regions as a COCO file.

    Parameters
    ----------
    regions, pages, threads
        As in `coco`.
    path : path-like
        The file.

    Returns
    -------
    dict
        How many images, annotations, categories there are, and how much was left out (left_out).

    Raises
    ------
    RegionError
        If a column is missing.
    OSError
        If the file cannot be written.

    Notes
    -----
    One annotation per line; the same regions give the same bytes. Annotations are made while the file is written, so
    memory does not grow with them.

    Examples
    --------
    >>> import lesiongeo as lg, tempfile, pathlib
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lg.write_coco(lg.consensus(export, lg.agreement(export)), pathlib.Path(folder) / "consensus.coco.json")
    {'images': 115, 'annotations': 248, 'categories': 5, 'left_out': 5}
    """
    source = _Source(regions, pages, threads)
    head = source.head()
    written = 0
    with Path(path).open("w", encoding="utf-8", newline="\n") as file:
        text = json.dumps(head, ensure_ascii=False, allow_nan=False)
        file.write(f'{text[:-1]}, "annotations": [')
        for entry in source.annotations():
            file.write(("\n" if written == 0 else ",\n") + json.dumps(entry, ensure_ascii=False, allow_nan=False))
            written += 1
        file.write("\n]}\n")
    return {
        "images": len(head["images"]),
        "annotations": written,
        "categories": len(head["categories"]),
        "left_out": len(head["info"]["left_out"]),
    }


class _Source:
    """Regions, the images they lie on and the categories they are of."""

    def __init__(self, regions: Consensus | Regions, pages: pa.Table | None, threads: int | None) -> None:
        self.title, named = "Regions", []
        if isinstance(regions, Consensus):
            self.title, named = f"Consensus by {regions.method}", [SPECS[regions.method].id]
            pages = regions.pages if pages is None else pages
            regions = regions.regions
        self.table = regions.table
        self.specs = sorted({*specs_of([self.table]), *named})
        missing = [name for name in (*PLACE, "label") if name not in self.table.column_names]
        if missing:
            raise RegionError(f"the regions have no column {', '.join(missing)}, which COCO needs; add it")
        self.polygons = Polygons._trusted(regions.polygons._interior(threads))
        self.areas = self.polygons._areas(threads)
        self.pages = _pages(self.table, pages)
        self.page: Ints = page_rows(
            *(self.table[name].to_numpy() for name in ("task_id", "page")),
            *(self.pages[name].to_numpy() for name in ("task_id", "page")),
        )
        width, height = (pc.fill_null(self.pages[name], 0).to_numpy() for name in ("width", "height"))
        #: Id of the image of each page; 0 for those that cannot be one.
        self.image: Ints = np.where((width > 0) & (height > 0), 1, 0).astype(np.int64)
        self.image[self.image > 0] = np.arange(1, self.image.sum() + 1)
        labels = self.table["label"].unique().to_pylist()
        self.categories: list[str] = sorted(label for label in labels if label is not None)
        self.unlabelled: str | None = None
        if None in labels:
            name = UNLABELLED
            while name in self.categories:
                name = f"({name})"
            self.unlabelled = name
            self.categories.append(name)

    def head(self) -> dict[str, Any]:
        """Return everything but the annotations."""
        return {
            "info": {
                "description": f"{self.title} in pixels, by lesiongeo {__version__}",
                "specs": self.specs,
                "left_out": self._left_out(),
            },
            "licenses": [],
            "images": list(self._images()),
            "categories": [{"id": number, "name": name} for number, name in enumerate(self.categories, 1)],
        }

    def _images(self) -> Iterator[dict[str, Any]]:
        for number, row in zip(self.image.tolist(), self.pages.select(PLACE).to_pylist(), strict=True):
            if number:
                yield {
                    "id": number,
                    "file_name": file_name(row["image"], row["task_id"], row["page"]),
                    "width": row["width"],
                    "height": row["height"],
                    "coco_url": _without_query(row["image"]),
                    "task_id": row["task_id"],
                    "page": row["page"],
                }

    def _left_out(self) -> list[dict[str, Any]]:
        """List pages without a size, with how many regions they had, and regions without area."""
        counts = np.bincount(self.page, minlength=self.pages.num_rows)
        found = [
            {"task_id": task, "page": page, "n_regions": count, "reason": "image_size_unknown"}
            for task, page, count, image in zip(
                self.pages["task_id"].to_pylist(),
                self.pages["page"].to_pylist(),
                counts.tolist(),
                self.image.tolist(),
                strict=True,
            )
            if not image
        ]
        flat = np.bincount(self.page[(self.areas <= 0) & (self.image[self.page] > 0)], minlength=len(counts))
        places = self.pages.select(["task_id", "page"]).take(pa.array(np.flatnonzero(flat))).to_pylist()
        for place, count in zip(places, flat[flat > 0].tolist(), strict=True):
            found.append({**place, "n_regions": count, "reason": "no_area"})
        return found

    def annotations(self) -> Iterator[dict[str, Any]]:
        """Yield the annotations, some thousand rows at a time."""
        rows = np.flatnonzero((self.areas > 0) & (self.image[self.page] > 0))
        numbers = {name: number for number, name in enumerate(self.categories, 1)}
        if self.unlabelled is not None:
            numbers_of_null = numbers[self.unlabelled]
        attributes = [name for name in self.table.column_names if name not in ELSEWHERE and _is_plain(self.table[name])]
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            own = self.polygons.take(some)
            boxes = own._boxes()
            boxes[:, 2:] -= boxes[:, :2]
            table = self.table.take(pa.array(some))
            for number, image, label, segmentation, area, box, values in zip(
                range(start + 1, start + len(some) + 1),
                self.image[self.page[some]].tolist(),
                table["label"].to_pylist(),
                _segmentations(own),
                self.areas[some].tolist(),
                boxes.tolist(),
                table.select(attributes).to_pylist(),
                strict=True,
            ):
                yield {
                    "id": number,
                    "image_id": image,
                    "category_id": numbers_of_null if label is None else numbers[label],
                    "segmentation": segmentation,
                    "area": area,
                    "bbox": box,
                    "iscrowd": 0,
                    "attributes": values,
                }


def _pages(table: pa.Table, pages: pa.Table | None) -> pa.Table:
    """Return the pages that become images, by task and page: those given, and those that regions lie on."""
    own = (
        table.select(PLACE)
        .group_by(["task_id", "page"], use_threads=False)
        .aggregate([("image", "first"), ("width", "min"), ("width", "max"), ("height", "min"), ("height", "max")])
    )
    same = pc.and_(pc.equal(own["width_min"], own["width_max"]), pc.equal(own["height_min"], own["height_max"]))
    found = pa.table(
        {
            "task_id": own["task_id"],
            "page": own["page"],
            "image": own["image_first"],
            "width": pc.if_else(same, own["width_min"], None),
            "height": pc.if_else(same, own["height_min"], None),
        }
    )
    if pages is not None:
        given = pages.select(PLACE)
        places = [one[name].to_numpy() for one in (found, given) for name in ("task_id", "page")]
        found = pa.concat_tables([given, found.filter(pa.array(page_rows(*places) < 0))], promote_options="permissive")
    return found.sort_by([("task_id", "ascending"), ("page", "ascending")]).combine_chunks()


def _segmentations(polygons: Polygons) -> list[list[list[float]]]:
    """Return the parts of each region as flat lists; holes are reached through slits."""
    rings, rows = keyhole_rings(polygons)
    numbers = rings.xy.reshape(-1).tolist()
    ends = (2 * rings.ring_offsets.astype(np.int64)).tolist()
    found: list[list[list[float]]] = [[] for _ in range(len(polygons))]
    for row, (start, end) in zip(rows.tolist(), pairwise(ends), strict=True):
        found[row].append(numbers[start:end])
    return found


def _is_plain(column: pa.ChunkedArray) -> bool:
    kind = column.type
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_boolean)
    return any(test(kind) for test in tests)


def _without_query(image: str | None) -> str | None:
    """Return an address without what may sign it, and no image that is written into it."""
    if image is None or image.startswith("data:"):
        return None
    return image.split("?", 1)[0].split("#", 1)[0]


def file_name(image: str | None, task_id: int, page: int) -> str:
    """Return the path of an image's address, without host, query and steps upwards."""
    address = _without_query(image) or ""
    try:
        path = urlsplit(address).path
    except ValueError:  # brackets that are no address of a host
        path = address
    if path and not path.endswith("/"):
        steps = [step for step in path.replace("\\", "/").split("/") if step not in ("", ".", "..")]
        if steps:
            return "/".join(steps)
    return f"task-{task_id}-page-{page}"
