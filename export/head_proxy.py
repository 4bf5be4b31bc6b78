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

# Model units: the mean face is 3.2 high (forehead to chin) and 2.6 wide.
_CENTRE = np.array([0.0, -0.75, 1.15])
_SKULL = np.array([1.62, 1.65, 2.0])
"""Semi-axes of the cranium with its hair."""
_RING_POSITIONS = (0.16, 0.4, 0.7)
"""Of the way from the outline to the pole."""
_EAR_RINGS = 7
_NECK_SIDES = 14
_NECK_RINGS = (
    (0.6, 0.92, 1.0),
    (1.5, 0.95, 0.8),
    (2.2, 1.0, 0.45),
    (2.9, 1.25, 0.15),
    (3.5, 2.2, 0.0),
)
"""Height (y), radius and rigidity of each ring."""
_NECK_CENTRE_Z = 1.55


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

    def strip(self, inner: list[int], outer: list[int], regions: list[Region]) -> None:
        """A closed strip between two rings of equally many vertices; one region a column."""
        count = len(inner)
        for i in range(count):
            j = (i + 1) % count
            for triangle in ((inner[i], outer[i], inner[j]), (inner[j], outer[i], outer[j])):
                self.triangles.append(triangle)
                self.regions.append(regions[i])


def build_head_proxy(mean: Float64Array) -> HeadProxy:
    """The proxy around the mean face (478, 3)."""
    builder = _Builder()
    _add_egg(builder, mean)
    _add_neck(builder)
    return HeadProxy(
        np.array(builder.vertices),
        np.array(builder.triangles, np.int32),
        np.array(builder.regions, np.uint8),
        np.array(builder.rigidity),
        np.array(OUTLINE, np.int32),
    )


def _add_egg(builder: _Builder, mean: Float64Array) -> None:
    pole = _CENTRE + np.array([0.0, 0.25, 1.0]) * _SKULL[2] / np.linalg.norm([0.25, 1.0])
    ring = list(OUTLINE)
    places = mean[ring]
    regions = [Region.HAIR if place[1] < -0.3 else Region.SKULL for place in places]
    for t in _RING_POSITIONS:
        outer = [builder.vertex(_on_egg(place, pole, t)) for place in places]
        builder.strip(ring, outer, regions)
        ring = outer
    tip = builder.vertex(pole)
    for i, start in enumerate(ring):
        builder.triangles.append((start, tip, ring[(i + 1) % len(ring)]))
        builder.regions.append(regions[i])


def _on_egg(start: Float64Array, pole: Float64Array, t: float) -> Float64Array:
    """A point at `t` of the way from `start` to the pole, lifted to the egg's surface."""
    first, last = start - _CENTRE, pole - _CENTRE
    a, b = first / np.linalg.norm(first), last / np.linalg.norm(last)
    angle = np.arccos(np.clip(a @ b, -1.0, 1.0))
    direction = (np.sin((1.0 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    surface = 1.0 / np.linalg.norm(direction / _SKULL)
    lift = min(1.0, 3.5 * t)
    radius = (1.0 - lift) * np.linalg.norm(first) + lift * surface
    place: Float64Array = _CENTRE + direction * radius
    return place


def _add_neck(builder: _Builder) -> None:
    angles = np.arange(_NECK_SIDES) * (2.0 * np.pi / _NECK_SIDES)
    ring: list[int] | None = None
    for height, radius, rigidity in _NECK_RINGS:
        places = [
            np.array([radius * np.cos(a), height, _NECK_CENTRE_Z + 0.8 * radius * np.sin(a)])
            for a in angles
        ]
        outer = [builder.vertex(place, rigidity) for place in places]
        if ring is not None:
            builder.strip(ring, outer, [Region.NECK] * _NECK_SIDES)
        ring = outer
