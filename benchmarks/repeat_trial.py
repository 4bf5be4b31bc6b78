"""Whether frames sent twice pay: what a viewer sees of one frame a message under random loss.

Everything but the link is the product's: encoder, decoder, playout and concealment. The three
ways of one loss lose the same messages.
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.wire_samples import frozen_ticks, shown_points
from export.codec_calls import FRAME_MS
from export.codec_tables import FittedClip
from receiver.frame_player import FramePlayer
from shared.clock import TICKS_PER_SECOND
from shared.codec import FaceDecoder, FaceEncoder
from shared.errors import BitstreamError
from shared.face_model import FaceModel
from shared.parameters import FloatArray
from shared.quantization import Precision
from shared.receiver_report import ReceiverReport

LOSSES = (0.05, 0.1, 0.2, 0.3, 0.5)
CALLS_PER_CLIP = 2
_DELAY_MS = 30
_REPORT_MS = 330
_MS = 1_000_000
_SETTLED_MS = 2000
"""From the clip's begin to the first face that is judged."""


@dataclass(frozen=True, slots=True)
class Spending:
    """A way to spend bytes."""

    name: str
    precision: Precision
    repeated: int
    """Frames of the message before that each message begins with."""


SPENDINGS = (
    Spending("alone", Precision.STANDARD, 0),
    Spending("finer", Precision.FINE, 0),
    Spending("repeated", Precision.STANDARD, 1),
)


@dataclass(frozen=True, slots=True)
class RepeatScores:
    """One way to spend bytes at one loss, over all calls."""

    loss: float
    way: str
    message_bytes: float
    error_px: float
    """Mean distance of the vertices shown from those of the same moment of the clip, pixels at
    256 x 256."""

    error_px_p95: float
    """Over ticks."""

    error_px_p99: float
    frozen: float
    """Share of the ticks (`wire_samples.frozen_ticks`)."""

    playout_delay_ms: float
    """At the calls' ends, beyond the fastest message."""


def measure_repeats(
    model: FaceModel, clips: Sequence[FittedClip], losses: Sequence[float] = LOSSES
) -> list[RepeatScores]:
    """One frame a message as it is, one precision finer, and with the frame before once more."""
    driven = [
        shown_points(model, clip.neutral, np.stack([frame.vector for frame in clip.frames]))
        for clip in clips
    ]
    return [
        _measure(model, list(zip(clips, driven, strict=True)), loss, spending)
        for loss in losses
        for spending in SPENDINGS
    ]


def _measure(
    model: FaceModel,
    clips: Sequence[tuple[FittedClip, FloatArray]],
    loss: float,
    spending: Spending,
) -> RepeatScores:
    sizes: list[int] = []
    errors: list[NDArray[np.float64]] = []
    frozen: list[NDArray[np.bool_]] = []
    delays_ms: list[float] = []
    for number in range(CALLS_PER_CLIP * len(clips)):
        clip, driven = clips[number % len(clips)]
        call = _Call(clip, spending, random.Random(number))
        call.run(loss)
        sizes += call.sizes
        delays_ms.append(call.player.playout.delay_ms)
        times_ms, moments, vectors = zip(*call.shown, strict=True)
        shown = shown_points(model, clip.neutral, np.stack(vectors))
        wanted = _between(driven, np.array(moments))
        errors.append(np.linalg.norm(shown - wanted, axis=2).mean(1))
        frozen.append(frozen_ticks(np.array(times_ms), shown, wanted, FRAME_MS))
    pooled = np.concatenate(errors)
    return RepeatScores(
        loss=loss,
        way=spending.name,
        message_bytes=float(np.mean(sizes)),
        error_px=float(pooled.mean()),
        error_px_p95=float(np.percentile(pooled, 95)),
        error_px_p99=float(np.percentile(pooled, 99)),
        frozen=float(np.concatenate(frozen).mean()),
        playout_delay_ms=float(np.mean(delays_ms)),
    )


def _between(points: FloatArray, moments: NDArray[np.float64]) -> FloatArray:
    """(N, V, 2) points of a clip at so many frames after its begin, between two linear."""
    places = np.clip(moments, 0, len(points) - 1)
    before = np.minimum(places.astype(int), len(points) - 2)
    share = (places - before).astype(np.float32)[:, None, None]
    return points[before] * (1 - share) + points[before + 1] * share


class _Call:
    """One clip through a link that loses messages both ways."""

    def __init__(self, clip: FittedClip, spending: Spending, chance: random.Random) -> None:
        self._clip, self._repeated, self._random = clip, spending.repeated, chance
        self._encoder, self._decoder = FaceEncoder(precision=spending.precision), FaceDecoder()
        self.player = FramePlayer()
        self.sizes: list[int] = []
        self.shown: list[tuple[float, float, FloatArray]] = []
        """(ms, moment in frames since the clip's begin, parameters), once settled."""

    def run(self, loss: float) -> None:
        events: list[tuple[int, int, bytes | ReceiverReport]] = []
        next_report_ms = 0
        origin: int | None = None
        for number in range(len(self._clip.frames)):
            now_ms = number * FRAME_MS
            while events and events[0][0] <= now_ms:
                at_ms, _, arrived = heapq.heappop(events)
                if isinstance(arrived, ReceiverReport):
                    self._encoder.acknowledge(arrived)
                    continue
                self._show_until(at_ms, origin)
                try:
                    decoded = self._decoder.decode(arrived)
                except BitstreamError:
                    self._encoder.force_intra()
                    continue
                self.player.receive(decoded, at_ms * _MS)
                if origin is None:
                    extended = self.player.clock_map.extend(decoded.frames[-1].capture_time)
                    origin = extended - decoded.frames[-1].capture_time
                held = self._decoder.held()
                if held is not None and at_ms >= next_report_ms:
                    next_report_ms = at_ms + _REPORT_MS
                    report = ReceiverReport(*held, delay_ms=0, transit_ms=0)
                    if self._random.random() >= loss:
                        heapq.heappush(events, (at_ms + _DELAY_MS, -number, report))
            again = min(self._repeated, number)
            frames = self._clip.frames[number - again : number + 1]
            message = self._encoder.encode(frames, set_id=0, repeated=again)
            self.sizes.append(len(message))
            if self._random.random() >= loss:
                heapq.heappush(events, (now_ms + _DELAY_MS, number, message))
            self._show_until(now_ms, origin)

    def _show_until(self, now_ms: int, origin: int | None) -> None:
        while origin is not None:
            due_ns = self.player.next_due_ns(now_ms * _MS)
            if due_ns is None or due_ns > now_ms * _MS:
                return
            ticked = self.player.tick(max(due_ns, 0))
            if ticked is None:
                return
            self.player.playout.begin(max(due_ns, 0))
            time, face = ticked
            moment_ms = (time - origin) * 1000 / TICKS_PER_SECOND
            if moment_ms >= _SETTLED_MS:
                self.shown.append((due_ns / _MS, moment_ms / FRAME_MS, face.parameters.vector))
