"""One clip through Kilocall, and through one codec: what a worker of the benchmark does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.classic_codec import Codec
from benchmarks.clip import Clip
from benchmarks.coded_clip import CodecPoint, CodecSetting, CodedClip
from benchmarks.cut_clip import CutClip
from benchmarks.driving import PolicySource
from benchmarks.identity_similarity import IdentityNetwork
from benchmarks.offline_call import OfflineCall, RebuiltFrame
from benchmarks.picture_judge import PictureJudge, PictureScores
from benchmarks.quality_bench import at_measured_size
from benchmarks.reference_wire import reference_wire_bytes
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.generator import load_generator
from shared.parameters import Image

FLOOR = 0
"""In place of a wire rate: the least that the codec reaches on the clip."""


@dataclass(frozen=True, slots=True)
class ClipJob:
    """What all contenders are given."""

    path: Path
    most_pictures: int
    """Of the clip, from its start."""

    every: int
    """Networks look at each so many-th instant."""

    identity_weights: Path | None

    def cut(self) -> CutClip:
        """Raises ArtifactError for a clip that cannot be used."""
        return CutClip.cut(Clip.open(self.path), self.most_pictures)

    def judge(self, clip: CutClip, instants: Sequence[int]) -> PictureJudge:
        network = None if self.identity_weights is None else IdentityNetwork(self.identity_weights)
        return PictureJudge(clip.pictures, instants, network, every=self.every)


@dataclass(frozen=True, slots=True, eq=False)
class RebuiltClip:
    """A clip through an offline call with the sender's own references."""

    scores: tuple[PictureScores, ...]
    """Of each generator."""

    instants: tuple[int, ...]
    """Pictures that count, for all contenders: from the first reference on, without those that
    are references themselves."""

    looked_at: int
    """Instants at which networks looked."""

    reference_bytes: tuple[int, ...]
    """Of each reference sent, on the wire, both ways."""

    payload_bps: float
    """Parameter messages alone, two frames a message."""

    driving: Image
    """The middle instant, for the contact sheet."""

    pictures: tuple[Image, ...]
    """Of each generator at that instant."""


@dataclass(frozen=True, slots=True, eq=False)
class CodedPoint:
    """A codec's clip at one wire rate."""

    setting: CodecSetting
    point: CodecPoint
    scores: PictureScores
    picture: Image
    """At the middle instant."""


def rebuild(job: ClipJob, generators: Sequence[str]) -> RebuiltClip:
    """Only frames before the driving one are known. Raises ArtifactError."""
    clip, model = job.cut(), FaceModel.load()
    call = OfflineCall(*(FaceRenderer(model, load_generator(name)) for name in generators))
    shown: list[RebuiltFrame] = []
    sent_sets: set[int] = set()
    reference_bytes: list[int] = []
    reference_times: set[int] = set()
    capture_times: list[int | None] = []
    for driving in PolicySource(clip, model).play():
        for encoded in driving.encoded:
            set_id = encoded.reference.set_id
            reference_bytes.append(reference_wire_bytes(encoded, is_first=set_id not in sent_sets))
            sent_sets.add(set_id)
            reference_times.add(encoded.reference.parameters.capture_time)
        parameters = driving.parameters
        capture_times.append(None if parameters is None else parameters.capture_time)
        shown.append(call.show(driving))
    instants = tuple(
        index
        for index, frame in enumerate(shown)
        if frame.pictures and capture_times[index] not in reference_times
    )
    if not instants:
        raise ArtifactError(f"{job.path}: no face that could be rebuilt")
    judge = job.judge(clip, instants)
    middle = _middle(instants)
    scores, pictures = [], []
    for number in range(len(generators)):
        images = [
            at_measured_size(frame.pictures[number].image) if frame.pictures else truth
            for frame, truth in zip(shown, clip.pictures, strict=True)
        ]
        scores.append(judge.score(images))
        pictures.append(images[middle])
    seconds = len(shown) / float(clip.rate)
    return RebuiltClip(
        scores=tuple(scores),
        instants=instants,
        looked_at=judge.looked_at,
        reference_bytes=tuple(reference_bytes),
        payload_bps=8 * sum(frame.message_bytes for frame in shown) / seconds,
        driving=clip.pictures[middle],
        pictures=tuple(pictures),
    )


def code(
    job: ClipJob,
    codec: Codec,
    wire_rates_bps: Sequence[int],
    instants: Sequence[int],
    known: Mapping[int, CodecSetting | None] | None,
) -> dict[int, CodedPoint | None]:
    """By wire rate, FLOOR among them; None: out of reach.

    `known`: what an earlier run chose, which then is not searched again. Raises ArtifactError.
    """
    clip = job.cut()
    judge = job.judge(clip, instants)
    coded = CodedClip(codec, clip.pictures, clip.rate)
    if known is None:
        known = {FLOOR: coded.floor(), **{rate: coded.best(rate) for rate in wire_rates_bps}}
    points: dict[CodecSetting, CodedPoint] = {}
    for setting in known.values():
        if setting is not None and setting not in points:
            shown = coded.shown(setting)
            points[setting] = CodedPoint(
                setting=setting,
                point=coded.point(setting),
                scores=judge.score(shown),
                picture=shown[_middle(instants)],
            )
    return {rate: None if setting is None else points[setting] for rate, setting in known.items()}


def _middle(instants: Sequence[int]) -> int:
    return instants[len(instants) // 2]
