"""The rest of the head around the mean face: skull, hair volume, ears and neck.

The tracked mesh stops at the hairline. A symmetric egg closes it behind: 36 columns start at the
mesh's outline, whose vertices they share, and meet at a pole behind the head. Ears stand out of
it, and a neck comes out of it below and fades from moving with the head to resting.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.mesh_topology import OUTLINE
from shared.face_model import Region
from shared.parameters import VERTEX_COUNT

Float64Array = NDArray[np.float64]

# Model units (the mean face is 3.2 high, forehead to chin, and 2.6 wide, so one is about 54 mm).
# Measured on the average of about a hundred frontal heads, laid over each other by their fitted
# cameras, and on some twenty turned ones: hair ends at y = -2.85 above and x = 1.6 beside, ears
# at x = 1.5, the neck is 2.1 wide, shoulders begin at y = 2.2; depth from head length against
# width (195 : 142 mm), as depth cannot be measured from pictures.
_CENTRE = np.array([0.0, -1.05, 1.45])
_SEMI_AXES = np.array([1.6, 1.75, 2.0])
_ROUNDNESS = 2.4
"""Exponent of the superellipsoid; 2 is an ellipsoid, whose crown is too pointed."""
_POLE_DIRECTION = np.array([0.0, 0.2, 1.0])
"""From the centre to where the columns meet behind."""
_RING_POSITIONS = (0.14, 0.38, 0.68)
"""Of the way from the outline to the pole."""
_LIFT = 3.5
"""The surface is reached after 1 / _LIFT of the way."""
_HAIRLINE_Y = -0.3
"""Columns that start above it are hair, the others skull and nape."""

_EAR_CENTRE = np.array([1.5, -0.2, 1.6])
_EAR_RIM = (
    (1.34, 0.15, 1.22), (1.38, -0.3, 1.22), (1.46, -0.66, 1.35), (1.56, -0.72, 1.65),
    (1.62, -0.45, 1.92), (1.58, -0.1, 1.88), (1.48, 0.22, 1.55), (1.38, 0.33, 1.3),
)  # fmt: skip
"""Of the person's left ear, a flap whose front edge lies on the head."""

_NECK_SIDES = 12
_NECK_RINGS = (
    (0.3, 0.95, 0.8, 1.0),
    (1.3, 1.0, 0.8, 0.9),
    (1.9, 1.05, 0.85, 0.6),
    (2.35, 1.25, 0.85, 0.3),
    (2.75, 2.1, 0.85, 0.1),
    (3.3, 3.1, 0.9, 0.0),
    (4.4, 3.5, 0.95, 0.0),
)
"""Height (y), half width (x), half depth (z) and rigidity of each ring, from inside the egg down
to the shoulders."""
_NECK_CENTRE_Z = 1.65


@dataclass(frozen=True, slots=True, eq=False)
class HeadProxy:
    """The keys `proxy_*` of a face model file."""

    vertices: Float64Array
    """(P, 3) model units."""
    triangles: NDArray[np.int32]
    """(Tp, 3) into [V face; P proxy]."""
    regions: NDArray[np.uint8]
    rigidity: Float64Array
    anchors: NDArray[np.int32]


class _Builder:
    def __init__(self) -> None:
        self.vertices: list[Float64Array] = []
        self.rigidity: list[float] = []
        self.triangles: list[tuple[int, int, int]] = []
        self.regions: list[Region] = []

    def vertex(self, place: Float64Array, rigidity: float = 1.0) -> int:
        self.vertices.append(place)
        self.rigidity.append(rigidity)
        return VERTEX_COUNT + len(self.vertices) - 1

    def triangle(self, corners: tuple[int, int, int], region: Region) -> None:
        self.triangles.append(corners)
        self.regions.append(region)

    def strip(self, inner: list[int], outer: list[int], regions: list[Region]) -> None:
        """A closed strip between two rings of equally many vertices; one region a column."""
        count = len(inner)
        for i in range(count):
            j = (i + 1) % count
            for triangle in ((inner[i], outer[i], inner[j]), (inner[j], outer[i], outer[j])):
                self.triangle(triangle, regions[i])


def build_head_proxy(mean: Float64Array) -> HeadProxy:
    """The proxy around the mean face (478, 3)."""
    builder = _Builder()
    _add_egg(builder, mean)
    _add_ears(builder)
    _add_neck(builder)
    return HeadProxy(
        np.array(builder.vertices),
        np.array(builder.triangles, np.int32),
        np.array(builder.regions, np.uint8),
        np.array(builder.rigidity),
        np.array(OUTLINE, np.int32),
    )


def _add_egg(builder: _Builder, mean: Float64Array) -> None:
    pole = _CENTRE + _POLE_DIRECTION / np.linalg.norm(_POLE_DIRECTION / _SEMI_AXES, _ROUNDNESS)
    ring = list(OUTLINE)
    starts = mean[ring]
    regions = [Region.HAIR if start[1] < _HAIRLINE_Y else Region.SKULL for start in starts]
    for t in _RING_POSITIONS:
        outer = [builder.vertex(_on_egg(start, pole, t)) for start in starts]
        builder.strip(ring, outer, regions)
        ring = outer
    tip = builder.vertex(pole)
    for i, start_index in enumerate(ring):
        builder.triangle((start_index, tip, ring[(i + 1) % len(ring)]), regions[i])


def _on_egg(start: Float64Array, pole: Float64Array, t: float) -> Float64Array:
    """A point at `t` of the way from `start` to the pole, lifted to the egg's surface."""
    first, last = start - _CENTRE, pole - _CENTRE
    a, b = first / np.linalg.norm(first), last / np.linalg.norm(last)
    angle = np.arccos(np.clip(a @ b, -1.0, 1.0))
    direction = (np.sin((1.0 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    surface = 1.0 / np.linalg.norm(direction / _SEMI_AXES, _ROUNDNESS)
    lift = min(1.0, _LIFT * t)
    radius = (1.0 - lift) * np.linalg.norm(first) + lift * surface
    place: Float64Array = _CENTRE + direction * radius
    return place


def _add_ears(builder: _Builder) -> None:
    for side in (1.0, -1.0):
        flip = np.array([side, 1.0, 1.0])
        centre = builder.vertex(_EAR_CENTRE * flip)
        rim = [builder.vertex(np.array(place) * flip) for place in _EAR_RIM]
        for i, first in enumerate(rim):
            second = rim[(i + 1) % len(rim)]
            triangle = (centre, first, second) if side > 0.0 else (centre, second, first)
            builder.triangle(triangle, Region.EARS)


def _add_neck(builder: _Builder) -> None:
    angles = (np.arange(_NECK_SIDES) + 0.5) * (2.0 * np.pi / _NECK_SIDES)
    ring: list[int] | None = None
    for height, width, depth, rigidity in _NECK_RINGS:
        places = [
            np.array([width * np.cos(a), height, _NECK_CENTRE_Z + depth * np.sin(a)])
            for a in angles
        ]
        outer = [builder.vertex(place, rigidity) for place in places]
        if ring is not None:
            builder.strip(ring, outer, [Region.NECK] * _NECK_SIDES)
        ring = outer
