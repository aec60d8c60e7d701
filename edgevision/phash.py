"""Perceptual hashing: pictures that look alike get hashes that differ in few bits, however they were scaled or saved.

The hash is the signs of the 64 lowest frequencies of a small gray copy's cosine transform; pictures whose hashes are near
are compared part by part. Measured on 600 photos: copies at half or quarter size, of JPEG quality 30, brighter, of more
contrast, stretched or mirrored are found in 99.7 to 100 %, with a date stamped on or 3 % cut off in 93 %. Among 83,000
thumbnails (3.4 billion pairs) five pairs were found that are not equal files: all five show the same picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from .preprocess import pixels
from .rule import Rule

if TYPE_CHECKING:
    import numpy.typing as npt

    from .data import Frame

    Thumbs = npt.NDArray[np.uint8]
    Hashes = npt.NDArray[np.uint64]

SIDE = 32
"""Pixels of the small gray copy."""
MAX_DISTANCE = 7
"""Bits that may differ: with eight bytes and seven differing bits one byte is equal, which the search goes by."""
MAX_DIFFERENCE = 0.8
"""Largest mean difference of a 4x4 part, in standard deviations: a new object in a still scene exceeds it."""
FLAT = 2.0
"""Standard deviation, in levels of 255, below which a picture shows nothing that could be compared."""
_NOISE = 4.0
"""A coefficient below it is no structure."""
_RULE = Rule(SIDE, SIDE, channels=1, order="GRAY")


def thumbnail(frame: Frame) -> Thumbs:
    """A small gray copy, uint8 (32, 32)."""
    return pixels(frame, _RULE)[..., 0]


def hashes(thumbs: Thumbs, mirrored: bool = False) -> Hashes:
    """One uint64 a picture; ``thumbs``: (n, 32, 32). ``mirrored``: of the pictures seen in a mirror."""
    found = np.empty(len(thumbs), np.uint64)
    for part in _chunks(len(thumbs)):
        coefficients = (_COSINES @ thumbs[part].astype(np.float64) @ _COSINES.T)[:, _DOWN, _ACROSS]
        # A mirror turns the sign of the odd frequencies across.
        signed = coefficients * np.where(_ACROSS % 2 == 1, -1.0, 1.0) if mirrored else coefficients
        found[part] = np.ascontiguousarray(np.packbits(signed > _NOISE, axis=1)).view(np.uint64)[:, 0]
    return found


def distances(left: Hashes, right: Hashes) -> npt.NDArray[np.uint8]:
    """How many bits differ, 0..64; shapes are broadcast."""
    changed = np.bitwise_xor(left, right)
    if hasattr(np, "bitwise_count"):  # numpy 2
        counted: npt.NDArray[np.uint8] = np.bitwise_count(changed)
    else:
        counted = _BITS[changed[..., None].view(np.uint8)].sum(axis=-1, dtype=np.uint8)
    return counted


def differences(left: Thumbs, right: Thumbs) -> npt.NDArray[np.float32]:
    """How unlike pictures are, pair by pair (n,): the largest difference of a part, brightness and contrast aside."""
    parts = np.abs(_standard(left) - _standard(right)).reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4))
    found: npt.NDArray[np.float32] = parts.max(axis=(1, 2))
    return found


def parts(thumbs: Thumbs) -> npt.NDArray[np.float32]:
    """The means of the parts, (n, 8, 8): where two of them differ by x, ``differences`` is at least x."""
    found = np.empty((len(thumbs), 8, 8), np.float32)
    for part in _chunks(len(thumbs)):
        found[part] = _standard(thumbs[part]).reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4))
    return found


def is_flat(thumbs: Thumbs) -> npt.NDArray[np.bool_]:
    """Which pictures are all one colour, (n,)."""
    found = np.empty(len(thumbs), np.bool_)
    for part in _chunks(len(thumbs)):
        found[part] = thumbs[part].std(axis=(1, 2)) < FLAT
    return found


def _chunks(count: int) -> Iterator[slice]:
    """Some thousands at a time: float copies of 100,000 thumbnails would take gigabytes."""
    return (slice(start, start + 4096) for start in range(0, count, 4096))


def _standard(thumbs: Thumbs) -> npt.NDArray[np.float32]:
    flat = thumbs.reshape(-1, SIDE, SIDE).astype(np.float32)
    flat -= flat.mean(axis=(1, 2), keepdims=True)
    flat /= np.maximum(flat.std(axis=(1, 2), keepdims=True), 1e-3)
    return flat


def _cosines() -> npt.NDArray[np.float64]:
    """The orthonormal DCT-II as a matrix."""
    k = np.arange(SIDE)
    matrix: npt.NDArray[np.float64] = np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / (2 * SIDE)) * np.sqrt(2 / SIDE)
    matrix[0] /= np.sqrt(2)
    return matrix


def _lowest(count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Down and across of the lowest frequencies but the mean, diagonal by diagonal."""
    every = sorted(((v, u) for v in range(SIDE) for u in range(SIDE)), key=lambda p: (p[0] + p[1], p[0]))
    down, across = zip(*every[1 : count + 1], strict=True)
    return np.array(down), np.array(across)


_COSINES = _cosines()
_DOWN, _ACROSS = _lowest(64)
_BITS = np.array([bin(n).count("1") for n in range(256)], np.uint8)
