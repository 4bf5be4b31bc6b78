"""What is measured on one frame of self-reenactment, and what becomes of it over a clip."""

from dataclasses import dataclass, fields

import numpy as np

from benchmarks.clip_scores import SelfScores, finite_mean
from benchmarks.face_observer import FaceMotion, expression_distance, pose_distance
from benchmarks.picture_metrics import (
    landmark_distance,
    mean_absolute_error,
    peak_signal_to_noise,
    sharpness,
)
from benchmarks.quality_bench import TrueFrame
from benchmarks.structural_similarity import structural_similarity
from shared.parameters import FloatArray, Image

_NAN = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """A face in a picture."""

    points: FloatArray
    """(478, 3) landmarks, pixels."""

    motion: FaceMotion


@dataclass(frozen=True, slots=True)
class FrameScores:
    """Names as in `SelfScores`."""

    l1: float
    psnr_db: float
    ssim: float
    ms_ssim: float
    csim: float
    akd_px: float
    aed: float
    apd_deg: float
    sharpness: float


class CollectedScores:
    """One generator's numbers on one clip."""

    def __init__(self) -> None:
        self.frames: list[FrameScores] = []
        self.flicker: list[tuple[float, float]] = []
        """(rebuilt, driving)"""
        self.squared_error: list[tuple[float, float]] = []
        """(beside the head, everywhere) of each measured frame"""
        self.faces_lost = 0

    def scores(self) -> SelfScores:
        means = {
            field.name: finite_mean(getattr(frame, field.name) for frame in self.frames)
            for field in fields(FrameScores)
        }
        rebuilt, true = np.nansum(np.reshape(self.flicker, (-1, 2)), axis=0)
        beside, everywhere = np.sum(np.reshape(self.squared_error, (-1, 2)), axis=0)
        return SelfScores(
            frames=len(self.frames),
            flicker=float(rebuilt / true) if true > 0 else _NAN,
            faces_lost=self.faces_lost,
            beside_share=float(beside / everywhere) if everywhere > 0 else _NAN,
            **means,
        )


def score_frame(
    image: Image,
    truth: TrueFrame,
    *,
    seen: SeenFace | None,
    true: SeenFace | None,
    csim: float,
) -> FrameScores:
    """A rebuilt picture (256, 256, 3) against the true one, and what is seen in both."""
    similarity = structural_similarity(image, truth.image)
    both = None if seen is None or true is None else (seen, true)
    return FrameScores(
        l1=mean_absolute_error(image, truth.image),
        psnr_db=peak_signal_to_noise(image, truth.image),
        ssim=similarity.ssim,
        ms_ssim=similarity.ms_ssim,
        csim=csim,
        akd_px=_NAN if both is None else landmark_distance(both[0].points, both[1].points),
        aed=_NAN if both is None else expression_distance(both[0].motion, both[1].motion),
        apd_deg=_NAN if both is None else pose_distance(both[0].motion, both[1].motion),
        sharpness=sharpness(image, truth.face) / max(truth.sharpness, 1e-6),
    )
