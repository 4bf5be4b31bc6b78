"""What a run of the wire benchmark should reach, row by row: met, missed or not measured.

The table of targets holds for a link without loss; the others name their conditions. All are of
calls over a link of 30 ms one way but for the rates of thin links.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, nan

from benchmarks.wire_plan import DELAY_MS, Sweep
from benchmarks.wire_run import CellResult, OpeningResult
from benchmarks.wire_scores import WireScores
from sender.parameter_transport import TransportChoice

PIPELINE_MS = 37.0
"""What a call adds to these latencies, here without camera and generator: tracking 8, fit 0.5,
condition 1, generation 25, VP8 2, by the budget of each, rounded up."""

CONVERSATION_MS = 400.0
"""One way; more is no conversation any more (ITU-T G.114)."""

_CHANNEL, _IN_BAND = TransportChoice.DATA_CHANNEL, TransportChoice.IN_BAND


@dataclass(frozen=True, slots=True)
class Target:
    """One number that has a limit."""

    row: str
    measure: str
    most: float
    reached: float | None
    """None when it was not measured."""

    @property
    def met(self) -> bool | None:
        """None when it was not measured; what is not a number is missed."""
        return None if self.reached is None else self.reached <= self.most

    @property
    def verdict(self) -> str:
        """As one word or three."""
        return {True: "met", False: "missed", None: "not measured"}[self.met]


@dataclass(frozen=True, slots=True)
class _PacketTargets:
    """Of the table's row for so many frames a message."""

    frames: int
    message_bytes: float
    payload_kbps: float
    forward_kbps: float
    back_kbps: float
    picture_ms: float


_TABLE = (
    _PacketTargets(1, 15, 3.0, 22, 6, 90),
    _PacketTargets(2, 24, 2.4, 12, 5, 130),
    _PacketTargets(3, 32, 2.2, 9, 4, 170),
)


def targets(cells: Sequence[CellResult], openings: Sequence[OpeningResult]) -> tuple[Target, ...]:
    """All of them, in the order in which they are told."""
    return (
        *(target for row in _TABLE for target in _packet_targets(cells, row)),
        *_in_band_targets(cells),
        *_loss_targets(cells),
        *_opening_targets(openings),
        *_thin_targets(
            "24 kbit/s with voice, data channel",
            24e3,
            _scores(cells, Sweep.VOICE_RATE, _CHANNEL, None, rate_bps=24e3),
            voice=True,
        ),
        *_thin_targets(
            "18 kbit/s with voice, in-band",
            18e3,
            _scores(cells, Sweep.VOICE_RATE, _IN_BAND, None, rate_bps=18e3),
            voice=True,
        ),
        *_thin_targets(
            "8 kbit/s without voice",
            8e3,
            _scores(cells, Sweep.RATE, _CHANNEL, None, rate_bps=8e3),
            voice=False,
        ),
    )


def _packet_targets(cells: Sequence[CellResult], row: _PacketTargets) -> Iterator[Target]:
    name = f"{row.frames} frame{'s' if row.frames > 1 else ''} a message"
    return _against(
        name,
        _scores(cells, Sweep.LOSS, _CHANNEL, row.frames, loss=0),
        ("message, mean, B", row.message_bytes, _message_bytes),
        ("payload, kbit/s", row.payload_kbps, lambda s: s.payload_bps / 1e3),
        ("forward, kbit/s", row.forward_kbps, lambda s: s.forward_bps / 1e3),
        ("back, kbit/s", row.back_kbps, lambda s: s.back_bps / 1e3),
        ("capture to picture, p95, ms", row.picture_ms, lambda s: s.shown_ms.p95 + PIPELINE_MS),
        _ERROR,
    )


def _in_band_targets(cells: Sequence[CellResult]) -> Iterator[Target]:
    return _against(
        "in-band",
        _scores(cells, Sweep.VOICE_LOSS, _IN_BAND, None, loss=0),
        ("forward beside the sound, kbit/s", 4, lambda s: s.forward_bps / 1e3),
        # ICE's consent and SCTP's heartbeats, which a call of sound alone has too.
        ("back beside the sound, kbit/s", 0.5, lambda s: s.back_bps / 1e3),
        _ERROR,
    )


def _loss_targets(cells: Sequence[CellResult]) -> Iterator[Target]:
    return _against(
        "30 % loss, 1 frame a message",
        _scores(cells, Sweep.LOSS, _CHANNEL, 1, loss=0.3),
        ("frozen, %", 1, lambda s: 100 * s.frozen),
        ("added latency to decoded, p95, ms", 40, lambda s: s.arrival_ms.p95),
        ("added latency to shown, p95, ms", 40, lambda s: s.shown_ms.p95),
    )


def _opening_targets(openings: Sequence[OpeningResult]) -> Iterator[Target]:
    name = "opening at 20 % loss"
    found = next((row for row in openings if row.loss == 0.2 and row.seeds), None)
    if found is None:
        median_s = p95_s = None
    else:
        median_s = inf if found.median_s is None else found.median_s
        p95_s = inf if found.p95_s is None else found.p95_s
    yield Target(name, "median, s", 3, median_s)
    yield Target(name, "p95, s", 10, p95_s)


def _thin_targets(
    name: str, rate_bps: float, found: WireScores | None, *, voice: bool
) -> Iterator[Target]:
    """Usable: the link drops little of what it is given, which is no more than it carries, and
    the picture moves; with voice soon enough for talking."""
    limits: list[_Limit] = [
        (
            "all that is sent, kbit/s",
            rate_bps / 1e3,
            lambda s: (s.forward_bps + s.audio_forward_bps) / 1e3,
        ),
        ("packets lost, %", 3, lambda s: 100 * s.lost),
        ("frames lost, %", 5, lambda s: 100 * (1 - s.delivered)),
        ("frozen, %", 1, lambda s: 100 * s.frozen),
    ]
    if voice:
        limits.append(
            (
                "capture to picture, link and all, p95, ms",
                CONVERSATION_MS,
                lambda s: s.shown_ms.p95 + PIPELINE_MS + DELAY_MS,
            )
        )
    return _against(name, found, *limits)


def _message_bytes(scores: WireScores) -> float:
    if not scores.messages_per_second:
        return nan
    return scores.payload_bps / 8 / scores.messages_per_second


_Limit = tuple[str, float, Callable[[WireScores], float]]
"""What is measured, the most that it may be, and what it is."""

_ERROR: _Limit = ("added reprojection error, mean, px", 0.25, lambda s: s.error_px)


def _against(name: str, found: WireScores | None, *limits: _Limit) -> Iterator[Target]:
    for measure, most, value in limits:
        yield Target(name, measure, most, None if found is None else value(found))


def _scores(
    cells: Sequence[CellResult],
    sweep: Sweep,
    transport: TransportChoice,
    frames: int | None,
    *,
    loss: float = 0.0,
    rate_bps: float = 0.0,
) -> WireScores | None:
    for result in cells:
        cell = result.cell
        if (
            cell.sweep is sweep
            and cell.transport is transport
            and cell.frames_per_message == frames
            and (cell.conditions.loss, cell.conditions.rate_bps) == (loss, rate_bps)
        ):
            return result.scores
    return None
