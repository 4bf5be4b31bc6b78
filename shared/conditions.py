"""Image-like conditions of a generator, all from one rasterisation of face mesh and head proxy.

Channels, in the order of `Channel`; a bundle names those it wants, in its own order:

    pncc               3  normalised mean-shape x, y, z of the visible point, each in [0, 1];
                          0 outside (HeadGAN 4.1)
    displacement       2  reference minus driving position of that point, image coordinates;
                          extended beyond mesh and proxy and to zero far away (GDPW 3.2)
    displacement_z     1  the same in depth (with `displacement` F3A-GAN's facial flow, III-A,
                          whose z points the other way)
    mask               2  1 on the face mesh without the mouth's opening; 1 on the head proxy
    reference_visible  1  1 where the reference shows the point that the displacement leads to
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from shared.errors import ConfigError
from shared.face_model import FaceModel, Region
from shared.parameters import FloatArray
from shared.rasterizer import ANY_REGION, Raster, Rasterizer


class Channel(StrEnum):
    """A named group of condition channels."""

    PNCC = "pncc"
    DISPLACEMENT = "displacement"
    DISPLACEMENT_Z = "displacement_z"
    MASK = "mask"
    REFERENCE_VISIBLE = "reference_visible"


CHANNEL_SIZES = {
    Channel.PNCC: 3,
    Channel.DISPLACEMENT: 2,
    Channel.DISPLACEMENT_Z: 1,
    Channel.MASK: 2,
    Channel.REFERENCE_VISIBLE: 1,
}
ALL_CHANNELS = tuple(Channel)
CONDITION_SIZE = sum(CHANNEL_SIZES.values())

_EXTENSION_SIZE = 64
"""Side of the grid on which the displacement is extended, whatever the size of the condition."""

EXTENSION_SIGMA = 2.5
"""Standard deviation of the extending blur, in cells of that grid."""

_BACKGROUND_DENSITY = 0.02
"""Weight of the resting background in the extension: what takes the displacement to zero."""

_MOUTH_DENSITY = 1e-4
"""The same inside the mouth's opening, where nothing rests: only guards the division."""

_REFERENCE_SIZE = 256
"""Side of the reference's own depth buffer."""

_DEPTH_TOLERANCE = np.float32(0.03)
"""Image units by which a point may lie behind the reference's surface and still be seen there."""

# What a pixel of the reference shows. Openings change size with the expression, so that for
# them depth says little: a point in the mouth is seen where the reference's mouth is open.
_NOTHING, _HEAD, _MOUTH, _LEFT_EYE, _RIGHT_EYE = range(5)


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceView:
    """A reference's geometry, prepared once: where its points are and which of them it shows."""

    vertices: FloatArray
    """(N, 3) face, then proxy, image coordinates."""

    depth: FloatArray
    """(R, R) float32; +inf where neither face nor proxy is."""

    surface: NDArray[np.uint8]
    """(R, R) what is seen there: nothing, head, mouth's opening, left eye, right eye."""


class ConditionRenderer:
    """Renders conditions of one size and selection of channels.

    Not thread-safe: one object for each thread.
    """

    def __init__(
        self,
        model: FaceModel,
        *,
        height: int = 64,
        width: int = 64,
        channels: Sequence[str] = ALL_CHANNELS,
    ) -> None:
        """Raises ConfigError for a channel name that is unknown or named twice."""
        self.channels = parse_channels(channels)
        self.height, self.width = height, width
        triangles = np.concatenate([model.triangles, model.proxy_triangles])
        regions = np.concatenate([model.triangle_regions, model.proxy_regions]).astype(np.uint8)
        overlay_on = np.full(len(triangles), ANY_REGION, np.uint8)
        overlay_on[regions == Region.LEFT_IRIS] = Region.LEFT_EYE
        overlay_on[regions == Region.RIGHT_IRIS] = Region.RIGHT_EYE
        self._triangles = np.ascontiguousarray(triangles, np.int32)
        self._rasterizer = Rasterizer(
            triangles, height=height, width=width, regions=regions, overlay_on=overlay_on
        )
        self._reference_rasterizer = Rasterizer(
            triangles,
            height=_REFERENCE_SIZE,
            width=_REFERENCE_SIZE,
            regions=regions,
            overlay_on=overlay_on,
        )
        self._surfaces = _surface_of_region()[regions]
        self._on_proxy = np.arange(len(triangles)) >= len(model.triangles)
        mean = np.concatenate([model.mean, model.proxy(model.mean)])
        low, high = mean.min(axis=0), mean.max(axis=0)
        self._pncc = ((mean - low) / (high - low)).astype(np.float32)
        self.vertex_count = len(mean)

    def view_reference(self, vertices: FloatArray) -> ReferenceView:
        """Prepare a reference from its `vertices` (V + P, 3), image coordinates."""
        raster = self._reference_rasterizer.rasterize(vertices)
        surface = np.where(raster.triangle >= 0, self._surfaces[raster.triangle], _NOTHING)
        return ReferenceView(
            vertices=np.array(vertices, np.float32),
            depth=raster.depth.copy(),
            surface=surface.astype(np.uint8),
        )

    def render(self, vertices: FloatArray, reference: ReferenceView) -> FloatArray:
        """Conditions (C, h, w) float32 of driving `vertices` (V + P, 3) against a reference.

        A fresh array. Vertices that are not finite give zeros: no face is seen, nothing moves.
        """
        raster = self._rasterizer.rasterize(vertices)
        parts = dict.fromkeys(self.channels, _EMPTY)
        if Channel.PNCC in parts:
            parts[Channel.PNCC] = self._interpolated_pncc(raster)
        if Channel.MASK in parts:
            parts[Channel.MASK] = self._mask(raster)
        if parts.keys() & _FROM_DISPLACEMENT:
            displacement = self._displacement(raster, vertices, reference.vertices)
            parts[Channel.DISPLACEMENT] = displacement[:2]
            parts[Channel.DISPLACEMENT_Z] = displacement[2:]
        if Channel.REFERENCE_VISIBLE in parts:
            parts[Channel.REFERENCE_VISIBLE] = self._visible(raster, displacement, reference)
        return np.concatenate([parts[channel] for channel in self.channels])

    def render_pncc(self, vertices: FloatArray) -> FloatArray:
        """(3, h, w) float32, pncc alone; what a generator with history takes of past frames."""
        return self._interpolated_pncc(self._rasterizer.rasterize(vertices))

    def _interpolated_pncc(self, raster: Raster) -> FloatArray:
        pncc = np.empty((3, self.height, self.width), np.float32)
        _interpolate(raster.triangle, raster.barycentric, self._triangles, self._pncc, pncc)
        return pncc

    def _mask(self, raster: Raster) -> FloatArray:
        mask = np.empty((2, self.height, self.width), np.float32)
        _fill_mask(raster.triangle, self._surfaces, self._on_proxy, mask)
        return mask

    def _displacement(
        self, raster: Raster, driving: FloatArray, reference: FloatArray
    ) -> FloatArray:
        """(3, h, w): exact on mesh and proxy; blurred from there into mouth and background."""
        exact = np.empty((3, self.height, self.width), np.float32)
        if not np.isfinite(driving).all():
            exact[:] = 0
            return exact
        shift = (reference - driving).astype(np.float32)
        _interpolate(raster.triangle, raster.barycentric, self._triangles, shift, exact)
        weighted = np.empty((self.height, self.width, 4), np.float32)
        _weigh(raster.triangle, self._surfaces, exact, weighted)
        coarse_shape = (min(self.width, _EXTENSION_SIZE), min(self.height, _EXTENSION_SIZE))
        coarse = weighted
        if coarse.shape[1::-1] != coarse_shape:
            coarse = _resize(weighted, coarse_shape, cv2.INTER_AREA)
        # Beyond the picture nothing is known: zeros in numerator and denominator alike.
        blurred = np.asarray(
            cv2.GaussianBlur(coarse, (0, 0), EXTENSION_SIGMA, borderType=cv2.BORDER_CONSTANT),
            np.float32,
        )
        if blurred.shape != weighted.shape:
            blurred = _resize(blurred, (self.width, self.height), cv2.INTER_LINEAR)
        _extend(raster.triangle, self._surfaces, blurred, exact)
        return exact

    def _visible(
        self, raster: Raster, displacement: FloatArray, reference: ReferenceView
    ) -> FloatArray:
        visible = np.empty((1, self.height, self.width), np.float32)
        _see(
            raster.triangle,
            raster.depth,
            self._surfaces,
            displacement,
            reference.depth,
            reference.surface,
            visible[0],
        )
        return visible


def _resize(planes: FloatArray, size: tuple[int, int], interpolation: int) -> FloatArray:
    return np.asarray(cv2.resize(planes, size, interpolation=interpolation), np.float32)


def parse_channels(names: Sequence[str]) -> tuple[Channel, ...]:
    """Channels from their names; ConfigError for one that is unknown or named twice."""
    known = {channel.value for channel in Channel}
    for name in names:
        if name not in known:
            raise ConfigError(f"condition {name!r}, known are {', '.join(ALL_CHANNELS)}")
    if len(set(names)) != len(names):
        raise ConfigError(f"conditions {', '.join(names)}, each may be named once")
    return tuple(Channel(name) for name in names)


def channel_count(channels: Sequence[Channel]) -> int:
    """Planes that these channels take together."""
    return sum(CHANNEL_SIZES[channel] for channel in channels)


_EMPTY = np.empty((0, 0, 0), np.float32)
_FROM_DISPLACEMENT = {Channel.DISPLACEMENT, Channel.DISPLACEMENT_Z, Channel.REFERENCE_VISIBLE}


def _surface_of_region() -> NDArray[np.uint8]:
    """(256,) what a triangle of each region shows."""
    surfaces = np.full(256, _HEAD, np.uint8)
    surfaces[Region.MOUTH] = _MOUTH
    surfaces[[Region.LEFT_EYE, Region.LEFT_IRIS]] = _LEFT_EYE
    surfaces[[Region.RIGHT_EYE, Region.RIGHT_IRIS]] = _RIGHT_EYE
    return surfaces


@njit(cache=True, nogil=True)
def _interpolate(index, barycentric, triangles, attributes, out):  # type: ignore[no-untyped-def]
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t < 0:
                for c in range(out.shape[0]):
                    out[c, y, x] = 0.0
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            a, b, g = barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2]
            for c in range(out.shape[0]):
                out[c, y, x] = a * attributes[i, c] + b * attributes[j, c] + g * attributes[k, c]


@njit(cache=True, nogil=True)
def _fill_mask(index, surfaces, on_proxy, mask):  # type: ignore[no-untyped-def]
    height, width = index.shape
    mask[:] = 0.0
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t >= 0 and surfaces[t] != _MOUTH:
                mask[1 if on_proxy[t] else 0, y, x] = 1.0


@njit(cache=True, nogil=True)
def _weigh(index, surfaces, exact, weighted):  # type: ignore[no-untyped-def]
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            known = t >= 0 and surfaces[t] != _MOUTH
            for c in range(3):
                weighted[y, x, c] = exact[c, y, x] if known else 0.0
            weighted[y, x, 3] = 1.0 if known else 0.0


@njit(cache=True, nogil=True)
def _extend(index, surfaces, blurred, displacement):  # type: ignore[no-untyped-def]
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t >= 0 and surfaces[t] != _MOUTH:
                continue
            rest = np.float32(_BACKGROUND_DENSITY if t < 0 else _MOUTH_DENSITY)
            density = blurred[y, x, 3] + rest
            for c in range(3):
                displacement[c, y, x] = blurred[y, x, c] / density


@njit(cache=True, nogil=True)
def _see(index, depth, surfaces, displacement, reference_depth, reference_surface, visible):  # type: ignore[no-untyped-def]
    height, width = index.shape
    reference_height, reference_width = reference_depth.shape
    for y in range(height):
        for x in range(width):
            visible[y, x] = 0.0
            t = index[y, x]
            surface = surfaces[t] if t >= 0 else _NOTHING
            there_x = ((x + 0.5) / width + 0.5 * displacement[0, y, x]) * reference_width
            there_y = ((y + 0.5) / height + 0.5 * displacement[1, y, x]) * reference_height
            if not (0 <= there_x < reference_width and 0 <= there_y < reference_height):
                continue
            column, row = int(there_x), int(there_y)
            # One pixel around: a silhouette or a lid's edge falls on either side of it.
            for v in range(max(row - 1, 0), min(row + 2, reference_height)):
                for u in range(max(column - 1, 0), min(column + 2, reference_width)):
                    if surface == _HEAD:
                        depth_there = depth[y, x] + displacement[2, y, x] - _DEPTH_TOLERANCE
                        if depth_there <= reference_depth[v, u]:
                            visible[y, x] = 1.0
                    elif reference_surface[v, u] == surface:
                        visible[y, x] = 1.0
