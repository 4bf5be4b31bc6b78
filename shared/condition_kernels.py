"""Loops over the pixels of a rasterisation, compiled; what `shared.conditions` is made of.

They keep Python's lock: each takes a tenth of a millisecond, and a thread that gives the lock up
so often waits longer for it than it works. So released, 8 calls on two cores got 17 pictures/s
each in place of 25.
"""

import numpy as np
from numba import njit

# What a pixel shows. Openings change size with the expression, so that for them depth says
# little: a point in the mouth is seen where the reference's mouth is open.
NOTHING, HEAD, MOUTH, LEFT_EYE, RIGHT_EYE = range(5)

_BACKGROUND_DENSITY = 0.02
"""Weight of the resting background in the extension: what takes the displacement to zero."""

_MOUTH_DENSITY = 1e-4
"""The same inside the mouth's opening, where nothing rests: only guards the division."""

_DEPTH_TOLERANCE = np.float32(0.03)
"""Image units by which a point may lie behind the reference's surface and still be seen there."""


@njit(cache=True)
def interpolate(index, barycentric, triangles, attributes, first, second, third):  # type: ignore[no-untyped-def]
    """Attributes (N, 3) of vertices at every pixel, a plane (h, w) each; 0 where nothing is drawn.

    `triangles` here and indices below are unsigned: numba wraps signed ones, pixel by pixel.
    """
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            if index[y, x] < 0:
                first[y, x] = second[y, x] = third[y, x] = 0.0
                continue
            t = np.uint32(index[y, x])
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            a, b, g = barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2]
            first[y, x] = a * attributes[i, 0] + b * attributes[j, 0] + g * attributes[k, 0]
            second[y, x] = a * attributes[i, 1] + b * attributes[j, 1] + g * attributes[k, 1]
            third[y, x] = a * attributes[i, 2] + b * attributes[j, 2] + g * attributes[k, 2]


@njit(cache=True)
def fill_mask(index, surfaces, on_proxy, mask):  # type: ignore[no-untyped-def]
    """mask (2, h, w): 1 on the face mesh without the mouth; 1 on the proxy."""
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            known = _is_known(index[y, x], surfaces)
            proxy = known and on_proxy[np.uint32(index[y, x])]
            mask[0, y, x] = 1.0 if known and not proxy else 0.0
            mask[1, y, x] = 1.0 if proxy else 0.0


@njit(cache=True)
def average(index, surfaces, dx, dy, dz, cells):  # type: ignore[no-untyped-def]
    """cells (gh, gw, 4): means of dx, dy, dz and 1 where they are known, of zeros elsewhere.

    A grid no finer than the picture.
    """
    height, width = index.shape
    grid_height, grid_width = cells.shape[:2]
    cells[:] = 0.0
    for y in range(height):
        row = cells[np.uint32(y * grid_height // height)]
        for x in range(width):
            if _is_known(index[y, x], surfaces):
                column = np.uint32(x * grid_width // width)
                row[column, 0] += dx[y, x]
                row[column, 1] += dy[y, x]
                row[column, 2] += dz[y, x]
                row[column, 3] += np.float32(1.0)
    cells *= np.float32(grid_height * grid_width / (height * width))


@njit(cache=True)
def extend(index, surfaces, blurred, dx, dy, dz):  # type: ignore[no-untyped-def]
    """Fill dx, dy, dz (h, w) where they are not known from blurred (h, w, 4)."""
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            if _is_known(index[y, x], surfaces):
                continue
            rest = np.float32(_BACKGROUND_DENSITY if index[y, x] < 0 else _MOUTH_DENSITY)
            share = np.float32(1.0) / (blurred[y, x, 3] + rest)
            dx[y, x] = blurred[y, x, 0] * share
            dy[y, x] = blurred[y, x, 1] * share
            dz[y, x] = blurred[y, x, 2] * share


@njit(cache=True)
def see(index, depth, surfaces, dx, dy, dz, deepest, surfaces_near, visible):  # type: ignore[no-untyped-def]
    """visible (h, w): 1 where the displacement leads to the same surface, unoccluded.

    `deepest`, `surfaces_near` (R, R) say what the reference shows at a pixel or, for its edges,
    beside it: the greatest depth, and a bit for each surface.
    """
    height, width = index.shape
    reference_height, reference_width = deepest.shape
    for y in range(height):
        for x in range(width):
            there_x = ((x + 0.5) / width + 0.5 * dx[y, x]) * reference_width
            there_y = ((y + 0.5) / height + 0.5 * dy[y, x]) * reference_height
            seen = False
            if 0 <= there_x < reference_width and 0 <= there_y < reference_height:
                column, row = np.uint32(there_x), np.uint32(there_y)
                surface = surfaces[np.uint32(index[y, x])] if index[y, x] >= 0 else NOTHING
                if surface == HEAD:
                    depth_there = depth[y, x] + dz[y, x] - _DEPTH_TOLERANCE
                    seen = depth_there <= deepest[row, column]
                else:
                    seen = (surfaces_near[row, column] >> surface) & 1 == 1
            visible[y, x] = 1.0 if seen else 0.0


@njit(cache=True)
def subtract(a, b, out):  # type: ignore[no-untyped-def]
    """out (N, 3) = a - b."""
    for n in range(len(out)):
        for c in range(3):
            out[n, c] = a[n, c] - b[n, c]


@njit(cache=True)
def _is_known(index, surfaces):  # type: ignore[no-untyped-def]
    """Whether the displacement is that of what is drawn there: the mouth's fill has none."""
    return index >= 0 and surfaces[np.uint32(index)] != MOUTH
