"""Pictures in the report: which file is taken, which never, what of it comes out."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lesiongeo as lg
from lesiongeo.report.contours import MOST_VERTICES, path_of, thinned
from lesiongeo.report.images import MOST_BYTES, Pictures
from run_folder import agreed, exported, region, square, task, write_run

BOX = (0.0, 0.0, 100.0, 80.0)


def picture(path: Path, size: tuple[int, int] = (100, 80), colour: Any = (200, 30, 30), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def opened(url: str) -> Image.Image:
    assert url.startswith("data:image/jpeg;base64,")
    return Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1])))


def cut(folder: Path, name: str | None, names: list[str] | None = None, **options: Any) -> Any:
    pictures = Pictures(folder, names if names is not None else [name] if name else [])
    return pictures.crop(name, options.get("size", (100, 80)), options.get("box", BOX))


# Which file


@pytest.mark.parametrize(
    "address",
    [
        "https://host/bucket/P1/visit.png",
        "s3://bucket/P1/visit.png",
        "/data/upload/1/P1/visit.png",
        "P1/visit.png",
        "file:///somewhere/P1/visit.png",
        "https://host/P1/visit.png?token=abc#x",
        "https://host/P1/./visit.png",
        "https://host//P1/visit.png",
    ],
)
def test_a_picture_is_found_by_the_end_of_its_address(address: str, tmp_path: Path) -> None:
    path = picture(tmp_path / "P1" / "visit.png")
    assert Pictures(tmp_path, [address]).find(address) == (path.resolve(), None)
    crop, why = cut(tmp_path, address)
    assert why is None and crop.remark is None
    red, green, _ = opened(crop.url).getpixel((50, 40))
    assert red > 180 and green < 60


def test_the_longest_end_that_fits_is_taken(tmp_path: Path) -> None:
    picture(tmp_path / "visit.png", colour=(0, 0, 255))
    path = picture(tmp_path / "P1" / "visit.png")
    assert Pictures(tmp_path, ["h/P1/visit.png"]).find("h/P1/visit.png")[0] == path.resolve()


def test_escaped_names_are_those_of_files(tmp_path: Path) -> None:
    path = picture(tmp_path / "li Arm ä.png")
    assert Pictures(tmp_path, []).find("https://h/li%20Arm%20%C3%A4.png")[0] == path.resolve()


def test_a_name_of_two_images_is_taken_for_neither(tmp_path: Path) -> None:
    """Outlines over the picture of another patient would be worse than none."""
    picture(tmp_path / "visit.png")
    names = ["https://h/P1/visit.png", "https://h/P2/visit.png"]
    crop, why = cut(tmp_path, names[0], names)
    assert crop is None and "several images" in why
    path = picture(tmp_path / "P1" / "visit.png")
    assert Pictures(tmp_path, names).find(names[0])[0] == path.resolve()
    assert Pictures(tmp_path, names).find(names[1])[0] is None


@pytest.mark.parametrize(
    "address",
    [
        "../secret.png",
        "../../etc/passwd",
        "a/../../secret.png",
        "..%2Fsecret.png",
        "%2e%2e/secret.png",
        "/etc/passwd",
        "file:///etc/passwd",
        "C:\\secret.png",
        "C:secret.png",
        "..\\secret.png",
        "secret.png\x00.jpg",
        "",
        "/",
        "." * 5000,
        "a" * 300,
        "https://h/" + "a/" * 3000,
    ],
)
def test_nothing_outside_of_the_folder_is_read(address: str, tmp_path: Path) -> None:
    picture(tmp_path / "secret.png")
    (tmp_path / "images").mkdir()
    crop, why = cut(tmp_path / "images", address)
    assert crop is None and why


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    picture(tmp_path / "secret.png")
    inside = tmp_path / "images"
    inside.mkdir()
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    (inside / "folder").symlink_to(tmp_path)
    (inside / "loop.png").symlink_to(inside / "loop.png")
    for name in ("link.png", "folder/secret.png", "loop.png", "folder"):
        crop, why = cut(inside, name)
        assert crop is None and "no file of this name" in why
    path = picture(inside / "real.png")
    (inside / "other.png").symlink_to(path)
    assert Pictures(inside, []).find("other.png")[0] == path.resolve()


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    for name in ("pipe.png", "folder.png"):
        assert cut(tmp_path, name)[0] is None


def test_a_page_without_image(tmp_path: Path) -> None:
    assert cut(tmp_path, None) == (None, "the run does not name the image of this page")


# What comes out


def test_metadata_stays_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x010E] = "SECRET PATIENT"
    exif[0x8825] = {1: "N", 2: (47.0, 0.0, 0.0)}
    Image.new("RGB", (100, 80)).save(path, exif=exif, comment=b"SECRET COMMENT", icc_profile=b"SECRET" * 50)
    assert b"SECRET PATIENT" in path.read_bytes() and b"SECRET COMMENT" in path.read_bytes()
    crop, _ = cut(tmp_path, "a.jpg")
    content = base64.b64decode(crop.url.split(",")[1])
    assert b"SECRET" not in content and b"Exif" not in content and b"ICC" not in content
    assert not opened(crop.url).getexif()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_as_browsers_show_them(orientation: int, tmp_path: Path) -> None:
    """The upper left quarter is red, whichever way the file stores it."""
    shown = np.zeros((80, 100, 3), dtype=np.uint8)
    shown[:40, :50] = (255, 0, 0)
    # What must be stored so that the orientation turns it into what is shown.
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(undo(shown))).save(tmp_path / "a.jpg", exif=exif, quality=95)
    crop, why = cut(tmp_path, "a.jpg")
    assert why is None and crop.remark is None
    found = np.asarray(opened(crop.url)).astype(int)
    assert found.shape == (80, 100, 3)
    assert found[20, 25, 0] > 200
    assert all(found[y, x, 0] < 50 for y, x in ((20, 75), (60, 25), (60, 75)))


def test_a_crop_says_where_it_lies(tmp_path: Path) -> None:
    shades = np.zeros((800, 1000, 3), dtype=np.uint8)
    shades[300:500, 400:600] = 255
    Image.fromarray(shades).save(tmp_path / "a.png")
    crop, _ = cut(tmp_path, "a.png", size=(1000, 800), box=(399.5, 299.5, 600.5, 500.5))
    assert (crop.x, crop.y, crop.width, crop.height) == (399, 299, 202, 202)
    found = np.asarray(opened(crop.url)).astype(int)
    assert found.shape == (202, 202, 3) and found[50:150, 50:150].min() > 200


def test_a_smaller_picture_is_scaled_and_that_is_said(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (250, 200))
    crop, _ = cut(tmp_path, "a.png", size=(1000, 800), box=(400.0, 400.0, 600.0, 600.0))
    assert (crop.x, crop.y, crop.width, crop.height) == (400, 400, 200, 200)
    assert crop.remark == "picture of 250 x 200, scaled to the recorded 1000 x 800 pixels"
    picture(tmp_path / "b.png", (800, 1000))
    crop, _ = cut(tmp_path, "b.png", size=(1000, 800), box=BOX)
    assert "its shape differs" in crop.remark


def test_crops_are_small_and_inside(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (3000, 2400))
    crop, _ = cut(tmp_path, "a.png", size=(3000, 2400), box=(-500.0, -500.0, 2500.0, 2500.0))
    assert (crop.x, crop.y, crop.width, crop.height) == (0, 0, 2500, 2400)
    assert max(opened(crop.url).size) == 560 and len(crop.url) < 40_000
    assert cut(tmp_path, "a.png", size=(3000, 2400), box=(4000.0, 0.0, 5000.0, 100.0))[0] is None


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (0, 0, 0, 0), (255, 255, 255)),
        ("LA", (0, 0), (255, 255, 255)),
        ("P", 0, (0, 0, 0)),
        ("L", 128, (128, 128, 128)),
        ("1", 1, (255, 255, 255)),
        ("I;16", 30000, (0, 0, 0)),
    ],
)
def test_all_kinds_of_pixels(mode: str, colour: Any, expected: tuple[int, int, int], tmp_path: Path) -> None:
    picture(tmp_path / "a.png", colour=colour, mode=mode)
    crop, why = cut(tmp_path, "a.png")
    assert why is None
    found = opened(crop.url).getpixel((50, 40))
    assert np.abs(np.subtract(found, expected)).max() <= 2


def test_sixteen_bits_are_stretched(tmp_path: Path) -> None:
    values = np.linspace(1000, 3000, 100, dtype=np.uint16)[None, :].repeat(80, axis=0)
    Image.fromarray(values).save(tmp_path / "a.png")
    crop, _ = cut(tmp_path, "a.png")
    found = np.asarray(opened(crop.url))[40, :, 0].astype(int)
    assert found[0] < 10 and found[-1] > 245 and abs(found[50] - 128) < 10


def test_pictures_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    path = picture(tmp_path / "b.png")
    path.write_bytes(path.read_bytes()[:60])
    (tmp_path / "c.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>")
    (tmp_path / "d.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    for name in ("a.png", "b.png", "c.svg", "d.eps"):
        crop, why = cut(tmp_path, name)
        assert crop is None and "cannot be read" in why


def test_a_small_file_that_claims_to_be_large_is_not_opened(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    for name, side in (("a.png", 60_000), ("b.png", 12_000)):
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        content = (
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
        )
        (tmp_path / name).write_bytes(content)
        crop, why = cut(tmp_path, name)
        assert crop is None and ("not opened" in why or "cannot be read" in why)


def test_there_is_room_for_so_many_pictures(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (560, 560, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    pictures = Pictures(tmp_path, ["a.png"])
    total, why = 0, None
    for _ in range(200):
        crop, why = pictures.crop("a.png", (560, 560), (0.0, 0.0, 560.0, 560.0))
        if crop is None:
            break
        total += len(crop.url)
    assert why == "the report has as many pictures as fit into it"
    assert MOST_BYTES <= total < MOST_BYTES + 400_000


# In the report


def test_a_report_with_pictures(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "x.png", (500, 400))
    drawn = {1: [region("a", square(100, 100, 100))], 2: [region("b", square(110, 100, 100))]}
    tasks = [task(1, "https://h/x.png?token=SECRET", drawn), task(2, "https://h/../../x.png", drawn)]
    folder = write_run(tmp_path / "run", agreed(exported(*tasks)))
    html = lg.write_report(folder, images=tmp_path / "images").read_text(encoding="utf-8")
    assert html.count("data:image/jpeg;base64,") == 1 and html.count("<image ") == 1
    assert "scaled to the recorded 1000 x 800 pixels" in html and "No picture" in html
    assert "1 case has no picture" in html and "SECRET" not in html and str(tmp_path) not in html
    # The square from 100 to 210 fills two thirds of the height of the card, which is 240.
    place = re.search(r'<image [^>]*?x="([-\d.]+)" y="([-\d.]+)" width="([-\d.]+)" height="([-\d.]+)"', html)
    assert place is not None
    x, y, width, height = map(float, place.groups())
    first = re.search(r'<path id="o\d-0" d="M([-\d.]+) ([-\d.]+)L', html)
    assert first is not None
    # A pixel of the page is as large in the picture as in the outline.
    corners = [
        tuple(map(float, pair.split())) for pair in re.findall(r"[ML]([-\d.]+ [-\d.]+)", html[first.start() :][:200])
    ]
    side = max(a for a, _ in corners[:4]) - min(a for a, _ in corners[:4])
    scale = side / 100
    left, top = min(a for a, _ in corners[:4]) - 100 * scale, min(b for _, b in corners[:4]) - 100 * scale
    assert width / scale == pytest.approx(height / scale * 4 / 3, rel=0.05)
    assert (x - left) / scale == pytest.approx(round((x - left) / scale / 2) * 2, abs=0.2)
    assert (y - top) / scale == pytest.approx(round((y - top) / scale / 2) * 2, abs=0.2)


def test_the_folder_of_images_must_be_there(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", agreed(lg.read_label_studio(json.dumps([]).encode())))
    with pytest.raises(FileNotFoundError):
        lg.write_report(folder, images=tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError):
        lg.write_report(folder, images=tmp_path / "file")


# Lines


def distance(point: Any, start: Any, stop: Any) -> float:
    along = stop - start
    length = float(along @ along)
    share = min(max(float((point - start) @ along) / length, 0.0), 1.0) if length else 0.0
    return float(np.hypot(*(point - start - share * along)))


@pytest.mark.parametrize("seed", range(12))
def test_thinned_lines_stay_within_the_tolerance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 150))
    angle = np.sort(rng.random(n)) * 2 * np.pi
    radius = 100 + rng.normal(0, 2, n)
    ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    if seed % 4 == 0:
        ring[rng.integers(0, n, n // 3)] = ring[0]
    fewer = thinned(ring, 0.5)
    kept = {tuple(point) for point in fewer.tolist()}
    assert kept <= {tuple(point) for point in ring.tolist()}
    edges = list(zip(fewer, np.roll(fewer, -1, axis=0), strict=True))
    assert max(min(distance(point, *edge) for edge in edges) for point in ring) <= 0.5 + 1e-9


def test_short_outlines_are_drawn_as_they_are() -> None:
    ring = np.column_stack([np.arange(MOST_VERTICES), np.zeros(MOST_VERTICES)])
    path, dropped = path_of([ring], (0.0, 0.0), 1.0, 5.0)
    assert dropped == 0 and path.count("L") == MOST_VERTICES - 1
    longer = np.column_stack([np.arange(MOST_VERTICES + 1), np.zeros(MOST_VERTICES + 1)])
    path, dropped = path_of([longer], (0.0, 0.0), 1.0, 5.0)
    assert dropped == MOST_VERTICES - 1 and path == f"M0 0L{MOST_VERTICES} 0Z"
    assert path_of([np.empty((0, 2))], (0.0, 0.0), 1.0, 1.0) == ("", 0)
