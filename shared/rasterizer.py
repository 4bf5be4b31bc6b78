"""Depth-buffered triangle rasteriser: per pixel the frontmost triangle, its depth, barycentrics.

Vertices snap to 1/4096 pixel and the edge functions are integers, so that neighbours that
share an edge leave no hole between them and every machine draws the same pixels.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shared.parameters import FloatArray

SUBPIXEL_BITS = 12
_SUBPIXEL = 1 << SUBPIXEL_BITS
_HALF = _SUBPIXEL // 2
COORDINATE_LIMIT = 1 << 14
"""Pixels. Farther vertices draw nothing: 2 * (14 + 12) bits and a sum stay inside int64."""

NO_TRIANGLE = -1
ANY_REGION = 255
"""In `overlay_on`: an ordinary triangle, drawn by depth."""


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """What one rasterisation leaves; views of buffers that the next call overwrites."""

    depth: FloatArray
    """(H, W) float32, z of the frontmost point in the vertices' unit; +inf where none."""

    triangle: NDArray[np.int32]
    """(H, W), index of the frontmost triangle; NO_TRIANGLE where none."""

    barycentric: FloatArray
    """(H, W, 3) float32, weights of that triangle's vertices; undefined where none."""


class Rasterizer:
    """Draws one fixed list of triangles again and again into buffers of its own.

    Not thread-safe: one object for each thread.
    """

    def __init__(
        self,
        triangles: NDArray[np.int32],
        *,
        height: int,
        width: int,
        regions: NDArray[np.uint8] | None = None,
        overlay_on: NDArray[np.uint8] | None = None,
    ) -> None:
        """For `triangles` (T, 3) of any winding.

        A triangle whose `overlay_on` (T,) is a region draws last and only where the frontmost
        triangle is of that region, whatever its depth (and leaves that depth as it is).
        """
        count = len(triangles)
        assert triangles.shape == (count, 3)
        assert 0 < height <= COORDINATE_LIMIT
        assert 0 < width <= COORDINATE_LIMIT
        self._triangles = np.ascontiguousarray(triangles, np.uint32)
        self._vertex_count = int(triangles.max(initial=-1)) + 1
        assert triangles.min(initial=0) >= 0
        self._regions = (
            np.zeros(count, np.uint8) if regions is None else np.ascontiguousarray(regions)
        )
        self._overlay_on = (
            np.full(count, ANY_REGION, np.uint8)
            if overlay_on is None
            else np.ascontiguousarray(overlay_on)
        )
        assert self._regions.shape == (count,)
        assert self._overlay_on.shape == (count,)
        self._order = np.argsort(self._overlay_on != ANY_REGION, kind="stable").astype(np.int32)
        self._size = np.array([width, height], np.int64)
        self._raster = Raster(
            depth=np.empty((height, width), np.float32),
            triangle=np.empty((height, width), np.int32),
            barycentric=np.zeros((height, width, 3), np.float32),
        )

    def rasterize(self, vertices: FloatArray) -> Raster:
        """Draw `vertices` (N, 3) in image coordinates ([-1, 1], y down, smaller z in front).

        Nothing is drawn when any of them is not finite. Of triangles at equal depth the first
        wins.
        """
        assert vertices.ndim == 2
        assert vertices.shape[1] == 3
        assert len(vertices) >= self._vertex_count
        raster = self._raster
        _rasterize(
            np.ascontiguousarray(vertices, np.float32),
            self._triangles,
            self._order,
            self._regions,
            self._overlay_on,
            raster.depth,
            raster.triangle,
            raster.barycentric,
        )
        return raster


@njit(cache=True, nogil=True)
def _rasterize(vertices, triangles, order, regions, overlay_on, depth, index, barycentric):  # type: ignore[no-untyped-def]
    height, width = depth.shape
    depth[:] = np.inf
    index[:] = NO_TRIANGLE
    count = vertices.shape[0]
    snapped = np.empty((count, 2), np.int64)
    inside = np.empty(count, np.bool_)
    for v in range(count):
        x = (np.float64(vertices[v, 0]) + 1.0) * 0.5 * width
        y = (np.float64(vertices[v, 1]) + 1.0) * 0.5 * height
        if not (np.isfinite(x) and np.isfinite(y) and np.isfinite(vertices[v, 2])):
            return
        inside[v] = abs(x) <= COORDINATE_LIMIT and abs(y) <= COORDINATE_LIMIT
        if inside[v]:
            snapped[v, 0] = np.int64(np.floor(x * _SUBPIXEL + 0.5))
            snapped[v, 1] = np.int64(np.floor(y * _SUBPIXEL + 0.5))
    for t in order:
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if not (inside[i] and inside[j] and inside[k]):
            continue
        x0, y0 = snapped[i, 0], snapped[i, 1]
        x1, y1 = snapped[j, 0], snapped[j, 1]
        x2, y2 = snapped[k, 0], snapped[k, 1]
        # The first and last pixel whose centre lies in the bounding box.
        left = max((min(x0, x1, x2) - _HALF + _SUBPIXEL - 1) >> SUBPIXEL_BITS, 0)
        right = min((max(x0, x1, x2) - _HALF) >> SUBPIXEL_BITS, width - 1)
        top = max((min(y0, y1, y2) - _HALF + _SUBPIXEL - 1) >> SUBPIXEL_BITS, 0)
        bottom = min((max(y0, y1, y2) - _HALF) >> SUBPIXEL_BITS, height - 1)
        if left > right or top > bottom:
            continue
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0:
            continue
        sign = 1 if area > 0 else -1
        inverse_area = 1.0 / np.float64(abs(area))
        # Edge functions, >= 0 inside: twice the area that vertex n's opposite edge spans with
        # the pixel, hence also n's barycentric weight times twice the triangle's area.
        step_x0, step_y0 = -sign * (y2 - y1), sign * (x2 - x1)
        step_x1, step_y1 = -sign * (y0 - y2), sign * (x0 - x2)
        step_x2, step_y2 = -sign * (y1 - y0), sign * (x1 - x0)
        px = (left << SUBPIXEL_BITS) + _HALF
        py = (top << SUBPIXEL_BITS) + _HALF
        row0 = step_x0 * (px - x1) + step_y0 * (py - y1)
        row1 = step_x1 * (px - x2) + step_y1 * (py - y2)
        row2 = step_x2 * (px - x0) + step_y2 * (py - y0)
        step_x0, step_y0 = step_x0 << SUBPIXEL_BITS, step_y0 << SUBPIXEL_BITS
        step_x1, step_y1 = step_x1 << SUBPIXEL_BITS, step_y1 << SUBPIXEL_BITS
        step_x2, step_y2 = step_x2 << SUBPIXEL_BITS, step_y2 << SUBPIXEL_BITS
        z0 = np.float64(vertices[i, 2]) * inverse_area
        z1 = np.float64(vertices[j, 2]) * inverse_area
        z2 = np.float64(vertices[k, 2]) * inverse_area
        beneath = overlay_on[t]
        # Unsigned: numba wraps signed indices, pixel by pixel.
        for y in range(np.uint64(top), np.uint64(bottom + 1)):
            e0, e1, e2 = row0, row1, row2
            entered = False
            for x in range(np.uint64(left), np.uint64(right + 1)):
                if (e0 | e1 | e2) >= 0:
                    entered = True
                    if beneath == ANY_REGION:
                        z = np.float32(e0 * z0 + e1 * z1 + e2 * z2)
                        wins = z < depth[y, x]
                        if wins:
                            depth[y, x] = z
                    else:
                        shown = index[y, x]
                        wins = shown >= 0 and regions[shown] == beneath
                    if wins:
                        index[y, x] = t
                        barycentric[y, x, 0] = e0 * inverse_area
                        barycentric[y, x, 1] = e1 * inverse_area
                        barycentric[y, x, 2] = e2 * inverse_area
                elif entered:
                    break
                e0 += step_x0
                e1 += step_x1
                e2 += step_x2
            row0 += step_y0
            row1 += step_y1
            row2 += step_y2
