"""The head proxy on heads of five people, frontal and turned, without a pixel of them.

Wire frames of the fitted model over outlines that were measured by hand, and how well they agree.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from export.landmarks import tracked_landmarks
from shared.face_model import FaceModel, Region
from shared.fitting import FaceFitter
from shared.parameters import CROP_SIZE, FloatArray, Image

_OUTLINES = Path(__file__).parent / "assets" / "head_outlines.txt"
_TILE = 320
_CAPTION_HEIGHT = 18
_SUBPIXEL_BITS = 4
_FACE = (150, 160, 150)
_COLOURS = {
    Region.SKULL: (210, 90, 0),
    Region.EARS: (190, 0, 190),
    Region.HAIR: (150, 110, 0),
    Region.NECK: (0, 130, 190),
}


@dataclass(frozen=True, slots=True, eq=False)
class HeadOutline:
    """The outline of a head in one frame of a clip."""

    clip: str
    reference_frame: int
    frame: int
    corners: NDArray[np.float64]
    """(N, 2) pixels of the 256 x 256 picture."""


def head_outlines() -> list[HeadOutline]:
    """The measured outlines: frontal and turned for each person in turn."""
    outlines = []
    for line in _OUTLINES.read_text().splitlines():
        if not line.startswith("#"):
            clip, reference, frame, *corners = line.split()
            points = np.array(corners, np.float64).reshape(-1, 2)
            outlines.append(HeadOutline(clip, int(reference), int(frame), points))
    return outlines


def head_proxy_picture(model: FaceModel, data: Path, cache: Path) -> tuple[Image, list[float]]:
    """The picture, two tiles a person, and the intersection over union of each tile's head.

    `data` holds the clips. Raises ArtifactError for a clip that is missing or no video.
    """
    fitter = FaceFitter(model)
    tiles, agreements = [], []
    for outline in head_outlines():
        points = tracked_landmarks(data / f"{outline.clip}.mp4", cache)
        identity, reference = fitter.fit_reference(points[outline.reference_frame], 0)
        neutral = model.neutral(identity)
        parameters = fitter.fit(points[outline.frame], neutral, capture_time=0)
        vertices = model.head(neutral, reference.camera).vertices(parameters)
        agreement = _agreement(model, vertices, outline)
        agreements.append(agreement)
        tiles.append(_tile(model, vertices, outline, f"overlap of the heads {agreement:.2f}"))
    rows = [np.vstack(tiles[side::2]) for side in (0, 1)]
    return np.hstack(rows), agreements


def _agreement(model: FaceModel, vertices: FloatArray, outline: HeadOutline) -> float:
    """Intersection over union of the measured head and the model's, neck apart."""
    measured = np.zeros((_TILE, _TILE), np.uint8)
    cv2.fillPoly(measured, [_fixed(outline.corners * (_TILE / CROP_SIZE))], 1, 8, _SUBPIXEL_BITS)
    modelled = np.zeros((_TILE, _TILE), np.uint8)
    head = model.proxy_triangles[model.proxy_regions != Region.NECK]
    corners = _fixed((vertices[:, :2] + 1.0) * (_TILE / 2.0))
    for triangle in np.concatenate([model.triangles, head]):
        cv2.fillConvexPoly(modelled, corners[triangle], 1, 8, _SUBPIXEL_BITS)
    return float((measured & modelled).sum() / (measured | modelled).sum())


def _tile(model: FaceModel, vertices: FloatArray, outline: HeadOutline, caption: str) -> Image:
    """The head's triangles, the nearest painted last, under the measured outline."""
    tile = np.full((_TILE, _TILE, 3), 255, np.uint8)
    triangles = np.concatenate([model.proxy_triangles, model.triangles])
    regions = np.concatenate([model.proxy_regions, model.triangle_regions])
    corners = vertices[triangles]
    fixed = _fixed((corners[:, :, :2] + 1.0) * (_TILE / 2.0))
    for index in np.argsort(-corners[:, :, 2].mean(1)):
        if _faces_viewer(corners[index]):
            colour = np.array(_COLOURS.get(Region(regions[index]), _FACE))
            light = (255 - (255 - colour) // 4).tolist()
            cv2.fillConvexPoly(tile, fixed[index], light, cv2.LINE_AA, _SUBPIXEL_BITS)
            cv2.polylines(
                tile, [fixed[index]], True, colour.tolist(), 1, cv2.LINE_AA, _SUBPIXEL_BITS
            )
    measured = _fixed(outline.corners * (_TILE / CROP_SIZE))
    cv2.polylines(tile, [measured], True, (0, 0, 0), 2, cv2.LINE_AA, _SUBPIXEL_BITS)
    page = np.full((_TILE + _CAPTION_HEIGHT, _TILE, 3), 255, np.uint8)
    page[:_TILE] = tile
    place = (8, _TILE + _CAPTION_HEIGHT - 6)
    cv2.putText(page, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return page


def _faces_viewer(corners: FloatArray) -> bool:
    (x0, y0), (x1, y1), (x2, y2) = corners[:, :2]
    return bool((x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0) > 0.0)


def _fixed(points: NDArray[np.floating]) -> NDArray[np.int32]:
    """Fixed-point coordinates for OpenCV, whose pixel centres are whole numbers."""
    return np.round((points - 0.5) * 2**_SUBPIXEL_BITS).astype(np.int32)
