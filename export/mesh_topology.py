"""Triangles of the tracked face: MediaPipe's tessellation, mouth fill, eye openings and irises.

Vertex numbers are MediaPipe's. Left and right are the person's own, so that left lies at +x.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.face_model import Region, VertexGroup
from shared.parameters import VERTEX_COUNT

_ASSETS = Path(__file__).parent / "assets"

# Rings of vertices, from the person's right corner over the upper side to the left corner, then
# back along the lower side.
INNER_LIPS = (
    78,
    191,
    80,
    81,
    82,
    13,
    312,
    311,
    310,
    415,
    308,
    324,
    318,
    402,
    317,
    14,
    87,
    178,
    88,
    95,
)
OUTER_LIPS = (
    61,
    185,
    40,
    39,
    37,
    0,
    267,
    269,
    270,
    409,
    291,
    375,
    321,
    405,
    314,
    17,
    84,
    181,
    91,
    146,
)
# Between the two, lip skin has two more rings.
LIP_RINGS = (
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306, 307, 320, 404, 315, 16, 85, 180, 90, 77),
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292, 325, 319, 403, 316, 15, 86, 179, 89, 96),
)
RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYE = (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382)
# Centre, then four points around it, clockwise on the screen.
RIGHT_IRIS = (468, 472, 471, 470, 469)
LEFT_IRIS = (473, 477, 476, 475, 474)
# The mesh's rim from the forehead's middle, by the person's left side, chin and right side.
OUTLINE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class MeshTopology:
    """What is the same for every face."""

    triangles: NDArray[np.int32]
    """(906, 3), clockwise on the screen where they face the viewer."""

    regions: NDArray[np.uint8]
    """(906,) `Region`."""

    vertex_groups: NDArray[np.uint8]
    """(478,) `VertexGroup`."""

    mirror_vertices: NDArray[np.int32]
    """(478,) the vertex on the other side; its own inverse."""


def mesh_topology() -> MeshTopology:
    """The topology of the tracked face: 852 + 18 + 28 + 8 triangles."""
    tessellation = np.loadtxt(_ASSETS / "face_mesh_tessellation.txt", np.int32).reshape(-1, 3)
    lips = {*INNER_LIPS, *OUTER_LIPS, *LIP_RINGS[0], *LIP_RINGS[1]}
    on_lips = np.isin(tessellation, list(lips)).all(1)
    parts: list[tuple[NDArray[np.int32], NDArray[np.uint8]]] = [
        (tessellation, np.where(on_lips, Region.LIPS, Region.SKIN).astype(np.uint8))
    ]
    for ring, region in (
        (INNER_LIPS, Region.MOUTH),
        (LEFT_EYE, Region.LEFT_EYE),
        (RIGHT_EYE, Region.RIGHT_EYE),
    ):
        parts.append(_labelled(_opening(ring), region))
    for iris, region in ((LEFT_IRIS, Region.LEFT_IRIS), (RIGHT_IRIS, Region.RIGHT_IRIS)):
        parts.append(_labelled(_fan(iris), region))
    groups = np.full(VERTEX_COUNT, VertexGroup.SKIN, np.uint8)
    groups[list(lips)] = VertexGroup.LIPS
    groups[[*LEFT_EYE, *RIGHT_EYE]] = VertexGroup.LIDS
    groups[[*LEFT_IRIS, *RIGHT_IRIS]] = VertexGroup.IRISES
    return MeshTopology(
        np.concatenate([triangles for triangles, _ in parts]),
        np.concatenate([regions for _, regions in parts]),
        groups,
        _mirror_vertices(),
    )


def _mirror_vertices() -> NDArray[np.int32]:
    text = (_ASSETS / "face_mesh_mirror.txt").read_text()
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    return np.array(" ".join(rows).split(), np.int32)


def _opening(ring: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """A strip between the upper and the lower half of a ring: len(ring) - 2 triangles."""
    half = len(ring) // 2
    upper, lower = ring[: half + 1], (ring[0], *ring[: half - 1 : -1])
    triangles = []
    for i in range(half):
        if i < half - 1:
            triangles.append((upper[i], upper[i + 1], lower[i + 1]))
        if i > 0:
            triangles.append((upper[i], lower[i + 1], lower[i]))
    return triangles


def _fan(iris: tuple[int, ...]) -> list[tuple[int, int, int]]:
    centre, *rim = iris
    return [(centre, rim[i], rim[(i + 1) % len(rim)]) for i in range(len(rim))]


def _labelled(
    triangles: list[tuple[int, int, int]], region: Region
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    return np.array(triangles, np.int32), np.full(len(triangles), region, np.uint8)
