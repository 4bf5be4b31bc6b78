"""Pictures of the face model: shaded meshes, painted back to front."""

import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from shared.face_model import FaceModel, Region
from shared.parameters import EXPRESSION_SIZE, FaceParameters, FloatArray, Image
from shared.projection import project

_OVERSAMPLING = 3
_SUBPIXEL_BITS = 4
_LIGHT = np.array([-0.4, -0.5, -0.77])
"""Towards the light: above, in front, from the person's right."""
_COLOURS = {
    Region.SKIN: (224, 190, 168),
    Region.LIPS: (190, 105, 100),
    Region.MOUTH: (70, 30, 35),
    Region.LEFT_EYE: (245, 245, 245),
    Region.RIGHT_EYE: (245, 245, 245),
    Region.LEFT_IRIS: (70, 90, 120),
    Region.RIGHT_IRIS: (70, 90, 120),
}
_TILE_WIDTH, _TILE_HEIGHT = 100, 116
_FACE_LOG_SCALE = -0.62
_SIGMAS = (-3.0, 0.0, 3.0)
_COLUMNS = 4
_CAPTION_HEIGHT = 16
_PALETTE = 64


def expression_gallery(model: FaceModel) -> Image:
    """The 28 sliders: for each the mean face at -3, 0 and +3 sigma, seen a little from the side."""
    rows = -(-EXPRESSION_SIZE // _COLUMNS)
    width = _COLUMNS * (len(_SIGMAS) * _TILE_WIDTH + 8)
    page = np.full((rows * (_TILE_HEIGHT + _CAPTION_HEIGHT), width, 3), 255, np.uint8)
    for index in range(EXPRESSION_SIZE):
        row, column = divmod(index, _COLUMNS)
        top = row * (_TILE_HEIGHT + _CAPTION_HEIGHT)
        left = column * (len(_SIGMAS) * _TILE_WIDTH + 8)
        kind = "symmetric" if model.expression_mirror[index] > 0 else "antisymmetric"
        caption = f"{index} {kind}: -3, 0, +3 sigma"
        cv2.putText(
            page, caption, (left + 4, top + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1,
            cv2.LINE_AA,
        )  # fmt: skip
        for position, sigma in enumerate(_SIGMAS):
            tile = draw_face(model, _slider(model, index, sigma))
            x, y = left + position * _TILE_WIDTH, top + _CAPTION_HEIGHT
            page[y : y + _TILE_HEIGHT, x : x + _TILE_WIDTH] = tile
    return page


def draw_face(model: FaceModel, vertices: FloatArray) -> Image:
    """A shaded tile of face vertices (V, 3) in image coordinates (the tile's longer side)."""
    size = max(_TILE_WIDTH, _TILE_HEIGHT) * _OVERSAMPLING
    canvas = np.full((size, size, 3), 255, np.uint8)
    corners = vertices[model.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    # With z away from the viewer, a clockwise triangle's normal points away too.
    shade = 0.45 + 0.6 * np.clip(-normals @ _LIGHT, 0.0, 1.0)
    depth = corners[:, :, 2].mean(1)
    regions = model.triangle_regions
    iris = (regions == Region.LEFT_IRIS) | (regions == Region.RIGHT_IRIS)
    order = [index for index in np.argsort(-depth).tolist() if not iris[index]]
    points = np.round(((corners[:, :, :2] + 1.0) * size / 2.0 - 0.5) * 2**_SUBPIXEL_BITS)
    _paint(canvas, points.astype(np.int32), order, regions, shade)
    _paint_irises(canvas, points.astype(np.int32), regions)
    side = size // _OVERSAMPLING
    small = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA).astype(np.uint8)
    left = (side - _TILE_WIDTH) // 2
    return small[:_TILE_HEIGHT, left : left + _TILE_WIDTH]


def write_png(path: Path, image: Image) -> None:
    """Write a small PNG: a palette of 64 colours is enough for drawings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    PillowImage.fromarray(image).quantize(_PALETTE).save(buffer, "PNG", optimize=True)
    path.write_bytes(buffer.getvalue())


def _slider(model: FaceModel, index: int, sigma: float) -> FloatArray:
    expression = np.zeros(EXPRESSION_SIZE, np.float32)
    expression[index] = sigma
    camera = np.array([_FACE_LOG_SCALE, 0.0, 0.25, 0.0, 0.0, 0.02, 0.0], np.float32)
    parameters = FaceParameters(capture_time=0, expression=expression, camera=camera)
    return project(model.shape(model.mean, parameters.expression), parameters.camera)


def _paint(
    canvas: Image,
    points: NDArray[np.int32],
    order: list[int],
    regions: NDArray[np.uint8],
    shade: NDArray[np.floating],
) -> None:
    for index in order:
        colour = np.array(_COLOURS[Region(regions[index])]) * shade[index]
        cv2.fillConvexPoly(
            canvas, points[index], colour.clip(0, 255).tolist(), cv2.LINE_AA, _SUBPIXEL_BITS
        )


def _paint_irises(canvas: Image, points: NDArray[np.int32], regions: NDArray[np.uint8]) -> None:
    """Irises have no depth of their own: they show wherever their eye's opening does."""
    for iris, eye in ((Region.LEFT_IRIS, Region.LEFT_EYE), (Region.RIGHT_IRIS, Region.RIGHT_EYE)):
        opening = np.zeros(canvas.shape[:2], np.uint8)
        disc = np.zeros(canvas.shape[:2], np.uint8)
        for mask, region in ((opening, eye), (disc, iris)):
            for triangle in points[regions == region]:
                cv2.fillConvexPoly(mask, triangle, 255, cv2.LINE_8, _SUBPIXEL_BITS)
        canvas[(opening > 0) & (disc > 0)] = _COLOURS[iris]
