"""Image-like conditions of a generator, all from one rasterisation of face mesh and head proxy."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.channel import (
    ALL_CHANNELS,
    CHANNEL_SIZES,
    Channel,
    channel_count,
    parse_channels,
)
from shared.condition_kernels import (
    HEAD,
    LEFT_EYE,
    MOUTH,
    NOTHING,
    RIGHT_EYE,
    average,
    extend,
    fill_mask,
    interpolate,
    see,
    subtract,
)
from shared.face_model import FaceModel, Region
from shared.parameters import FloatArray
from shared.rasterizer import ANY_REGION, Raster, Rasterizer

_EXTENSION_SIZE = 64
"""Side of the grid on which the displacement is extended, whatever the size of the condition."""

EXTENSION_SIGMA = 2.0
"""Standard deviation of the extending blur, in cells of that grid.

By the warp on 15 validation clips, reference near the middle of the poses: 22.30 dB (L1 11.14) at
sigma 1, 22.37 (11.06) at 2, 22.37 (11.16) at 3, 22.24 (11.45) at 4, 21.79 (12.40) at 7.
"""

_REFERENCE_SIZE = 256
"""Side of the reference's own depth buffer."""

_NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceView:
    """A reference's geometry, prepared once: where its points are and which of them it shows."""

    vertices: FloatArray
    """(N, 3) face, then proxy, image coordinates."""

    deepest: FloatArray
    """(R, R) float32; the greatest depth within a pixel; +inf where neither face nor proxy is."""

    surfaces_near: NDArray[np.uint8]
    """(R, R) what is seen within a pixel; bits from the lowest: nothing, head, mouth's opening,
    left eye, right eye."""


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
        self._triangles = np.ascontiguousarray(triangles, np.uint32)
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
        self._unasked = np.empty((3, height, width), np.float32)
        self._shift = np.empty_like(mean, np.float32)
        grid = min(height, _EXTENSION_SIZE), min(width, _EXTENSION_SIZE)
        self._known = np.empty((*grid, 4), np.float32)

    def view_reference(self, vertices: FloatArray) -> ReferenceView:
        """Prepare a reference from its `vertices` (V + P, 3), image coordinates."""
        raster = self._reference_rasterizer.rasterize(vertices)
        surface = np.where(raster.triangle >= 0, self._surfaces[raster.triangle], NOTHING)
        return ReferenceView(
            vertices=np.array(vertices, np.float32),
            deepest=np.asarray(cv2.dilate(raster.depth, _NEIGHBOURS), np.float32),
            surfaces_near=_bits_near(surface),
        )

    def render(self, vertices: FloatArray, reference: ReferenceView) -> FloatArray:
        """Conditions (C, h, w) float32 of driving `vertices` (V + P, 3) against a reference.

        A fresh array. Vertices that are not finite give zeros: no face is seen, nothing moves.
        """
        raster = self._rasterizer.rasterize(vertices)
        conditions = np.empty((channel_count(self.channels), self.height, self.width), np.float32)
        planes = _split(conditions, self.channels)
        if (pncc := planes.get(Channel.PNCC)) is not None:
            self._interpolate(raster, self._pncc, pncc)
        if (mask := planes.get(Channel.MASK)) is not None:
            fill_mask(raster.triangle, self._surfaces, self._on_proxy, mask)
        if planes.keys() & _FROM_DISPLACEMENT:
            displacement = self._displacement(raster, vertices, reference.vertices, planes)
            if (visible := planes.get(Channel.REFERENCE_VISIBLE)) is not None:
                see(
                    raster.triangle,
                    raster.depth,
                    self._surfaces,
                    *displacement,
                    reference.deepest,
                    reference.surfaces_near,
                    visible[0],
                )
        return conditions

    def render_pncc(self, vertices: FloatArray) -> FloatArray:
        """(3, h, w) float32, pncc alone; what a generator with history takes of past frames."""
        pncc = np.empty((3, self.height, self.width), np.float32)
        self._interpolate(self._rasterizer.rasterize(vertices), self._pncc, pncc)
        return pncc

    def _interpolate(
        self, raster: Raster, attributes: FloatArray, planes: Iterable[FloatArray]
    ) -> None:
        interpolate(raster.triangle, raster.barycentric, self._triangles, attributes, *planes)

    def _displacement(
        self,
        raster: Raster,
        driving: FloatArray,
        reference: FloatArray,
        planes: Mapping[Channel, FloatArray],
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Its planes x, y, z (h, w): those asked for, else buffers that the next call overwrites.

        Exact on mesh and proxy; blurred from there into mouth and background.
        """
        dx, dy = planes.get(Channel.DISPLACEMENT, self._unasked[:2])
        (dz,) = planes.get(Channel.DISPLACEMENT_Z, self._unasked[2:])
        subtract(reference, driving, self._shift)
        self._interpolate(raster, self._shift, (dx, dy, dz))
        average(raster.triangle, self._surfaces, dx, dy, dz, self._known)
        # Beyond the picture nothing is known: zeros in numerator and denominator alike.
        blurred = np.asarray(
            cv2.GaussianBlur(self._known, (0, 0), EXTENSION_SIGMA, borderType=cv2.BORDER_CONSTANT),
            np.float32,
        )
        if blurred.shape[:2] != raster.triangle.shape:
            blurred = _resize(blurred, (self.width, self.height))
        extend(raster.triangle, self._surfaces, blurred, dx, dy, dz)
        return dx, dy, dz


def _split(conditions: FloatArray, channels: Sequence[Channel]) -> dict[Channel, FloatArray]:
    """The planes of each channel, as views."""
    planes = {}
    start = 0
    for channel in channels:
        planes[channel] = conditions[start : start + CHANNEL_SIZES[channel]]
        start += CHANNEL_SIZES[channel]
    return planes


def _bits_near(surface: NDArray[np.integer]) -> NDArray[np.uint8]:
    """(R, R) a bit for each surface that is at a pixel or beside it."""
    near = np.zeros(surface.shape, np.uint8)
    for one in (NOTHING, HEAD, MOUTH, LEFT_EYE, RIGHT_EYE):
        near |= np.asarray(cv2.dilate((surface == one).astype(np.uint8) << one, _NEIGHBOURS))
    return near


def _resize(planes: FloatArray, size: tuple[int, int]) -> FloatArray:
    return np.asarray(cv2.resize(planes, size, interpolation=cv2.INTER_LINEAR), np.float32)


_FROM_DISPLACEMENT = {Channel.DISPLACEMENT, Channel.DISPLACEMENT_Z, Channel.REFERENCE_VISIBLE}


def _surface_of_region() -> NDArray[np.uint8]:
    """(256,) what a triangle of each region shows."""
    surfaces = np.full(256, HEAD, np.uint8)
    surfaces[Region.MOUTH] = MOUTH
    surfaces[[Region.LEFT_EYE, Region.LEFT_IRIS]] = LEFT_EYE
    surfaces[[Region.RIGHT_EYE, Region.RIGHT_IRIS]] = RIGHT_EYE
    return surfaces
