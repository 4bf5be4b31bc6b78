"""Whether frames sent twice pay: what a viewer sees of one frame a message under random loss.

Everything but the link is the product's: encoder, decoder, playout and concealment.
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.codec_scores import distance_px
from export.codec_calls import FRAME_MS
from export.codec_tables import FittedClip
from receiver.frame_player import FramePlayer
from shared.clock import TICKS_PER_SECOND
from shared.codec import FaceDecoder, FaceEncoder
from shared.errors import BitstreamError
from shared.face_model import FaceModel
from shared.parameters import FaceParameters
from shared.quantization import Precision
from shared.receiver_report import ReceiverReport

LOSSES = (0.05, 0.1, 0.2, 0.3, 0.5)
_DELAY_MS = 30
_REPORT_MS = 330
_MS = 1_000_000
_FRAME_TICKS = TICKS_PER_SECOND * FRAME_MS // 1000


@dataclass(frozen=True, slots=True)
class RepeatScores:
    """One way to spend bytes at one loss, over all clips."""

    loss: float
    way: str
    message_bytes: float
    error_px: float
    """Mean distance of the vertices shown from those of the same moment of the clip."""

    error_px_p95: float
    playout_delay_ms: float
    """At the clips' ends, beyond the fastest message."""


def measure_repeats(model: FaceModel, clips: Sequence[FittedClip]) -> list[RepeatScores]:
    """One frame a message as it is, one precision finer, and with the frame before once more."""
    rows = []
    for loss in LOSSES:
        for name, precision, repeated in (
            ("alone", Precision.STANDARD, 0),
            ("finer", Precision.FINE, 0),
            ("repeated", Precision.STANDARD, 1),
        ):
            sizes: list[int] = []
            errors: list[float] = []
            delays: list[float] = []
            for seed, clip in enumerate(clips):
                call = _Call(clip, precision, repeated, random.Random(seed))
                call.run(loss)
                sizes += call.sizes
                delays.append(call.player.playout.delay_ms)
                errors += [
                    distance_px(model, clip, clip_at(clip, ticks), shown)
                    for ticks, shown in call.shown[::3]
                ]
            rows.append(
                RepeatScores(
                    loss=loss,
                    way=name,
                    message_bytes=float(np.mean(sizes)),
                    error_px=float(np.mean(errors)),
                    error_px_p95=float(np.percentile(errors, 95)),
                    playout_delay_ms=float(np.mean(delays)),
                )
            )
    return rows


def clip_at(clip: FittedClip, ticks: float) -> FaceParameters:
    """The face at a moment of the clip, between its frames a linear mixture."""
    place = min(max(ticks / _FRAME_TICKS, 0.0), len(clip.frames) - 1.0)
    before = min(int(place), len(clip.frames) - 2)
    share = np.float32(place - before)
    mixed = (1 - share) * clip.frames[before].vector + share * clip.frames[before + 1].vector
    return FaceParameters.from_vector(mixed, capture_time=0)


class _Call:
    """One clip through a link that loses messages both ways."""

    def __init__(
        self, clip: FittedClip, precision: Precision, repeated: int, chance: random.Random
    ) -> None:
        self._clip, self._repeated, self._random = clip, repeated, chance
        self._encoder, self._decoder = FaceEncoder(precision=precision), FaceDecoder()
        self.player = FramePlayer()
        self.sizes: list[int] = []
        self.shown: list[tuple[int, FaceParameters]] = []
        """(ticks since the clip's begin, face), from the third second on."""

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
            if time - origin >= 2 * TICKS_PER_SECOND:
                self.shown.append((time - origin, face.parameters))
