"""How good a picture would be as a reference: sharp, eyes open, at rest, nothing in front.

All measures are cheap (about 1 ms for one 256 x 256 picture) and taken a few times a second.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from shared.parameters import FaceParameters, FloatArray, Image

_FACE_SIDE_PX = 96
"""The face is brought to this size before its sharpness is measured: distances do not count."""

_EYES = (
    # outer corner, inner corner, upper lid, lower lid (MediaPipe mesh)
    ((33, 133), ((159, 145), (158, 153), (160, 144))),
    ((263, 362), ((386, 374), (385, 380), (387, 373))),
)
_INNER_LIPS = (13, 14)
_MOUTH_CORNERS = (78, 308)
_SKIN_SPOTS = np.array(
    # Forehead, cheeks, nose, upper lip's sides, chin and jaw: where bare skin is expected.
    [151, 108, 337, 50, 280, 205, 425, 4, 195, 203, 423, 152, 199, 170, 395, 135, 364, 187, 411]
)


@dataclass(frozen=True, slots=True)
class FrameQuality:
    """What is known about one tracked picture. Higher is better unless said otherwise."""

    sharpness: float
    """Energy of fine detail in the face against its contrast; about 0.02 (blurred) to 0.3."""

    eye_openness: float
    """Lid distance over eye width, mean of the eyes; about 0.05 (shut) to 0.4."""

    mouth_openness: float
    """Inner lip distance over mouth width; 0 shut, lower is better at rest."""

    turn: float
    """Radians away from facing the camera; lower is better."""

    effort: float
    """RMS of the expression's coefficients in standard deviations; lower is nearer to rest."""

    skin_outliers: float
    """Share of the skin spots whose colour is not the face's, 0..1: a hand, a cup, a microphone."""

    face_score: float
    """The tracker's own certainty, 0..1."""

    motion: float
    """How fast the face moves, in crop sides a second; lower is better."""

    margin: float
    """Distance of the mesh to the crop's edge in crop sides; negative when it is cut off."""


def measure_quality(
    image: Image,
    points: FloatArray,
    parameters: FaceParameters,
    *,
    face_score: float,
    motion: float,
) -> FrameQuality:
    """Of a crop `image` (S, S, 3) whose mesh lies at `points` (478, 3) in image coordinates."""
    size = image.shape[0]
    pixels = (points[:, :2] + 1.0) * (size / 2.0)
    return FrameQuality(
        sharpness=_sharpness(image, pixels),
        eye_openness=_eye_openness(pixels),
        mouth_openness=_ratio(pixels, _INNER_LIPS, _MOUTH_CORNERS),
        turn=float(np.linalg.norm(parameters.rotation)),
        effort=float(np.sqrt(np.mean(np.square(parameters.expression)))),
        skin_outliers=_skin_outliers(image, pixels),
        face_score=face_score,
        motion=motion,
        margin=float(1.0 - np.abs(points[:, :2]).max()) / 2.0,
    )


def _ratio(pixels: FloatArray, opening: tuple[int, int], width: tuple[int, int]) -> float:
    across = float(np.linalg.norm(pixels[width[0]] - pixels[width[1]]))
    return float(np.linalg.norm(pixels[opening[0]] - pixels[opening[1]])) / max(across, 1e-6)


def _eye_openness(pixels: FloatArray) -> float:
    return float(
        np.mean([_ratio(pixels, lids, corners) for corners, pairs in _EYES for lids in pairs])
    )


def _sharpness(image: Image, pixels: FloatArray) -> float:
    size = image.shape[0]
    left, top = np.clip(pixels.min(axis=0), 0, size - 2).astype(int)
    right, bottom = np.clip(pixels.max(axis=0), 2, size).astype(int)
    face = image[top : max(bottom, top + 2), left : max(right, left + 2)]
    gray = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    scale = _FACE_SIDE_PX / max(gray.shape)
    if scale < 1:
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    contrast = float(gray.std())
    detail = float(cv2.Laplacian(gray, cv2.CV_32F, ksize=1).std())
    return detail / max(contrast, 1.0)


def _skin_outliers(image: Image, pixels: FloatArray) -> float:
    """By chroma, which light and shade change little."""
    size = image.shape[0]
    small = cv2.blur(image, (5, 5))
    spots = np.clip(pixels[_SKIN_SPOTS], 0, size - 1).astype(int)
    colours = small[spots[:, 1], spots[:, 0]][None]
    chroma = cv2.cvtColor(colours, cv2.COLOR_RGB2YCrCb)[0, :, 1:].astype(np.float32)
    distance = np.linalg.norm(chroma - np.median(chroma, axis=0), axis=1)
    return float(np.mean(distance > 14.0))
