"""Rebuilt pictures measured against the true ones, clip by clip."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from benchmarks.contact_sheet import ContactSheet
from benchmarks.driving import DrivingSource
from benchmarks.identity_similarity import IdentityNetwork
from benchmarks.offline_call import OfflineCall
from benchmarks.picture_metrics import (
    landmark_distance,
    mean_absolute_error,
    peak_signal_to_noise,
    sharpness,
    structural_similarity,
)
from sender.crop_image import crop_image
from shared.face_renderer import FaceRenderer
from shared.parameters import CROP_SIZE, Image
from shared.tracker import FaceTracker, Landmarks

_CSIM_EVERY = 5
"""The recognition network is slow: each fifth measured frame."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one generator on one clip, or their mean; NaN where nothing could be measured."""

    frames: int
    """Measured: references themselves and frames without a face are left out."""

    l1: float
    """Levels of 255."""

    psnr_db: float
    ssim: float

    akd_px: float
    """Mean landmark distance, driving to rebuilt, pixels at 256 x 256."""

    csim: float
    """Of rebuilt to driving frame, 1 is the same; NaN without the recognition network."""

    sharpness: float
    """Of the rebuilt picture over that of the driving one; 1 is as sharp."""

    faces_lost: int
    """Measured frames in whose rebuilt picture the tracker finds no face."""


@dataclass(frozen=True, slots=True)
class ClipScores:
    """One generator on one clip."""

    clip: str
    generator: str
    scores: Scores


class _Measure:
    """Collects one generator's numbers on one clip."""

    def __init__(self, renderer: FaceRenderer, identity: IdentityNetwork | None) -> None:
        self.name = renderer.generator.name
        self._identity = identity
        self._tracker = FaceTracker()
        self._rows: list[tuple[float, ...]] = []
        self._lost = 0

    def add(self, image: Image, truth: Image, true_face: Landmarks | None) -> float:
        """Measure one picture; the landmark distance, NaN without a face in either."""
        faces = self._tracker.track(image)
        distance = similarity = np.nan
        if true_face is not None and faces:
            distance = landmark_distance(faces[0].points, true_face.points)
            if self._identity is not None and len(self._rows) % _CSIM_EVERY == 0:
                own = self._identity.embed(truth, true_face.points)
                similarity = float(own @ self._identity.embed(image, faces[0].points))
        self._lost += not faces
        self._rows.append(
            (
                mean_absolute_error(image, truth),
                peak_signal_to_noise(image, truth),
                structural_similarity(image, truth),
                distance,
                similarity,
                sharpness(image) / max(sharpness(truth), 1e-6),
            )
        )
        return distance

    def scores(self) -> Scores:
        table = np.array(self._rows, np.float64).reshape(-1, 6)
        l1, psnr_db, ssim, akd_px, csim, sharp = (_finite_mean(column) for column in table.T)
        return Scores(len(table), l1, psnr_db, ssim, akd_px, csim, sharp, self._lost)


def measure_clip(
    source: DrivingSource,
    renderers: Sequence[FaceRenderer],
    *,
    every: int,
    identity: IdentityNetwork | None = None,
    sheet: ContactSheet | None = None,
    lossless_parameters: bool = False,
) -> list[Scores]:
    """Play a clip once through an offline call for each renderer; measure each `every`-th frame.

    References themselves are left out, and frames without a face.
    """
    tracker = FaceTracker()
    calls = [
        OfflineCall(renderer, lossless_parameters=lossless_parameters) for renderer in renderers
    ]
    measures = [_Measure(renderer, identity) for renderer in renderers]
    reference_times: set[int] = set()
    for driving in source.play():
        reference_times |= {ref.parameters.capture_time for ref in driving.references}
        shown = [call.show(driving) for call in calls]
        parameters, crop = driving.parameters, driving.crop
        if driving.frame.index % every or parameters is None or crop is None:
            continue
        if parameters.capture_time in reference_times:
            continue
        truth = crop_image(driving.frame.image, crop, CROP_SIZE)
        true_face = next(iter(tracker.track(truth)), None)
        for measure, rebuilt in zip(measures, shown, strict=True):
            if rebuilt.image is None:
                continue
            distance = measure.add(rebuilt.image, truth, true_face)
            if sheet is not None:
                sheet.offer(measure.name, truth, rebuilt.image, distance)
    return [measure.scores() for measure in measures]


def _finite_mean(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """Every clip counts alike; counts are summed."""
    columns = {
        field.name: np.array([getattr(one, field.name) for one in scores], np.float64)
        for field in fields(Scores)
    }
    return Scores(
        frames=int(columns["frames"].sum()),
        faces_lost=int(columns["faces_lost"].sum()),
        **{
            name: _finite_mean(column)
            for name, column in columns.items()
            if name not in ("frames", "faces_lost")
        },
    )
