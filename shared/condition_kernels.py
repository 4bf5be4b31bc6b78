"""Loops over the pixels of a rasterisation, compiled; what `shared.conditions` is made of."""

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


@njit(cache=True, nogil=True)
def interpolate(index, barycentric, triangles, attributes, out):  # type: ignore[no-untyped-def]
    """Attributes (N, C) of vertices at every pixel: out (C, h, w), 0 where nothing is drawn."""
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
def fill_mask(index, surfaces, on_proxy, mask):  # type: ignore[no-untyped-def]
    """mask (2, h, w): 1 on the face mesh without the mouth; 1 on the proxy."""
    height, width = index.shape
    mask[:] = 0.0
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t >= 0 and surfaces[t] != MOUTH:
                mask[1 if on_proxy[t] else 0, y, x] = 1.0


@njit(cache=True, nogil=True)
def weigh(index, surfaces, exact, weighted):  # type: ignore[no-untyped-def]
    """weighted (h, w, 4): exact (3, h, w) and 1 where it is known, else zeros."""
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            known = t >= 0 and surfaces[t] != MOUTH
            for c in range(3):
                weighted[y, x, c] = exact[c, y, x] if known else 0.0
            weighted[y, x, 3] = 1.0 if known else 0.0


@njit(cache=True, nogil=True)
def extend(index, surfaces, blurred, displacement):  # type: ignore[no-untyped-def]
    """Fill displacement (3, h, w) where it is not known from blurred (h, w, 4)."""
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t >= 0 and surfaces[t] != MOUTH:
                continue
            rest = np.float32(_BACKGROUND_DENSITY if t < 0 else _MOUTH_DENSITY)
            density = blurred[y, x, 3] + rest
            for c in range(3):
                displacement[c, y, x] = blurred[y, x, c] / density


@njit(cache=True, nogil=True)
def see(index, depth, surfaces, displacement, reference_depth, reference_surface, visible):  # type: ignore[no-untyped-def]
    """visible (h, w): 1 where the displacement leads to the same surface, unoccluded."""
    height, width = index.shape
    reference_height, reference_width = reference_depth.shape
    for y in range(height):
        for x in range(width):
            visible[y, x] = 0.0
            t = index[y, x]
            surface = surfaces[t] if t >= 0 else NOTHING
            there_x = ((x + 0.5) / width + 0.5 * displacement[0, y, x]) * reference_width
            there_y = ((y + 0.5) / height + 0.5 * displacement[1, y, x]) * reference_height
            if not (0 <= there_x < reference_width and 0 <= there_y < reference_height):
                continue
            column, row = int(there_x), int(there_y)
            depth_there = depth[y, x] + displacement[2, y, x] - _DEPTH_TOLERANCE
            if _is_seen(surface, depth_there, row, column, reference_depth, reference_surface):
                visible[y, x] = 1.0


@njit(cache=True, nogil=True)
def _is_seen(surface, depth, row, column, reference_depth, reference_surface):  # type: ignore[no-untyped-def]
    """Whether that surface is seen in the reference at a pixel or, for its edges, beside it."""
    if _is_seen_at(surface, depth, reference_depth[row, column], reference_surface[row, column]):
        return True
    height, width = reference_depth.shape
    for v in range(max(row - 1, 0), min(row + 2, height)):
        for u in range(max(column - 1, 0), min(column + 2, width)):
            if _is_seen_at(surface, depth, reference_depth[v, u], reference_surface[v, u]):
                return True
    return False


@njit(cache=True, nogil=True)
def _is_seen_at(surface, depth, depth_there, surface_there):  # type: ignore[no-untyped-def]
    return depth <= depth_there if surface == HEAD else surface_there == surface
