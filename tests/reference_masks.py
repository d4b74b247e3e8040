"""Masks for the plain reader: Label Studio's run lengths, PNG, and rings put back onto pixels; shares nothing else.

Run lengths: a stream of bits, most significant bit of each byte first. 32 bits: how many values follow; 5 bits: bits
of a value, less one; four times 4 bits: bits of a run's length, less one. Then runs until all values are there: one
bit (1: one value repeated, 0: as many values as the run is long), two bits that choose one of the four widths, the
length of the run less one in that many bits, and the value or values. The values are R, G, B, A by pixel, row by row.

Rules where the sources are silent: a pixel belongs to the mask when its alpha is above 0 (the editor's own test for
hovering, and the converter's contours of what is not zero); a stream whose runs end before its last value or go
beyond it, or whose values are not four for each pixel, has no mask.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Samples = npt.NDArray[np.uint8]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
# First column, first row, and steps of the seven passes of an interlaced image.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
LARGEST = 1 << 26


class MaskError(Exception):
    """There is no mask in this."""


class Bits:
    """Numbers of so many bits, one after another."""

    def __init__(self, data: bytes) -> None:
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def take(self, count: int) -> int:
        """The next number."""
        self.at += count
        if self.at > len(self.text):
            raise MaskError("the run lengths end early")
        return int(self.text[self.at - count : self.at], 2)


def rle_values(rle: object) -> list[int]:
    """All values of a stream of run lengths."""
    return rle_parts(rle)[0]


def rle_rest(rle: object) -> int:
    """Bits behind the last value that are no padding: the vendor's encoders write up to eight zeros."""
    rest = rle_parts(rle)[1]
    return len(rest) if len(rest) > 8 or "1" in rest else 0


def rle_parts(rle: object) -> tuple[list[int], str]:
    """All values of a stream of run lengths, and the bits behind the last one."""
    if not isinstance(rle, list) or not all(type(byte) is int and 0 <= byte <= 255 for byte in rle):
        raise MaskError("the run lengths are not a list of bytes")
    bits = Bits(bytes(rle))
    count = bits.take(32)
    if count > LARGEST:
        raise MaskError("too many values")
    width = bits.take(5) + 1
    lengths = [bits.take(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < count:
        repeated = bits.take(1)
        length = bits.take(lengths[bits.take(2)]) + 1
        if repeated:
            values += [bits.take(width)] * length
        else:
            values += [bits.take(width) for _ in range(length)]
    if len(values) > count:
        raise MaskError("more values than there should be")
    return values, bits.text[bits.at :]


def brush_mask(rle: object, width: int, height: int) -> Mask:
    """The pixels of a brush region."""
    values = rle_values(rle)
    if len(values) != 4 * width * height:
        raise MaskError("not four values for each pixel")
    return np.array(values[3::4], dtype=np.int64).reshape(height, width) > 0


def png_of(address: object) -> bytes:
    """The bytes of an image that stands in its address."""
    if not isinstance(address, str) or not address.startswith("data:image/png;base64,"):
        raise MaskError("no PNG in base64")
    try:
        return base64.b64decode(address.split(",", 1)[1], validate=True)
    except (binascii.Error, ValueError):
        raise MaskError("wrong base64") from None


def bitmask_mask(address: object) -> Mask:
    """The pixels of a bitmask region: all that are not fully transparent."""
    width, height, kind, depth, interlaced, palette_alpha, clear, data = chunks(png_of(address))
    channels = CHANNELS[kind]
    alpha = np.zeros((height, width), dtype=np.int64)
    rows = memoryview(data)
    for left, top, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        w, h = len(range(left, width, across)), len(range(top, height, down))
        if w and h:
            size = (w * channels * depth + 7) // 8
            if len(rows) < h * (size + 1):
                raise MaskError("the pixels end early")
            plane = unfiltered(rows[: h * (size + 1)], h, size, max(1, channels * depth // 8))
            rows = rows[h * (size + 1) :]
            samples = unpacked(plane, w * channels, depth).reshape(h, w, channels)
            alpha[top::down, left::across] = alpha_of(samples, kind, depth, palette_alpha, clear)
    return alpha > 0


def chunks(png: bytes) -> tuple[int, int, int, int, int, bytes, tuple[int, ...] | None, bytes]:
    """Size, kind, depth, interlacing, alpha of the palette, the transparent colour, and the unpacked rows."""
    if not png.startswith(SIGNATURE):
        raise MaskError("not a PNG")
    at, packed, clear, header = len(SIGNATURE), b"", b"", None
    while at + 12 <= len(png):
        (length,), name = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        body = png[at + 8 : at + 8 + length]
        check = png[at + 8 + length : at + 12 + length]
        if len(check) < 4 or zlib.crc32(name + body) != int.from_bytes(check, "big"):
            raise MaskError("a chunk is damaged")
        at += 12 + length
        if name == b"IHDR" and len(body) == 13:
            header = struct.unpack(">IIBBBBB", body)
        elif name == b"IDAT":
            packed += body
        elif name == b"tRNS":
            clear = body
        elif name == b"IEND":
            break
    else:
        raise MaskError("the image has no end")
    if header is None:
        raise MaskError("no header")
    width, height, depth, kind, compression, filtering, interlaced = header
    if kind not in DEPTHS or depth not in DEPTHS[kind] or compression or filtering or interlaced > 1:
        raise MaskError("an unknown form of PNG")
    if not 0 < width * height <= LARGEST:
        raise MaskError("no size, or too large")
    try:
        data = zlib.decompress(packed)
    except zlib.error:
        raise MaskError("the pixels cannot be unpacked") from None
    colour = struct.unpack(f">{len(clear) // 2}H", clear) if clear and kind in (0, 2) else None
    return width, height, kind, depth, interlaced, clear if kind == 3 else b"", colour, data


def unfiltered(rows: memoryview, height: int, size: int, step: int) -> Samples:
    """The bytes of each row before they were filtered."""
    before = [0] * size
    done = np.zeros((height, size), dtype=np.uint8)
    for y in range(height):
        how, line = rows[y * (size + 1)], list(rows[y * (size + 1) + 1 : (y + 1) * (size + 1)])
        if how > 4:
            raise MaskError("an unknown filter")
        for x in range(size):
            left = line[x - step] if x >= step else 0
            corner = before[x - step] if x >= step else 0
            guess = (0, left, before[x], (left + before[x]) // 2, paeth(left, before[x], corner))[how]
            line[x] = (line[x] + guess) & 255
        done[y] = before = line
    return done


def paeth(left: int, up: int, corner: int) -> int:
    """Whichever of the three neighbours is nearest to left + up - corner; the first of equals."""
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))


def unpacked(plane: Samples, count: int, depth: int) -> npt.NDArray[np.int64]:
    """So many samples of each row, from their bytes."""
    if depth == 8:
        return plane[:, :count].astype(np.int64)
    if depth == 16:
        return plane[:, 0 : 2 * count : 2].astype(np.int64) * 256 + plane[:, 1 : 2 * count : 2]
    bits = np.unpackbits(plane, axis=1)[:, : count * depth].reshape(len(plane), count, depth)
    return bits @ (1 << np.arange(depth)[::-1])


def alpha_of(
    samples: npt.NDArray[np.int64], kind: int, depth: int, palette_alpha: bytes, clear: tuple[int, ...] | None
) -> npt.NDArray[np.int64]:
    """Opacity of each pixel; what has none stated is opaque."""
    if kind in (4, 6):
        return samples[:, :, -1]
    if kind == 3:
        table = np.full(1 << depth, 255)
        table[: len(palette_alpha)] = list(palette_alpha)[: len(table)]
        return table[samples[:, :, 0]]
    if clear is not None:
        return np.where((samples == np.array(clear)).all(axis=2), 0, 255)
    return np.full(samples.shape[:2], 255)


def windings(rings: list[npt.NDArray[np.float64]], width: int, height: int) -> npt.NDArray[np.int64]:
    """How often the rings, whose edges all run along pixel edges, go around the middle of each pixel."""
    steps = np.zeros((height, width + 1), dtype=np.int64)
    for ring in rings:
        closed = [*ring.tolist(), ring[0].tolist()]
        for (x0, y0), (x1, y1) in pairwise(closed):
            if not all(float(v).is_integer() for v in (x0, y0, x1, y1)) or (x0 != x1 and y0 != y1):
                raise AssertionError(f"not along pixel edges: {(x0, y0)} to {(x1, y1)}")
            if not (0 <= x0 <= width and 0 <= y0 <= height):
                raise AssertionError(f"outside the image: {(x0, y0)}")
            if x0 == x1:
                low, high = sorted((int(y0), int(y1)))
                steps[low:high, int(x0)] += 1 if y1 < y0 else -1
    return np.cumsum(steps, axis=1)[:, :width]
