"""One person's appearance moved by another person's clip.

There is no true picture: what is measured is whether the person stays the same (CSIM to the
reference, HeadGAN appendix E) and moves as the other does (AED, APD; GDPW 4.2).
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from benchmarks.clip_scores import CrossScores, finite_mean
from benchmarks.driving import DrivingFrame, FixedSource, TrackedClip, first_face
from benchmarks.face_observer import FaceMotion, expression_distance, pose_distance
from benchmarks.measured_frame import MeasuredFrame
from benchmarks.offline_call import OfflineCall
from benchmarks.quality_bench import QualityBench, TrueFrames, at_measured_size
from shared.errors import ConfigError
from shared.parameters import CROP_SIZE, FaceParameters, FloatArray, Reference

_ATTEMPTS = 1000
_NAN = float("nan")


def pair_clips(names: Sequence[str], seed: int) -> list[tuple[str, str]]:
    """(appearance, motion): each clip is each once, in a seeded circle without selfs.

    `x_1` and `x_2` are clips of one person x, as in `faces`, and never meet. Raises ConfigError
    where that cannot be.
    """
    shuffled = sorted(names)
    order = random.Random(seed)
    for _ in range(_ATTEMPTS):
        order.shuffle(shuffled)
        circle = list(pairwise([*shuffled, shuffled[0]]))
        if all(_person(one) != _person(other) for one, other in circle):
            return sorted(circle)
    raise ConfigError(
        f"{len(names)} clips of {len({_person(name) for name in names})} people for "
        "cross-reenactment, a circle in which no one meets themselves is needed"
    )


def _person(name: str) -> str:
    stem, _, number = name.rpartition("_")
    return stem if stem and number.isdigit() else name


class DrivingPerson:
    """A clip's motion, and what the tracker sees in it, once for all generators."""

    def __init__(self, bench: QualityBench, tracked: TrackedClip) -> None:
        """Raises ArtifactError when the clip cannot be decoded."""
        self._bench = bench
        self._truths = TrueFrames(bench)
        self._source = FixedSource(tracked, bench.model, (first_face(tracked),))
        self._neutral: FloatArray | None = None
        self._motions: dict[int, FaceMotion | None] = {}

    def play(self, references: Sequence[Reference]) -> Iterator[DrivingFrame]:
        """The clip's expressions and poses on the person of `references`."""
        rest: FaceParameters | None = None
        set_id = references[0].set_id
        for driving in self._source.play():
            arriving: tuple[Reference, ...] = ()
            if rest is None:
                own = driving.references[0]
                rest, arriving = own.parameters, tuple(references)
                self._neutral = self._bench.model.neutral(own.identity)
            parameters = driving.parameters
            if parameters is not None:
                parameters = transfer(parameters, rest=rest, onto=references[0].parameters)
            yield replace(driving, parameters=parameters, set_id=set_id, references=arriving)

    def truth(self, driving: DrivingFrame) -> tuple[np.ndarray, FaceMotion | None]:
        """The driving person's picture, and pose and expression in it; None without a face."""
        assert driving.crop is not None
        assert self._neutral is not None
        index = driving.frame.index
        frame = self._truths.at(driving.frame, driving.crop)
        if index not in self._motions:
            self._motions[index] = (
                None
                if frame.points is None
                else self._bench.observer.motion(frame.points, self._neutral, CROP_SIZE)
            )
        return frame.image, self._motions[index]


def transfer(
    parameters: FaceParameters, *, rest: FaceParameters, onto: FaceParameters
) -> FaceParameters:
    """What one person does, done by another.

    The expression is relative to the person's neutral and the rotation to facing the viewer, so
    both are taken as they are. Size and place belong to the crop: their changes from `rest`, a
    frame of the driving clip, are added to those of `onto`, a reference, in head sizes.
    """
    camera = parameters.camera.copy()
    ratio = np.exp(onto.log_scale - rest.log_scale)
    camera[0] = onto.log_scale + parameters.log_scale - rest.log_scale
    camera[4:6] = onto.translation[:2] + ratio * (parameters.translation[:2] - rest.translation[:2])
    return FaceParameters(
        capture_time=parameters.capture_time, expression=parameters.expression, camera=camera
    )


@dataclass(slots=True)
class _Collected:
    csim: list[float]
    aed: list[float]
    apd_deg: list[float]
    frames: int = 0
    faces_lost: int = 0

    def scores(self) -> CrossScores:
        return CrossScores(
            frames=self.frames,
            csim=finite_mean(self.csim),
            aed=finite_mean(self.aed),
            apd_deg=finite_mean(self.apd_deg),
            faces_lost=self.faces_lost,
        )


def measure_pair(
    bench: QualityBench,
    references: Sequence[Reference],
    person: DrivingPerson,
    *,
    every: int,
    lossless_parameters: bool,
    on_frame: Callable[[DrivingFrame], None],
    on_measured: Callable[[MeasuredFrame], None],
) -> tuple[CrossScores, ...]:
    """Each generator's scores. `on_measured` gets the driving person's picture as the truth."""
    bench.begin_clip()
    call = OfflineCall(*bench.renderers, lossless_parameters=lossless_parameters)
    neutral = bench.model.neutral(references[0].identity)
    embeddings = {one.reference_id: _embedding(bench, one) for one in references}
    bench.begin_clip()
    collected = [_Collected([], [], []) for _ in bench.renderers]
    for driving in person.play(references):
        on_frame(driving)
        rebuilt = call.show(driving)
        if driving.frame.index % every or rebuilt.parameters is None:
            continue
        true_image, true_motion = person.truth(driving)
        shown = max(rebuilt.weights, key=lambda weighted: weighted[1])[0]
        images = [at_measured_size(picture.image) for picture in rebuilt.pictures]
        for number, (image, one) in enumerate(zip(images, collected, strict=True)):
            points = bench.face_in(image, number)
            one.frames += 1
            one.faces_lost += points is None
            expected, seen = embeddings[shown], bench.embedding(image, points)
            if expected is not None and seen is not None:
                one.csim.append(float(seen @ expected))
            if points is not None and true_motion is not None:
                motion = bench.observer.motion(points, neutral, CROP_SIZE)
                one.aed.append(expression_distance(motion, true_motion))
                one.apd_deg.append(pose_distance(motion, true_motion))
        on_measured(
            MeasuredFrame(
                index=driving.frame.index,
                time_ns=driving.frame.time_ns,
                truth=true_image,
                rebuilt=tuple(images),
                head_l1=(_NAN,) * len(images),
            )
        )
    return tuple(one.scores() for one in collected)


def _embedding(bench: QualityBench, reference: Reference) -> FloatArray | None:
    bench.begin_clip()
    return bench.embedding(reference.image, bench.face_in(reference.image))
