"""What the calls of one cell of the wire benchmark amount to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.wire_samples import CallSamples
from receiver.parameter_track import SampleKind


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of a duration in milliseconds."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "Percentiles":
        """NaN for no values."""
        if not len(values):
            return cls(np.nan, np.nan, np.nan)
        return cls(*(float(value) for value in np.percentile(values, (50, 95, 99))))


@dataclass(frozen=True, slots=True)
class WireScores:
    """Pooled over the calls of a cell. Bits are those of IP packets, lost ones included."""

    calls: int
    seconds: float
    """Measured, of all calls together."""

    forward_bps: float
    """Sender to receiver: all that is sent beside the sound, and what the sound's packets grow
    by; no signalling."""

    back_bps: float
    """Receiver to sender, without RTCP and signalling."""

    audio_forward_bps: float
    """RTP and RTCP, parameters inside them left out."""

    audio_back_bps: float
    """RTCP, reports on parameters inside it included."""

    in_band_bps: float
    """Of the forward bits, those inside packets of sound."""

    payload_bps: float
    """Parameter messages alone; no header below them."""

    messages_per_second: float

    lost: float
    """Share of the forward packets that the link dropped, queue and all."""

    delivered: float
    """Share of the coded frames that came, however late."""

    arrival_ms: Percentiles
    """Capture of a frame to its decoding, less the link's delay: waiting for the message to
    fill, the stacks of both ends, a narrow link's queue. A frame that only came when it was sent
    again counts as delivered, not here."""

    shown_ms: Percentiles
    """Added latency: capture to the tick that shows it, less the link's delay."""

    frozen: float
    """Share of the time in which the shown face moved less than 0.2 px over more than 120 ms
    while the driver's moved more than 1 px."""

    error_px: float
    """Mean distance at 256 x 256 of the shown vertices from the sender's own at the capture
    time that is shown: what coding, loss and concealment add."""

    error_p95_px: float
    """Over ticks."""

    reprojection_px: float
    """Mean distance of the shown vertices from the tracked landmarks."""

    sent_reprojection_px: float
    """The same of the sender's own vertices: the fit alone."""

    exact: float
    """Share of ticks that met a frame that came."""

    interpolated: float
    concealed: float

    machine_late_ms: Percentiles
    """How late the machine woke a thread that sleeps to a given time: beyond a few milliseconds
    it was too busy to measure on."""


def score(samples: Sequence[CallSamples]) -> WireScores:
    """At least one call."""
    seconds = sum(one.seconds for one in samples)
    ways = [(one.forward, one.reverse) for one in samples]
    ridden_bytes = sum(one.ridden_bytes for one in samples)
    kinds = [kind for one in samples for kind in one.kinds]

    def pooled(name: str) -> NDArray[np.float64]:
        return np.concatenate([getattr(one, name) for one in samples])

    def share(kind: SampleKind) -> float:
        return _ratio(kinds.count(kind), len(kinds))

    return WireScores(
        calls=len(samples),
        seconds=seconds,
        forward_bps=8
        * (sum(way.data_bytes + way.connection_bytes for way, _ in ways) + ridden_bytes)
        / seconds,
        back_bps=8 * sum(way.data_bytes + way.connection_bytes for _, way in ways) / seconds,
        audio_forward_bps=8 * (sum(way.audio_bytes for way, _ in ways) - ridden_bytes) / seconds,
        audio_back_bps=8 * sum(way.audio_bytes for _, way in ways) / seconds,
        in_band_bps=8 * ridden_bytes / seconds,
        payload_bps=8 * sum(one.payload_bytes for one in samples) / seconds,
        messages_per_second=sum(one.messages for one in samples) / seconds,
        lost=_ratio(sum(way.lost for way, _ in ways), sum(way.packets for way, _ in ways)),
        delivered=_ratio(sum(s.delivered for s in samples), sum(s.coded for s in samples)),
        arrival_ms=Percentiles.of(pooled("arrival_ms")),
        shown_ms=Percentiles.of(pooled("shown_ms")),
        frozen=_mean(pooled("frozen")),
        error_px=_mean(pooled("error_px")),
        error_p95_px=Percentiles.of(pooled("error_px")).p95,
        reprojection_px=_mean(pooled("reprojection_px")),
        sent_reprojection_px=_mean(pooled("sent_reprojection_px")),
        exact=share(SampleKind.EXACT),
        interpolated=share(SampleKind.INTERPOLATED),
        concealed=share(SampleKind.STALE),
        machine_late_ms=Percentiles.of(pooled("late_ms")),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")
