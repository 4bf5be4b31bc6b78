"""Sound to Opus packets with the capture times of the pictures: a file's own, or a microphone's.

decode -> 48 kHz mono -> frames of 20, 40 or 60 ms -> libopus -> OpusPacket      (own thread)
"""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

import av
import numpy as np

from sender.backoff import Backoff
from sender.capture import Pacer
from sender.devices import DeviceKind, find_device
from sender.media_file import MediaFile, MediaTimeline
from sender.opus_packetizer import SAMPLE_RATE, OpusPacketizer, SoundPiece
from shared.clock import SystemClock
from shared.errors import CaptureError
from shared.metrics import Metrics
from shared.webrtc.audio import OpusPacket

_logger = logging.getLogger(__name__)

_LATE_NS = 500_000_000
"""A packet later than this is left out: it could no longer be released with its picture."""


class SoundSource(Protocol):
    """A file's sound or a microphone."""

    def pieces(self) -> Iterator[SoundPiece]:
        """Block until the next piece was heard and yield it; CaptureError when the source fails."""

    def close(self) -> None:
        """Make `pieces` end soon; may be called from any thread."""


class FileSound:
    """The sound of a looping file, on the timeline that its pictures use."""

    def __init__(self, media: MediaFile, timeline: MediaTimeline, clock: SystemClock) -> None:
        self._media = media
        self._timeline = timeline
        self._clock = clock
        self._pacer = Pacer(clock)

    def close(self) -> None:
        self._pacer.stop()

    def pieces(self) -> Iterator[SoundPiece]:
        """Raises CaptureError when the file can no longer be read."""
        turn = self._timeline.turn_at(self._clock.now_ns())
        while not self._pacer.stopped:
            try:
                with av.open(str(self._media.path)) as container:
                    resampler = _mono_resampler()
                    for frame in container.decode(container.streams.audio[0]):
                        for piece in _resampled(resampler, frame):
                            media_time = float((piece.pts or 0) * (piece.time_base or 0))
                            time_ns = self._timeline.time_ns(media_time, turn=turn)
                            samples = piece.to_ndarray().reshape(-1).astype(np.int16)
                            end_ns = time_ns + len(samples) * 1_000_000_000 // SAMPLE_RATE
                            if not self._pacer.wait_until(end_ns):
                                return
                            yield SoundPiece(time_ns, samples)
            except (av.error.FFmpegError, OSError) as error:
                raise CaptureError(f"{self._media.path} can no longer be read: {error}") from error
            turn += 1
            if not self._pacer.wait_until(self._timeline.turn_start_ns(turn) - 20_000_000):
                return


class MicrophoneSound:
    """What a microphone hears."""

    def __init__(self, name: str | None, clock: SystemClock) -> None:
        """Raises ConfigError when there is no such microphone."""
        self._device = find_device(DeviceKind.MICROPHONE, name)
        self._clock = clock
        self._pacer = Pacer(clock)

    def close(self) -> None:
        self._pacer.stop()

    def pieces(self) -> Iterator[SoundPiece]:
        """Raises CaptureError when the microphone cannot be opened or stops."""
        resampler = _mono_resampler()
        heard = 0
        start_ns: int | None = None
        try:
            with av.open(self._device.url, format=self._device.input_format) as container:
                for frame in container.decode(container.streams.audio[0]):
                    now_ns = self._clock.now_ns()
                    if self._pacer.stopped:
                        return
                    for piece in _resampled(resampler, frame):
                        samples = piece.to_ndarray().reshape(-1).astype(np.int16)
                        heard += len(samples)
                        heard_ns = heard * 1_000_000_000 // SAMPLE_RATE
                        # Deliveries come late by varying amounts; the earliest tells the truth.
                        # It ages by 500 ppm, for the device's clock is not the machine's.
                        begin_ns = now_ns - heard_ns
                        aged_ns = len(samples) * 500_000 // SAMPLE_RATE
                        start_ns = min(begin_ns, (start_ns or begin_ns) + aged_ns)
                        begin = heard_ns - len(samples) * 1_000_000_000 // SAMPLE_RATE
                        yield SoundPiece(start_ns + begin, samples)
        except (av.error.FFmpegError, OSError) as error:
            raise CaptureError(f"microphone {self._device.name}: {error}") from error
        if not self._pacer.stopped:
            raise CaptureError(f"microphone {self._device.name} gives no more sound")


class AudioThread:
    """Runs a source of sound and the encoder in their own thread."""

    def __init__(
        self,
        source: SoundSource,
        packetizer: OpusPacketizer,
        *,
        clock: SystemClock,
        metrics: Metrics,
        on_packet: Callable[[OpusPacket], None],
    ) -> None:
        """`on_packet` is called from the thread."""
        self._source = source
        self._packetizer = packetizer
        self._clock = clock
        self._metrics = metrics
        self._on_packet = on_packet
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audio", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close the source and wait for the thread to end."""
        self._stopping.set()
        self._source.close()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def retune(self, bitrate_bps: int, packet_ms: int) -> None:
        """Rate and packet length from the next packet on; from any thread."""
        self._packetizer.retune(bitrate_bps, packet_ms)

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                for piece in self._source.pieces():
                    backoff.reset()
                    self._encode(piece)
                if self._stopping.is_set():
                    return
                raise CaptureError("the sound ended")
            except CaptureError as error:
                self._metrics.count("audio_capture_errors")
                _logger.warning("%s; trying again", error)
                self._stopping.wait(backoff.next_seconds())

    def _encode(self, piece: SoundPiece) -> None:
        if self._clock.now_ns() - piece.time_ns > _LATE_NS:
            self._metrics.count("audio_dropped", "late")
            return
        for packet in self._packetizer.feed(piece):
            self._metrics.count("audio_packets")
            self._on_packet(packet)


def _mono_resampler() -> av.AudioResampler:
    return av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


def _resampled(resampler: av.AudioResampler, frame: av.AudioFrame) -> list[av.AudioFrame]:
    return [piece for piece in resampler.resample(frame) if piece is not None]
