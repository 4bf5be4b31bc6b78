"""A clip rebuilt from its own references, measured against its own frames."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.clip_scores import SelfScores
from benchmarks.driving import DrivingFrame, DrivingSource
from benchmarks.frame_scores import CollectedScores, SeenFace, score_frame
from benchmarks.head_region import HeadRegion
from benchmarks.measured_frame import MeasuredFrame
from benchmarks.offline_call import OfflineCall, RebuiltFrame
from benchmarks.picture_metrics import Mask, mean_absolute_error, squared_error
from benchmarks.quality_bench import QualityBench, TrueFrame, TrueFrames, at_measured_size
from sender.crop_image import crop_image
from shared.parameters import CROP_SIZE, Crop, FloatArray, Image, Reference

_CSIM_EVERY = 2
"""The recognition network takes as long as all else: each second measured frame."""

_NAN = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class SelfResult:
    """Of one clip with one choice of references."""

    scores: tuple[SelfScores, ...]
    """Of each generator."""

    references: tuple[Reference, ...]
    """The newest set, as it was at the end."""


@dataclass(frozen=True, slots=True, eq=False)
class _Set:
    """What the references of one set share."""

    crop: Crop
    neutral: FloatArray
    head: HeadRegion
    references: dict[int, Reference]


class SelfReenactment:
    """Plays one clip through an offline call and measures each `every`-th frame."""

    def __init__(
        self, bench: QualityBench, truths: TrueFrames, *, every: int, lossless_parameters: bool
    ) -> None:
        self._bench = bench
        self._truths = truths
        self._every = every
        self._call = OfflineCall(*bench.renderers, lossless_parameters=lossless_parameters)
        self._sets: dict[int, _Set] = {}
        self._reference_times: set[int] = set()
        self._recent: deque[tuple[DrivingFrame, RebuiltFrame]] = deque(maxlen=3)
        self._collected = [CollectedScores() for _ in bench.renderers]

    def run(
        self,
        source: DrivingSource,
        *,
        on_frame: Callable[[DrivingFrame], None],
        on_measured: Callable[[MeasuredFrame], None],
    ) -> SelfResult:
        """All of the clip. `on_frame` hears of every frame, `on_measured` of those measured."""
        self._bench.begin_clip()
        newest = 0
        for driving in source.play():
            on_frame(driving)
            for reference in driving.references:
                newest = reference.set_id
                self._take(reference)
            self._recent.append((driving, self._call.show(driving)))
            if driving.frame.index % self._every == 0:
                measured = self._measure(driving, self._recent[-1][1])
                if measured is not None:
                    on_measured(measured)
        held = self._sets[newest].references if newest in self._sets else {}
        scores = tuple(collected.scores() for collected in self._collected)
        return SelfResult(scores, tuple(held[number] for number in sorted(held)))

    def _take(self, reference: Reference) -> None:
        model = self._bench.model
        self._reference_times.add(reference.parameters.capture_time)
        known = self._sets.get(reference.set_id)
        if known is None or known.crop != reference.crop:
            neutral = model.neutral(reference.identity)
            known = _Set(reference.crop, neutral, HeadRegion(model, reference), {})
            self._sets[reference.set_id] = known
        known.references[reference.reference_id] = reference

    def _measure(self, driving: DrivingFrame, rebuilt: RebuiltFrame) -> MeasuredFrame | None:
        parameters, crop = driving.parameters, driving.crop
        if parameters is None or crop is None or not rebuilt.pictures:
            return None
        if parameters.capture_time in self._reference_times:
            return None
        truth = self._truths.at(driving.frame, crop)
        own = self._sets[driving.set_id]
        true = self._seen(truth.points, own)
        head = own.head.mask(parameters, CROP_SIZE)
        images = [at_measured_size(picture.image) for picture in rebuilt.pictures]
        for number, (image, collected) in enumerate(zip(images, self._collected, strict=True)):
            seen = self._seen(self._bench.face_in(image, number), own)
            collected.faces_lost += seen is None
            csim = _NAN
            if len(collected.frames) % _CSIM_EVERY == 0:
                csim = self._similarity(image, seen, truth)
            collected.frames.append(score_frame(image, truth, seen=seen, true=true, csim=csim))
            collected.squared_error.append(
                (squared_error(image, truth.image, ~head), squared_error(image, truth.image))
            )
        self._measure_flicker()
        return MeasuredFrame(
            index=driving.frame.index,
            time_ns=driving.frame.time_ns,
            truth=truth.image,
            rebuilt=tuple(images),
            head_l1=tuple(mean_absolute_error(image, truth.image, head) for image in images),
        )

    def _seen(self, points: FloatArray | None, own: _Set) -> SeenFace | None:
        if points is None:
            return None
        motion = self._bench.observer.motion(points, own.neutral, CROP_SIZE)
        return SeenFace(points, motion)

    def _similarity(self, image: Image, seen: SeenFace | None, truth: TrueFrame) -> float:
        found = self._bench.embedding(image, None if seen is None else seen.points)
        expected = truth.embedding
        return _NAN if found is None or expected is None else float(found @ expected)

    def _measure_flicker(self) -> None:
        """Of the last three frames, where they were shown in one crop."""
        frames = [driving for driving, _ in self._recent]
        rebuilt = [shown for _, shown in self._recent]
        middle = frames[len(frames) // 2]
        crop, parameters = middle.crop, middle.parameters
        if len(frames) < 3 or crop is None or parameters is None:
            return
        if any(a.set_id != b.set_id or a.crop != b.crop for a, b in pairwise(frames)):
            return
        if not all(shown.pictures and shown.parameters for shown in rebuilt):
            return
        mask = self._sets[middle.set_id].head.mask(parameters, CROP_SIZE)
        true = self._flicker([crop_image(one.frame.image, crop, CROP_SIZE) for one in frames], mask)
        for number, collected in enumerate(self._collected):
            images = [at_measured_size(shown.pictures[number].image) for shown in rebuilt]
            collected.flicker.append((self._flicker(images, mask), true))

    def _flicker(self, images: Sequence[Image], mask: Mask) -> float:
        return self._bench.flicker.measure(images, mask)
