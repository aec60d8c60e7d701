"""The data check: damaged files, formats, duplicates, leaks, class sizes, and the command that reports them."""

from __future__ import annotations

import struct
import subprocess
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import edgevision
from documents import parse
from hypothesis import given
from hypothesis import strategies as st

from edgevision.datasets import perceptual_hash
from edgevision.datasets.check import check
from edgevision.datasets.check_report import DataReport
from edgevision.datasets.dataset import open_dataset
from edgevision.datasets.duplicates import find_alike
from edgevision.errors import BadInput
from edgevision.preprocessing import sniff
from edgevision.preprocessing.decode import decode, encode_jpeg, encode_png
from edgevision.types import Frame

other_program_resize = cv2.resize  # noqa: TID251  # duplicates are made by other programs


def drawn(seed: int, width: int = 160, height: int = 120) -> np.ndarray:
    """Draw an RGB image unlike those of other seeds: soft colors, a few shapes, a little grain."""
    rng = np.random.default_rng(seed)
    picture = other_program_resize(
        rng.integers(0, 256, (5, 6, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC
    )
    for _ in range(3):
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        cv2.circle(
            picture, (int(rng.integers(width)), int(rng.integers(height))), int(rng.integers(10, 30)), colour, -1
        )
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def jpeg(picture: np.ndarray, quality: int = 92) -> bytes:
    return encode_jpeg(Frame(np.ascontiguousarray(picture), "RGB"), quality)


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def look_at(root: Path) -> DataReport:
    return check(open_dataset(root))


def classes(root: Path, count: int = 24, names: tuple[str, ...] = ("cat", "dog")) -> Path:
    for number, name in enumerate(names):
        for n in range(count):
            put(root / name / f"{n:03}.jpg", jpeg(drawn(1000 * number + n)))
    return root


def flat_cmyk(levels: list[tuple[int, int, int, int]]) -> bytes:
    """Encode a CMYK JPEG of 8x8 blocks side by side, each of one color (cyan, magenta, yellow, black; 0 means without ink).

    Baseline, with Adobe's inverted values, only DC coefficients with a quantizer of 8, and one AC code: end of block.
    """
    counts, values = (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0), bytes(range(12))
    codes, code, place = {}, 0, 0
    for length, count in enumerate(counts, 1):
        for _ in range(count):
            codes[values[place]] = f"{code:0{length}b}"
            code, place = code + 1, place + 1
        code <<= 1
    bits, last = "", [0, 0, 0, 0]
    for block in levels:
        for component, level in enumerate(block):
            value = (255 - level) - 128
            change, last[component] = value - last[component], value
            size = abs(change).bit_length()
            bits += codes[size]
            if size:
                bits += f"{change if change > 0 else change + (1 << size) - 1:0{size}b}"
            bits += "0"
    bits += "1" * (-len(bits) % 8)
    scan = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    frame = struct.pack(">BHHB", 8, 8, 8 * len(levels), 4) + b"".join(bytes((c, 0x11, 0)) for c in range(1, 5))
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 0)),
            segment(0xDB, b"\0" + bytes([8] * 64)),
            segment(0xC0, frame),
            segment(0xC4, b"\x00" + bytes(counts) + values),
            segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0"),
            segment(0xDA, b"\x04" + b"".join(bytes((c, 0)) for c in range(1, 5)) + b"\0\x3f\0"),
            scan,
            b"\xff\xd9",
        ]
    )


def png(bits: int, color: int, channels: int, side: int = 40) -> bytes:
    """Write a PNG byte by byte: a ramp of 8 or 16 ``bits`` with the given PNG color type."""
    row = (
        np.tile(np.linspace(0, 2**bits - 1, side)[:, None], (1, channels))
        .astype(">u2" if bits == 16 else "u1")
        .tobytes()
    )

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", side, side, bits, color, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress((b"\0" + row) * side))
        + chunk(b"IEND", b"")
    )


def encoded(suffix: str, array: np.ndarray, *options: int) -> bytes:
    return bytes(cv2.imencode(suffix, array, list(options))[1])


GRAY = drawn(1)[..., 0]
ALPHA = np.dstack([drawn(2), GRAY])
INKS = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255), (40, 80, 120, 60)] * 8


def test_cmyk_jpeg_is_read_in_its_colors() -> None:
    row = decode(flat_cmyk(INKS), "x").pixels[4, 4::8][:6, ::-1].astype(int)
    wanted = [(255, 255, 255), (0, 255, 255), (255, 0, 255), (255, 255, 0), (0, 0, 0)]
    assert np.abs(row[:5] - wanted).max() <= 3
    assert row[5].tolist() == pytest.approx([(255 - ink) * (255 - 60) / 255 for ink in (40, 80, 120)], abs=4)


@pytest.mark.parametrize(
    ("data", "kind", "traits"),
    [
        (jpeg(drawn(1)), "jpeg", ()),
        (encoded(".jpg", GRAY), "jpeg", ("gray",)),
        (flat_cmyk(INKS), "jpeg", ("cmyk",)),
        (encode_png(Frame(drawn(1), "RGB")), "png", ()),
        (png(16, 2, 3), "png", ("16 bit",)),
        (png(16, 0, 1), "png", ("gray", "16 bit")),
        (png(8, 4, 2), "png", ("gray", "alpha")),
        (png(8, 6, 4), "png", ("alpha",)),
        (encoded(".webp", drawn(1), cv2.IMWRITE_WEBP_QUALITY, 80), "webp", ()),
        (encoded(".webp", ALPHA, cv2.IMWRITE_WEBP_QUALITY, 80), "webp", ("alpha",)),
        (encoded(".webp", ALPHA, cv2.IMWRITE_WEBP_QUALITY, 101), "webp", ("alpha",)),
        (encoded(".bmp", drawn(1)), "bmp", ()),
        (encoded(".tiff", drawn(1)), "tiff", ()),
        (encoded(".tiff", GRAY.astype(np.uint16) * 257), "tiff", ("gray", "16 bit")),
        (b"GIF89a" + bytes(20), "gif", ()),
        (b"\0\0\0\x18ftypheic" + bytes(8), "heic", ()),
        (b"<html><body>404</body></html>", "text", ()),
        (bytes(64), "unknown", ()),
        (b"", "unknown", ()),
    ],
)
def test_formats_and_traits_are_detected(data: bytes, kind: str, traits: tuple[str, ...]) -> None:
    found = sniff.sniff(data)
    assert (found.kind, found.traits) == (kind, traits)


@given(st.sampled_from([jpeg(drawn(1, 20, 20)), png(16, 6, 4, 8), flat_cmyk(INKS), encoded(".tiff", GRAY)]), st.data())
def test_format_detection_never_fails(data: bytes, draw: st.DataObject) -> None:
    changed = bytearray(data[: draw.draw(st.integers(0, min(len(data), 300)))])
    for _ in range(draw.draw(st.integers(0, 6))):
        if changed:
            changed[draw.draw(st.integers(0, len(changed) - 1))] = draw.draw(st.integers(0, 255))
    sniff.sniff(bytes(changed))


def test_clean_dataset_has_no_warnings(tmp_path: Path) -> None:
    report = look_at(classes(tmp_path))
    assert report.warnings == () and report.bad == () and report.duplicates == () and report.groups == {}
    assert report.counts() == {"cat": 24, "dog": 24}
    assert report.fingerprint == open_dataset(tmp_path).fingerprint
    assert report.to_json()["sizes"]["width"] == {"min": 160, "median": 160.0, "max": 160}


def test_unusable_files_are_listed_and_skipped(tmp_path: Path) -> None:
    classes(tmp_path)
    put(tmp_path / "cat/cut.jpg", jpeg(drawn(1))[:900])
    put(tmp_path / "cat/empty.png", b"")
    put(tmp_path / "cat/page.jpg", b"<html>not found</html>")
    put(tmp_path / "dog/phone.jpg", b"\0\0\0\x18ftypheic" + bytes(40))
    put(tmp_path / "dog/still.gif", b"GIF89a" + bytes(20))
    report = look_at(tmp_path)
    reasons = {one.path: one.reason for one in report.bad}
    assert reasons == {
        "cat/cut.jpg": "the JPEG is truncated",
        "cat/empty.png": "the file is empty",
        "cat/page.jpg": "a text file, not an image",
        "dog/phone.jpg": "the content is HEIC, which is not supported; save it as JPEG or PNG",
        "dog/still.gif": "damaged, or GIF is not supported by this OpenCV; save it as JPEG or PNG",
    }
    assert len(report.items) == 48 and "5 unusable files" in report.warnings[0]


def test_special_formats_are_read_and_counted(tmp_path: Path) -> None:
    classes(tmp_path)
    put(tmp_path / "cat/ink.jpg", flat_cmyk(INKS))
    put(tmp_path / "cat/deep.png", png(16, 2, 3))
    put(tmp_path / "cat/gray.jpg", encoded(".jpg", GRAY))
    put(tmp_path / "dog/alpha.png", encoded(".png", ALPHA))
    report = look_at(tmp_path)
    assert report.bad == () and report.to_json()["traits"] == {"cmyk": 1, "16 bit": 1, "gray": 1, "alpha": 1}


def test_wrong_suffix_is_reported_and_the_image_read(tmp_path: Path) -> None:
    classes(tmp_path)
    put(tmp_path / "cat/really.jpg", encode_png(Frame(drawn(77), "RGB")))
    report = look_at(tmp_path)
    assert report.to_json()["misnamed"] == [{"path": "cat/really.jpg", "content": "png"}]
    assert report.bad == () and any(
        "wrong suffix" in line and "cat/really.jpg is PNG" in line for line in report.warnings
    )


COPIES = {
    "smaller": lambda p: jpeg(other_program_resize(p, (80, 60), interpolation=cv2.INTER_AREA), 85),
    "stretched": lambda p: jpeg(other_program_resize(p, (120, 120)), 85),
    "poor": lambda p: jpeg(p, 25),
    "brighter": lambda p: jpeg(np.clip(p.astype(int) + 25, 0, 255).astype(np.uint8)),
    "mirrored": lambda p: jpeg(p[:, ::-1], 80),
    "png": lambda p: encode_png(Frame(p, "RGB")),
}


@pytest.mark.parametrize("way", COPIES)
def test_near_duplicates_are_found(tmp_path: Path, way: str) -> None:
    classes(tmp_path)
    for seed in (3, 1007):
        put(tmp_path / "cat" / f"copy{seed}.jpg", COPIES[way](drawn(seed)))
    report = look_at(tmp_path)
    found = {(d.kind, tuple(item.path for item in d.items), d.across) for d in report.duplicates}
    assert found == {
        ("near", ("cat/003.jpg", "cat/copy3.jpg"), "none"),
        ("near", ("cat/copy1007.jpg", "dog/007.jpg"), "class"),
    }
    assert any("with different labels" in line and "cat/copy1007.jpg = dog/007.jpg" in line for line in report.warnings)


def test_leaks_across_splits_are_reported(tmp_path: Path) -> None:
    classes(tmp_path / "train")
    classes(tmp_path / "test", 3, ("cat",))
    report = look_at(tmp_path)
    assert [d.to_json() for d in report.duplicates] == [
        {"kind": "exact", "paths": [f"test/cat/{n:03}.jpg", f"train/cat/{n:03}.jpg"], "across": "split"}
        for n in range(3)
    ]
    assert any(line.startswith("leak: 6 images in test/train") for line in report.warnings)


def test_groups_join_exact_and_near_duplicates(tmp_path: Path) -> None:
    classes(tmp_path)
    put(tmp_path / "cat/a.jpg", jpeg(drawn(5)))
    put(tmp_path / "cat/b.jpg", COPIES["smaller"](drawn(5)))
    report = look_at(tmp_path)
    assert [d.kind for d in report.duplicates] == ["exact", "near"]
    assert set(report.groups) == {"cat/005.jpg", "cat/a.jpg", "cat/b.jpg"} and len(set(report.groups.values())) == 1


def test_small_and_unbalanced_classes_are_reported(tmp_path: Path) -> None:
    classes(tmp_path, 60, ("cat",))
    classes(tmp_path, 5, ("ant",))
    for n in range(5):
        put(tmp_path / "ant" / f"{n:03}.jpg", jpeg(drawn(5000 + n)))
    lines = look_at(tmp_path).warnings
    assert lines == ("fewer than 20 images in ant (5)", "unbalanced classes: cat has 60 images, ant has 5")


def test_plain_and_small_images_are_reported(tmp_path: Path) -> None:
    classes(tmp_path)
    for n in range(3):
        put(tmp_path / "cat" / f"plain{n}.png", encode_png(Frame(np.full((50, 50, 3), 40 + 60 * n, np.uint8), "RGB")))
    put(tmp_path / "dog/small.png", encode_png(Frame(drawn(5, 20, 30), "RGB")))
    report = look_at(tmp_path)
    assert report.warnings == (
        "3 images with one plain color, such as cat/plain0.png",
        "1 image smaller than 32 pixels, such as dog/small.png",
    )
    assert report.duplicates == ()  # plain images have nothing to compare


def test_still_camera_does_not_give_one_group(tmp_path: Path) -> None:
    scene = drawn(1)
    for n in range(60):
        grain = np.random.default_rng(n).normal(0, 3, scene.shape)
        put(tmp_path / "still" / f"{n:03}.jpg", jpeg(np.clip(scene + grain, 0, 255).astype(np.uint8)))
    classes(tmp_path, 30, ("other",))
    for n in range(30):
        put(tmp_path / "other" / f"{n:03}.jpg", jpeg(drawn(900 + n)))
    report = look_at(tmp_path)
    assert any(line.startswith("60 images show one scene") for line in report.warnings)
    assert max(len(d.items) for d in report.duplicates) <= 3
    neighbours = [[int(item.path[-7:-4]) for item in d.items] for d in report.duplicates]
    assert all(run == list(range(run[0], run[0] + len(run))) for run in neighbours)


def test_no_usable_image_gives_a_one_line_error(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / name / "1.jpg", b"text")
    with pytest.raises(BadInput, match="none of the 2 images in"):
        look_at(tmp_path)


def brute_force(thumbs: np.ndarray) -> set[tuple[int, int]]:
    plain, turned = perceptual_hash.hashes(thumbs), perceptual_hash.hashes(np.ascontiguousarray(thumbs[:, :, ::-1]))
    found = set()
    for i in range(len(thumbs)):
        for j in range(i):
            for hashes, other in ((plain, thumbs[j]), (turned, thumbs[j][:, ::-1])):
                near = bin(int(plain[i]) ^ int(hashes[j])).count("1") <= perceptual_hash.MAX_DISTANCE
                if (
                    near
                    and perceptual_hash.differences(thumbs[i : i + 1], other[None])[0] <= perceptual_hash.MAX_DIFFERENCE
                ):
                    found.add((j, i))
    return found


def test_search_by_bands_equals_comparing_all_pairs() -> None:
    rng = np.random.default_rng(0)
    base = [perceptual_hash.thumbnail(Frame(drawn(n), "RGB")).astype(int) for n in range(40)]
    noisy = [b + rng.normal(0, s, b.shape) for b in base for s in (6, 14, 22, 30)]
    thumbs = np.clip(np.array(base + noisy + [n[:, ::-1] for n in noisy[::3]]), 0, 255).astype(np.uint8)
    pairs = brute_force(thumbs)
    assert 50 < len(pairs) < 2000
    group = {
        i: n
        for n, members in enumerate(find_alike([str(i) for i in range(len(thumbs))], thumbs, [()] * len(thumbs)).groups)
        for i in members
    }
    assert all(group.get(a, -1) == group.get(b, -2) for a, b in pairs)
    reachable = {frozenset(pair) for pair in pairs}
    for members in {n: [i for i in group if group[i] == n] for n in set(group.values())}.values():
        # Each group is connected by the pairs and by nothing else.
        seen, todo = {members[0]}, [members[0]]
        while todo:
            one = todo.pop()
            near = [i for i in members if i not in seen and frozenset((one, i)) in reachable]
            seen.update(near)
            todo += near
        assert seen == set(members)


def test_mirrored_hash_is_the_hash_of_the_mirrored_image() -> None:
    thumbs = np.stack([perceptual_hash.thumbnail(Frame(drawn(n), "RGB")) for n in range(20)])
    assert np.array_equal(
        perceptual_hash.hashes(thumbs, mirrored=True), perceptual_hash.hashes(np.ascontiguousarray(thumbs[:, :, ::-1]))
    )


def test_block_means_bound_the_differences() -> None:
    rng = np.random.default_rng(3)
    left, right = rng.integers(0, 256, (2, 50, 32, 32), np.uint8)
    rough = np.abs(perceptual_hash.parts(left) - perceptual_hash.parts(right)).max(axis=(1, 2))
    assert (rough <= perceptual_hash.differences(left, right) + 1e-5).all()


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return edgevision("data", "check", *args)


def test_command_reports_warnings_and_exits_with_3_if_strict(tmp_path: Path) -> None:
    classes(tmp_path / "p")
    assert run(str(tmp_path / "p"), "--strict").returncode == 0
    put(tmp_path / "p/cat/cut.jpg", jpeg(drawn(1))[:900])
    put(tmp_path / "p/dog/copy.jpg", jpeg(drawn(3)))
    shown = run(str(tmp_path / "p"))
    assert shown.returncode == 0 and shown.stderr == ""
    assert "skipped: cat/cut.jpg: the JPEG is truncated" in shown.stdout
    assert "duplicates (exact, with different labels): cat/003.jpg, dog/copy.jpg" in shown.stdout
    assert shown.stdout.strip().splitlines()[-1] == f"next: edgevision train {tmp_path / 'p'}"
    strict = run(str(tmp_path / "p"), "--strict", "--json")
    assert strict.returncode == 3 and len(strict.stderr.strip().splitlines()) == 1
    record = parse(strict.stdout, "data_check")
    assert record["schema"] == "edgevision.data_check/1"
    assert record["classes"] == [{"name": "cat", "pictures": 24}, {"name": "dog", "pictures": 25}]
    assert record["bad"] == [{"path": "cat/cut.jpg", "reason": "the JPEG is truncated"}]
    assert record["duplicates"] == [{"kind": "exact", "paths": ["cat/003.jpg", "dog/copy.jpg"], "across": "class"}]
    assert len(record["warnings"]) == 2


def test_command_on_an_empty_folder_gives_a_one_line_error(tmp_path: Path) -> None:
    done = run(str(tmp_path))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("edgevision: error: ") and len(done.stderr.strip().splitlines()) == 1


def test_real_photos_have_no_warnings(shared: Path) -> None:
    report = look_at(shared / "data" / "cats_and_dogs")
    assert report.warnings == () and len(report.items) == 2500 and report.duplicates == ()
