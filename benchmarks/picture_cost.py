"""What one picture costs a receiver by its size, step by step, without a call around it."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from time import perf_counter_ns

import av
import cv2
import numpy as np

from benchmarks.wire_track import RecordedTrack
from shared.clock import TICKS_PER_SECOND
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.generator import Generator
from shared.metrics import Metrics, Stage
from shared.parameters import FaceParameters, Image, Reference
from shared.reference_image import decode_reference_image
from shared.reference_parameters import parameters_as_received
from shared.webrtc.aiortc.video import VideoEncoder

_WARM_UP = 10
"""Pictures that are made and not counted: kernels, caches, the encoder's first key picture."""


@dataclass(frozen=True, slots=True)
class PictureCost:
    """Medians over pictures, in milliseconds, one thread."""

    generator: str
    size: int
    """Side S of the picture."""

    condition_ms: float
    generate_ms: float
    encode_ms: float
    """Colours and VP8, as the picture hop encodes it."""

    pictures: int

    @property
    def whole_ms(self) -> float:
        return self.condition_ms + self.generate_ms + self.encode_ms


def measure_picture(
    generator: Generator,
    track: RecordedTrack,
    model: FaceModel,
    *,
    pictures: int,
    on_progress: Callable[[float], None],
) -> PictureCost:
    """The track is played with its reference scaled to the generator's size.

    The rate of the video is what the picture hop's limit is for 256 x 256, whatever the size.
    """
    cv2.setNumThreads(1)  # as in the receiver
    renderer = FaceRenderer(model, generator, metrics := Metrics())
    prepared = renderer.prepare(_reference(track, generator.size))
    encoder = VideoEncoder()
    stage_ms: dict[Stage, list[float]] = {Stage.CONDITION: [], Stage.GENERATE: []}
    encode_ms: list[float] = []
    frames = (track.parameters(track.index_at(number), 0) for number in itertools.count())
    followed = (frame for frame in frames if frame is not None)
    for number, frame in zip(range(_WARM_UP + pictures), followed, strict=False):
        metrics.reset()
        image = renderer.render(prepared, frame)
        start_ns = perf_counter_ns()
        _encode(encoder, image, number, track.fps)
        if number < _WARM_UP:
            continue
        encode_ms.append((perf_counter_ns() - start_ns) / 1e6)
        stages = metrics.snapshot().stages
        for stage, found in stage_ms.items():
            found.append(stages[stage.value].sum_ms)
        on_progress((number + 1) / (_WARM_UP + pictures))
    return PictureCost(
        generator=generator.name,
        size=generator.size,
        condition_ms=float(np.median(stage_ms[Stage.CONDITION])),
        generate_ms=float(np.median(stage_ms[Stage.GENERATE])),
        encode_ms=float(np.median(encode_ms)),
        pictures=pictures,
    )


def _reference(track: RecordedTrack, size: int) -> Reference:
    own: FaceParameters | None = track.parameters(track.first, 0)
    assert own is not None
    image = decode_reference_image(track.picture.data, track.picture.image_format)
    scaled = np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)
    return Reference(0, 0, track.crop, track.identity, parameters_as_received(own), scaled)


def _encode(encoder: VideoEncoder, image: Image, number: int, fps: float) -> None:
    planar = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8)
    frame = av.VideoFrame.from_ndarray(planar, format="yuv420p")
    frame.pts = round(number * TICKS_PER_SECOND / fps)
    frame.time_base = Fraction(1, TICKS_PER_SECOND)
    encoder.encode(frame)
