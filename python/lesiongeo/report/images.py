"""Pictures behind the outlines: found safely in one folder, turned as browsers do, cropped, small, without metadata."""

from __future__ import annotations

import base64
import io
import math
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Crop", "Pictures"]

#: Longest side of a cropped picture, and its quality.
LONGEST, QUALITY = 560, 72
#: Larger pictures are not opened: a small file can claim to be one.
MOST_PIXELS = 400_000_000
#: Bytes of all pictures of a report, as text.
MOST_BYTES = 3_200_000
#: Kinds of files that browsers show and annotators saw; others are not opened.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
#: Relative difference of the two shapes from which the picture is another one.
SAME_SHAPE = 0.01


@dataclass(frozen=True, slots=True)
class Crop:
    """A piece of a picture, in pixels of the page as recorded, and what must be said about it."""

    url: str
    x: float
    y: float
    width: float
    height: float
    remark: str | None


class Pictures:
    """A folder of images.

    Parameters
    ----------
    folder : path-like
        Images by their names; nothing outside is read, wherever names or links lead.
    names : iterable of str
        All image addresses of the run: a file that fits two of them is shown for neither.
    """

    def __init__(self, folder: str | os.PathLike[str], names: Iterable[str]) -> None:
        self.root = Path(folder).resolve(strict=True)
        if not self.root.is_dir():
            raise NotADirectoryError(20, os.strerror(20), str(folder))
        self.endings = Counter(ending for name in set(names) for ending in _endings(name))
        self.left = MOST_BYTES
        self._open: tuple[Path | None, Image | None, str | None] = (None, None, None)

    def find(self, name: str) -> tuple[Path | None, str | None]:
        """Return the file of an image address, or why there is none."""
        ambiguous = False
        for ending in _endings(name):
            path = self.root.joinpath(*ending)
            try:
                real = path.resolve(strict=True)
                inside = real.is_relative_to(self.root) and real.is_file()
            except (OSError, ValueError, RuntimeError):
                continue
            if not inside:
                continue
            if self.endings[ending] > 1:
                ambiguous = True
                continue
            return real, None
        if ambiguous:
            return None, "the folder of images has a file of this name, but several images of the run are called so"
        return None, "the folder of images has no file of this name"

    def crop(
        self, name: str | None, size: tuple[int | None, int | None], box: tuple[float, float, float, float]
    ) -> tuple[Crop | None, str | None]:
        """Cut a piece out of a picture.

        Parameters
        ----------
        name : str or None
            Address of the image, without a query.
        size : (int or None, int or None)
            Width and height of the page as recorded.
        box : (float, float, float, float)
            Left, top, right, bottom in pixels of the page.

        Returns
        -------
        (Crop or None, str or None)
            The piece, or why there is none.
        """
        if name is None:
            return None, "the run does not name the image of this page"
        path, why = self.find(name)
        if path is None:
            return None, why
        if self.left <= 0:
            return None, "the report has as many pictures as fit into it"
        picture, why = self._opened(path)
        if picture is None:
            return None, why
        width, height = size[0] or picture.width, size[1] or picture.height
        sx, sy = picture.width / width, picture.height / height
        remark = None
        if (picture.width, picture.height) != (width, height):
            remark = f"picture of {picture.width} x {picture.height}, scaled to the recorded {width} x {height} pixels"
            if abs(sx / sy - 1.0) > SAME_SHAPE:
                remark += "; its shape differs, so it may be another one"
        left, top = max(math.floor(box[0] * sx), 0), max(math.floor(box[1] * sy), 0)
        right, bottom = min(math.ceil(box[2] * sx), picture.width), min(math.ceil(box[3] * sy), picture.height)
        if right <= left or bottom <= top:
            return None, "the outlines lie outside the picture"
        url = self._encoded(picture, (left, top, right, bottom))
        self.left -= len(url)
        return Crop(url, left / sx, top / sy, (right - left) / sx, (bottom - top) / sy, remark), None

    def _opened(self, path: Path) -> tuple[Image | None, str | None]:
        """Open a picture as a browser shows it; the last one is kept, as cases of one image may follow each other."""
        if self._open[0] == path:
            return self._open[1:]
        from PIL import Image, ImageOps

        picture: Image.Image | None = None
        why: str | None = None
        try:
            with path.open("rb") as file, Image.open(file, formats=FORMATS) as found:
                if found.width * found.height > MOST_PIXELS:
                    why = f"the picture claims {found.width} x {found.height} pixels; it was not opened"
                else:
                    found.load()
                    picture = ImageOps.exif_transpose(found)
        # Pillow raises whatever its decoders raise; a damaged picture is no reason to have no report.
        except Exception as error:
            why = f"the picture cannot be read ({type(error).__name__})"
        self._open = (path, picture, why)
        return picture, why

    @staticmethod
    def _encoded(picture: Image, box: tuple[int, int, int, int]) -> str:
        from PIL import Image

        piece = picture.crop(box)
        if piece.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
            low, high = picture.getextrema()
            piece = _to_bytes(piece, low, high)
        shrink = min(1.0, LONGEST / max(piece.size))
        small = (max(1, round(piece.width * shrink)), max(1, round(piece.height * shrink)))
        if piece.mode in ("RGBA", "LA", "PA") or "transparency" in piece.info:
            piece = piece.convert("RGBA")
            # Browsers show pictures with holes on white.
            ground = Image.new("RGBA", piece.size, "white")
            piece = Image.alpha_composite(ground, piece)
        piece = piece.convert("RGB")
        if small != piece.size:
            piece = piece.resize(small, Image.Resampling.LANCZOS, reducing_gap=3.0)
        # A new picture has pixels only: no position, no name of a patient, no comment.
        clean = Image.new("RGB", piece.size)
        clean.paste(piece)
        buffer = io.BytesIO()
        clean.save(buffer, "JPEG", quality=QUALITY, optimize=True)
        return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _to_bytes(piece: Image, low: Any, high: Any) -> Image:
    """Stretch values beyond 8 bits over black to white."""
    import numpy as np
    from PIL import Image

    values = np.asarray(piece, dtype=np.float64)
    span = float(high) - float(low)
    scaled = np.zeros_like(values) if span <= 0 else (values - float(low)) * (255.0 / span)
    return Image.fromarray(np.clip(np.round(scaled), 0, 255).astype(np.uint8), "L")


def _endings(name: str) -> list[tuple[str, ...]]:
    r"""Parts of an address as paths within a folder, the longest first; none with a part that leads elsewhere.

    Examples
    --------
    >>> _endings("https://host/P1/visit%201.jpg")
    [('host', 'P1', 'visit 1.jpg'), ('P1', 'visit 1.jpg'), ('visit 1.jpg',)]
    >>> _endings("../../etc/passwd"), _endings("C:\\secret.png")
    ([], [])
    """
    plain = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]+://?", "", re.split(r"[?#]", name, maxsplit=1)[0])
    # What is no name of a file is not looked for; longer ones no system has.
    if len(plain) > 4096:
        return []
    parts = [unquote(part) for part in plain.split("/") if part not in ("", ".")]
    if not parts or any(part in (".", "..") or re.search(r"[/\\:\x00-\x1f]", part) for part in parts):
        return []
    return [tuple(parts[start:]) for start in range(len(parts))]
