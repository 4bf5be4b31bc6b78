"""The file of a face model: an .npz whose keys, types, shapes and ranges are checked on reading.

    key               type     shape          what
    version           int64    ()             of this layout; 1
    mean              float32  (478, 3)       centred, RMS vertex distance 1, symmetric about x = 0
    identity_basis    float32  (40, 478, 3)   model units a standard deviation
    expression_basis  float32  (28, 478, 3)   likewise
    identity_mirror   int8     (40,)          +1 or -1
    expression_mirror int8     (28,)          +1 or -1
    mirror_vertices   int32    (478,)         a permutation that is its own inverse
    triangles         int32    (906, 3)       0..477
    triangle_regions  uint8    (906,)         shared.face_model.Region
    vertex_groups     uint8    (478,)         shared.face_model.VertexGroup
    proxy_vertices    float32  (P, 3)         P in 1..2000, model units
    proxy_triangles   int32    (Tp, 3)        0..477 + P
    proxy_regions     uint8    (Tp,)
    proxy_rigidity    float32  (P,)           0..1
    proxy_anchors     int32    (A,)           0..477, A >= 3

A FLAME, BFM or LSFM model becomes such a file by sampling its mean and bases at the 478 points of
the MediaPipe mesh (each a barycentric point on its surface), turning its axes to ours (x right, y
down, z away from the viewer), centring it, dividing by its RMS vertex distance, and multiplying
each basis column by its standard deviation; columns beyond 40 and 28 are dropped, missing ones
are zero. The rest of the keys may be copied from the project's own file.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.errors import ArtifactError
from shared.parameters import EXPRESSION_SIZE, IDENTITY_SIZE, VERTEX_COUNT, read_only

FILE_VERSION = 1
TRIANGLE_COUNT = 906
MAX_FILE_BYTES = 16_000_000
MAX_PROXY_VERTICES = 2000

_V, _P, _T, _A = VERTEX_COUNT, "P", "Tp", "A"
_LAYOUT: dict[str, tuple[type, tuple[int | str, ...]]] = {
    "mean": (np.float32, (_V, 3)),
    "identity_basis": (np.float32, (IDENTITY_SIZE, _V, 3)),
    "expression_basis": (np.float32, (EXPRESSION_SIZE, _V, 3)),
    "identity_mirror": (np.int8, (IDENTITY_SIZE,)),
    "expression_mirror": (np.int8, (EXPRESSION_SIZE,)),
    "mirror_vertices": (np.int32, (_V,)),
    "triangles": (np.int32, (TRIANGLE_COUNT, 3)),
    "triangle_regions": (np.uint8, (TRIANGLE_COUNT,)),
    "vertex_groups": (np.uint8, (_V,)),
    "proxy_vertices": (np.float32, (_P, 3)),
    "proxy_triangles": (np.int32, (_T, 3)),
    "proxy_regions": (np.uint8, (_T,)),
    "proxy_rigidity": (np.float32, (_P,)),
    "proxy_anchors": (np.int32, (_A,)),
}


@dataclass(frozen=True, slots=True, eq=False)
class FaceModelFile:
    """A file's contents, checked; arrays are read-only."""

    arrays: Mapping[str, np.ndarray]
    """By key, as the table above says, without `version`."""

    version: int
    digest: str
    """SHA-256 of the file's bytes, hex."""


def read_face_model_file(path: Path) -> FaceModelFile:
    """Read and check a face model. Raises ArtifactError: what was found, then what is allowed."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ArtifactError(f"{path}: {size} bytes, a face model has at most {MAX_FILE_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}, a readable face model expected") from error
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            found = {key: archive[key] for key in archive.files}
    except Exception as error:  # a damaged archive raises zlib's errors, tokenize's and more
        raise ArtifactError(f"{path}: no readable .npz file, a face model expected") from error
    version = found.get("version", np.array(-1))
    if version.shape != () or version.dtype.kind != "i" or int(version) != FILE_VERSION:
        raise ArtifactError(f"{path}: face model version {version}, this program reads 1")
    try:
        arrays = _checked(found)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from None
    return FaceModelFile(arrays, int(version), hashlib.sha256(data).hexdigest())


def write_face_model_file(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a face model; the same arrays give the same bytes. Raises ArtifactError if wrong."""
    checked = _checked(arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    # numpy dates every member 1980-01-01, so the digest depends on the numbers alone.
    np.savez_compressed(
        path, version=np.array(FILE_VERSION, np.int64), allow_pickle=False, **checked
    )


def _checked(found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    sizes: dict[str, int] = {}
    for key, (dtype, shape) in _LAYOUT.items():
        array = found.get(key)
        if array is None:
            raise ArtifactError(f"no {key}, expected {np.dtype(dtype)} {_text(shape)}")
        if array.ndim == len(shape):
            for length, wanted in zip(array.shape, shape, strict=True):
                if isinstance(wanted, str):
                    sizes.setdefault(wanted, length)
        expected = tuple(sizes.get(n, -1) if isinstance(n, str) else n for n in shape)
        if array.dtype != dtype or array.shape != expected:
            raise ArtifactError(
                f"{key} is {array.dtype} {_text(array.shape)}, "
                f"expected {np.dtype(dtype)} {_text(shape)}"
            )
        if array.dtype == np.float32 and not np.isfinite(array).all():
            raise ArtifactError(f"{key} holds numbers that are not finite, all must be")
        arrays[key] = read_only(array, dtype)
    _check_ranges(arrays, sizes[_P])
    return arrays


def _check_ranges(arrays: Mapping[str, np.ndarray], proxy_count: int) -> None:
    if not 1 <= proxy_count <= MAX_PROXY_VERTICES:
        raise ArtifactError(f"{proxy_count} proxy vertices, allowed 1..{MAX_PROXY_VERTICES}")
    for key, low, high in (
        ("mirror_vertices", 0, _V - 1),
        ("triangles", 0, _V - 1),
        ("triangle_regions", 0, 6),
        ("vertex_groups", 0, 3),
        ("proxy_triangles", 0, _V + proxy_count - 1),
        ("proxy_regions", 7, 10),
        ("proxy_rigidity", 0, 1),
        ("proxy_anchors", 0, _V - 1),
    ):
        array = arrays[key]
        if array.size and not (low <= array.min() and array.max() <= high):
            raise ArtifactError(f"{key} spans {array.min()}..{array.max()}, allowed {low}..{high}")
    for key in ("identity_mirror", "expression_mirror"):
        if not np.isin(arrays[key], (-1, 1)).all():
            raise ArtifactError(f"{key} holds {np.unique(arrays[key])}, allowed -1 and 1")
    mirror = arrays["mirror_vertices"]
    if not np.array_equal(mirror[mirror], np.arange(_V)):
        raise ArtifactError("mirror_vertices is not its own inverse, it must be")
    mean = arrays["mean"].astype(np.float64)
    rms = float(np.sqrt(np.mean(np.sum((mean - mean.mean(0)) ** 2, 1))))
    if abs(rms - 1.0) > 1e-3 or np.abs(mean.mean(0)).max() > 1e-3:
        raise ArtifactError(
            f"mean has centre {np.round(mean.mean(0), 3)} and RMS vertex distance {rms:.3f}, "
            "expected 0 and 1"
        )


def _text(shape: tuple[int | str, ...]) -> str:
    return "(" + ", ".join(str(n) for n in shape) + ")"
