"""What a clip as somebody saw it is worth, instant for instant against the clip itself.

A picture that is still held when the clip has gone on is compared with where the clip is then:
few pictures a second cost what they cost to look at. PSNR, SSIM and MS-SSIM are taken at every
instant, the others, which run networks, at each `every`-th, of the whole clip alike. `every` is
prime to the pictures that a codec may leave out, or it would see fresh ones only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.clip_scores import finite_mean
from benchmarks.flicker import FlickerMeter
from benchmarks.head_region import face_mask
from benchmarks.identity_similarity import IdentityNetwork
from benchmarks.perceptual_distance import perceptual_distance
from benchmarks.picture_metrics import Mask, landmark_distance, peak_signal_to_noise, sharpness
from benchmarks.structural_similarity import structural_similarity
from shared.parameters import FloatArray, Image
from shared.tracker import FaceTracker

_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class PictureScores:
    """Means over a clip; NaN where nothing could be measured. docs/quality.md defines those that
    the quality command has too."""

    psnr_db: float
    ssim: float
    ms_ssim: float
    csim: float
    """A face that is not found is aligned as the true one."""

    akd_px: float
    """A face that is not found counts as if all its landmarks lay in the middle of the true one:
    to leave it out would be mild with who loses many."""

    perceptual: float
    """`benchmarks.perceptual_distance`."""

    sharpness: float
    flicker: float
    """Inside the face, not the head: a codec's pictures come without a fitted head."""

    faces_lost: float
    """Share of the looked-at pictures in which the tracker finds no face."""


@dataclass(frozen=True, slots=True, eq=False)
class _True:
    """The clip's own picture at an instant that networks look at."""

    points: FloatArray
    """(478, 3) pixels."""

    face: Mask
    sharpness: float
    flicker: float
    """NaN at either end of the clip."""

    embedding: FloatArray | None
    features: list[FloatArray]
    """None of both without the recognition network."""


@dataclass(slots=True)
class _Collected:
    csim: list[float] = field(default_factory=list)
    akd_px: list[float] = field(default_factory=list)
    perceptual: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    flicker: list[tuple[float, float]] = field(default_factory=list)
    """(shown, true)"""


class PictureJudge:
    """Of one clip. Not thread-safe."""

    def __init__(
        self,
        truths: Sequence[Image],
        instants: Sequence[int],
        identity: IdentityNetwork | None,
        *,
        every: int,
    ) -> None:
        """`instants`: indices of the pictures that count, ascending."""
        self._truths = truths
        self._instants = instants
        self._identity = identity
        self._flicker = FlickerMeter()
        self._tracker = FaceTracker(max_faces=1)
        self._true: dict[int, _True] = {}
        for index in instants:
            if index % every == 0 and (true := self._look(index)) is not None:
                self._true[index] = true

    @property
    def looked_at(self) -> int:
        """Instants that networks look at."""
        return len(self._true)

    def score(self, shown: Sequence[Image]) -> PictureScores:
        """Of the pictures shown at all of the clip's instants, (256, 256, 3) each."""
        pairs = [(shown[index], self._truths[index]) for index in self._instants]
        similarities = [structural_similarity(*pair) for pair in pairs]
        self._tracker.reset()
        found = _Collected()
        lost = 0
        for index, true in self._true.items():
            lost += not self._compare(shown, index, true, found)
        ours, theirs = np.nansum(np.reshape(found.flicker, (-1, 2)), axis=0)
        return PictureScores(
            psnr_db=finite_mean(peak_signal_to_noise(*pair) for pair in pairs),
            ssim=finite_mean(one.ssim for one in similarities),
            ms_ssim=finite_mean(one.ms_ssim for one in similarities),
            csim=finite_mean(found.csim),
            akd_px=finite_mean(found.akd_px),
            perceptual=finite_mean(found.perceptual),
            sharpness=finite_mean(found.sharpness),
            flicker=float(ours / theirs) if theirs > 0 else _NAN,
            faces_lost=lost / len(self._true) if self._true else _NAN,
        )

    def _compare(self, shown: Sequence[Image], index: int, true: _True, found: _Collected) -> bool:
        """Adds to `found`; whether a face is seen."""
        picture = shown[index]
        points = self._face_in(picture)
        middle = np.broadcast_to(true.points.mean(axis=0), true.points.shape)
        found.akd_px.append(landmark_distance(middle if points is None else points, true.points))
        if self._identity is not None and true.embedding is not None:
            embedding = self._identity.embed(picture, true.points if points is None else points)
            found.csim.append(float(embedding @ true.embedding))
            features = self._identity.features(picture, true.points)
            found.perceptual.append(perceptual_distance(features, true.features))
        found.sharpness.append(sharpness(picture, true.face) / max(true.sharpness, 1e-6))
        if np.isfinite(true.flicker):
            moved = self._flicker.measure(shown[index - 1 : index + 2], true.face)
            found.flicker.append((moved, true.flicker))
        return points is not None

    def _look(self, index: int) -> _True | None:
        """None where no face is seen: nothing of the others' could be compared with it."""
        picture = self._truths[index]
        points = self._face_in(picture)
        if points is None:
            return None
        face = face_mask(points, len(picture))
        neighbours = self._truths[max(index - 1, 0) : index + 2]
        return _True(
            points=points,
            face=face,
            sharpness=sharpness(picture, face),
            flicker=self._flicker.measure(neighbours, face) if len(neighbours) == 3 else _NAN,
            embedding=self._identity.embed(picture, points) if self._identity else None,
            features=self._identity.features(picture, points) if self._identity else [],
        )

    def _face_in(self, picture: Image) -> FloatArray | None:
        return next((face.points for face in self._tracker.track(picture)), None)
