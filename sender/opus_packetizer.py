"""Samples to Opus packets that know when they were captured.

48 kHz mono -> frames of 20, 40 or 60 ms -> libopus -> OpusPacket
"""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from shared.clock import SystemClock
from shared.webrtc.audio import OpusPacket

SAMPLE_RATE = 48_000
PACKET_MS = (20, 40, 60)
MIN_BITRATE_BPS = 6_000
MAX_BITRATE_BPS = 24_000

_GAP_SAMPLES = SAMPLE_RATE // 100
"""Sound further than 10 ms from where the last ended is moved there, not appended."""


@dataclass(frozen=True, slots=True, eq=False)
class SoundPiece:
    """Some samples and when they begin."""

    time_ns: int
    """Monotonic nanoseconds of the first sample."""

    samples: NDArray[np.int16]
    """(N,) mono at 48 kHz."""


class OpusPacketizer:
    """Samples in, Opus packets with capture times out. Gaps become silence, overlaps are cut."""

    def __init__(self, *, bitrate_bps: int, packet_ms: int, clock: SystemClock) -> None:
        self._clock = clock
        self._tuning = self._wanted = (bitrate_bps, packet_ms)
        self._encoder = _opus_encoder(bitrate_bps, packet_ms)
        self._packet_samples = SAMPLE_RATE * packet_ms // 1000
        self._pending = np.zeros(0, np.int16)
        self._encoded = 0
        self._origin_ns: int | None = None

    def retune(self, bitrate_bps: int, packet_ms: int) -> None:
        """Rate and packet length from the next packet on; may be called from any thread."""
        self._wanted = (bitrate_bps, packet_ms)

    def feed(self, piece: SoundPiece) -> list[OpusPacket]:
        """The packets that are complete now; their times differ by whole packets."""
        if self._origin_ns is None:
            self._origin_ns = piece.time_ns
        position = (piece.time_ns - self._origin_ns) * SAMPLE_RATE // 1_000_000_000
        expected = self._encoded + len(self._pending)
        samples = piece.samples
        if position - expected > SAMPLE_RATE:  # a pause: start anew, do not encode the silence
            self._origin_ns = piece.time_ns - self._encoded * 1_000_000_000 // SAMPLE_RATE
            self._pending = np.zeros(0, np.int16)
        elif position - expected > _GAP_SAMPLES:
            self._pending = np.append(self._pending, np.zeros(position - expected, np.int16))
        elif expected - position > _GAP_SAMPLES:
            samples = samples[expected - position :]
        self._pending = np.append(self._pending, samples)
        packets: list[OpusPacket] = []
        if self._wanted != self._tuning:
            # libavcodec's encoder cannot be changed once it is open. What the old one looked
            # ahead, 6.5 ms, is lost.
            self._tuning = self._wanted
            self._encoder = _opus_encoder(*self._tuning)
            self._packet_samples = SAMPLE_RATE * self._tuning[1] // 1000
        while len(self._pending) >= self._packet_samples:
            packets += self._encode(self._pending[: self._packet_samples])
            self._pending = self._pending[self._packet_samples :]
        return packets

    def _encode(self, samples: NDArray[np.int16]) -> list[OpusPacket]:
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frame.pts = self._encoded
        self._encoded += len(samples)
        return [
            OpusPacket(
                payload=bytes(packet),
                duration=self._packet_samples,
                # The encoder's time stamps already allow for its look-ahead of 6.5 ms.
                capture_time=self._clock.ticks_at(self._time_ns(packet.pts or 0)),
            )
            for packet in self._encoder.encode(frame)
        ]

    def _time_ns(self, position: int) -> int:
        assert self._origin_ns is not None
        return self._origin_ns + position * 1_000_000_000 // SAMPLE_RATE


def _opus_encoder(bitrate_bps: int, packet_ms: int) -> av.AudioCodecContext:
    assert MIN_BITRATE_BPS <= bitrate_bps <= MAX_BITRATE_BPS
    assert packet_ms in PACKET_MS
    encoder = av.AudioCodecContext.create("libopus", "w")
    encoder.sample_rate = SAMPLE_RATE
    encoder.layout = "mono"
    encoder.format = "s16"
    encoder.bit_rate = bitrate_bps
    encoder.time_base = Fraction(1, SAMPLE_RATE)
    encoder.options = {
        "application": "voip",
        "frame_duration": str(packet_ms),
        "vbr": "constrained",
    }
    encoder.open()
    return encoder
