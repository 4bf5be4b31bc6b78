import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.parameters import FloatArray
from shared.rasterizer import ANY_REGION, NO_TRIANGLE, Rasterizer


def grid_mesh(
    columns: int, rows: int, *, jitter: float = 0.0, seed: int = 0
) -> tuple[FloatArray, NDArray[np.int32]]:
    """A watertight sheet over [-0.8, 0.8]^2 with jittered inner vertices."""
    x, y = np.meshgrid(np.linspace(-0.8, 0.8, columns), np.linspace(-0.8, 0.8, rows))
    vertices = np.stack([x, y, x * 0.3 + y * 0.2], -1).reshape(-1, 3)
    inner = np.all(np.abs(vertices[:, :2]) < 0.79, axis=1)
    vertices[inner, :2] += np.random.default_rng(seed).normal(size=(inner.sum(), 2)) * jitter
    triangles = []
    for r in range(rows - 1):
        for c in range(columns - 1):
            a = r * columns + c
            triangles += [(a, a + 1, a + columns), (a + 1, a + columns + 1, a + columns)]
    return vertices.astype(np.float32), np.array(triangles, np.int32)


def slow_reference(
    vertices: FloatArray, triangles: NDArray[np.int32], height: int, width: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Every pixel against every triangle, in float64."""
    depth = np.full((height, width), np.inf)
    index = np.full((height, width), NO_TRIANGLE)
    scale = np.array([width, height]) / 2
    for t, triangle in enumerate(triangles):
        (x0, y0), (x1, y1), (x2, y2) = (vertices[triangle, :2].astype(np.float64) + 1) * scale
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9:
            continue
        for row in range(height):
            for column in range(width):
                x, y = column + 0.5, row + 0.5
                a = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) / area
                b = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) / area
                weights = np.array([a, b, 1 - a - b])
                if weights.min() >= 0:
                    z = float(weights @ vertices[triangle, 2])
                    if z < depth[row, column]:
                        depth[row, column], index[row, column] = z, t
    return depth, index


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), height=st.integers(3, 20), width=st.integers(3, 20))
def test_equals_a_slow_reference(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    vertices = rng.uniform(-1.5, 1.5, (9, 3)).astype(np.float32)
    triangles = rng.integers(0, 9, (12, 3)).astype(np.int32)
    raster = Rasterizer(triangles, height=height, width=width).rasterize(vertices)
    depth, index = slow_reference(vertices, triangles, height, width)
    # Snapping to 1/4096 pixel may move an edge across a pixel centre now and then, and two
    # triangles may meet at one depth; what is seen is covered alike and equally deep.
    covered = raster.triangle >= 0
    assert (covered != (index >= 0)).sum() <= 1
    both = covered & (index >= 0)
    close = np.isclose(raster.depth[both], depth[both], atol=5e-3)
    assert (~close).sum() <= 1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_neighbours_leave_no_hole(seed: int) -> None:
    vertices, triangles = grid_mesh(9, 9, jitter=0.05, seed=seed)
    raster = Rasterizer(triangles, height=64, width=64).rasterize(vertices)
    assert (raster.triangle[8:56, 8:56] >= 0).all()


def test_an_edge_through_pixel_centres_is_covered_once_and_by_the_first() -> None:
    vertices = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    raster = Rasterizer(triangles, height=4, width=4).rasterize(vertices)
    expected = [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]
    assert raster.triangle.tolist() == expected


def test_pixel_centres_lie_at_a_half() -> None:
    """A point at (i + 0.5) / W of the width is the pixel's own: weights reproduce its place."""
    vertices, triangles = grid_mesh(5, 5)
    raster = Rasterizer(triangles, height=16, width=32).rasterize(vertices)
    row, column = 7, 20
    corners = vertices[triangles[raster.triangle[row, column]]]
    place = raster.barycentric[row, column] @ corners
    np.testing.assert_allclose(place[:2], [20.5 / 16 - 1, 7.5 / 8 - 1], atol=1e-4)
    assert raster.depth[row, column] == pytest.approx(place[2], abs=1e-6)


def test_the_nearer_triangle_is_seen_whatever_the_order_and_winding() -> None:
    near = [[-1, -1, 0.1], [3, -1, 0.1], [-1, 3, 0.1]]
    far = [[-1, -1, 0.5], [-1, 3, 0.5], [3, -1, 0.5]]
    vertices = np.array(near + far, np.float32)
    for triangles, nearest in (([[0, 1, 2], [3, 4, 5]], 0), ([[3, 4, 5], [2, 1, 0]], 1)):
        raster = Rasterizer(np.array(triangles, np.int32), height=8, width=8).rasterize(vertices)
        assert (raster.triangle == nearest).all()
        np.testing.assert_allclose(raster.depth, 0.1, rtol=1e-6)


def test_an_overlay_draws_only_on_its_region_whatever_its_depth() -> None:
    left = [[-1, -1, 0], [0, -1, 0], [0, 1, 0], [-1, 1, 0]]
    right = [[0, -1, 0], [1, -1, 0], [1, 1, 0], [0, 1, 0]]
    behind = [[-1, -1, 9], [3, -1, 9], [-1, 3, 9]]
    vertices = np.array(left + right + behind, np.float32)
    triangles = np.array(
        [[8, 9, 10], [0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32
    )  # the overlay comes first in the list and is drawn last
    regions = np.array([9, 3, 3, 0, 0], np.uint8)
    overlay_on = np.array([3, ANY_REGION, ANY_REGION, ANY_REGION, ANY_REGION], np.uint8)
    rasterizer = Rasterizer(triangles, height=4, width=8, regions=regions, overlay_on=overlay_on)
    raster = rasterizer.rasterize(vertices)
    assert (raster.triangle[:, :4] == 0).all()
    assert (raster.triangle[:, 4:] >= 3).all()
    assert (raster.depth == 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_vertices_that_are_not_finite_draw_nothing(bad: float, axis: int) -> None:
    vertices, triangles = grid_mesh(4, 4)
    rasterizer = Rasterizer(triangles, height=16, width=16)
    assert (rasterizer.rasterize(vertices).triangle >= 0).any()
    vertices[5, axis] = bad
    raster = rasterizer.rasterize(vertices)
    assert (raster.triangle == NO_TRIANGLE).all()
    assert np.isinf(raster.depth).all()


def test_far_away_and_flat_triangles_draw_nothing_and_harm_no_other() -> None:
    vertices = np.array(
        [[-1, -1, 0], [1, -1, 0], [-1, 1, 0], [1e30, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0]],
        np.float32,
    )
    triangles = np.array([[0, 1, 3], [4, 5, 0], [4, 4, 4], [0, 1, 2]], np.int32)
    raster = Rasterizer(triangles, height=8, width=8).rasterize(vertices)
    assert set(np.unique(raster.triangle)) == {NO_TRIANGLE, 3}


def test_the_same_vertices_give_the_same_pixels_and_reuse_the_buffers() -> None:
    vertices, triangles = grid_mesh(12, 12, jitter=0.02)
    rasterizer = Rasterizer(triangles, height=64, width=64)
    first = rasterizer.rasterize(vertices)
    depth, triangle = first.depth.copy(), first.triangle.copy()
    rasterizer.rasterize(-vertices)
    again = rasterizer.rasterize(vertices)
    assert again.depth is first.depth
    assert np.array_equal(again.depth, depth)
    assert np.array_equal(again.triangle, triangle)
