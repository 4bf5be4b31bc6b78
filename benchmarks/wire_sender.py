"""The sending process of the wire benchmark: the sender itself, with a recording for a camera.

    recorded parameters --> [AnalysisWorker --> CallSession --> WhipConnection] --> link

Everything in brackets is the product's own code; only tracking is left out, so that the machine
is no limit. `python -m benchmarks.wire_sender` hears its jobs on standard input
(`benchmarks.wire_job`).
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import numpy as np

from benchmarks.standard_input import input_lines
from benchmarks.wire_job import CallJob, Word, hear, say
from benchmarks.wire_log import SentLog
from benchmarks.wire_track import RecordedTrack
from sender.analysis import Analysis, FaceAnalyser
from sender.analysis_worker import AnalysisWorker, WorkerOutput
from sender.audio_capture import AudioThread, FileSound
from sender.backoff import Backoff
from sender.call_session import CallSession, SessionEnd
from sender.capture import CapturedFrame, FrameSlot, Pacer
from sender.media_file import MediaFile, MediaTimeline
from sender.operating_point import CallLimits, OperatingPoint
from sender.opus_packetizer import OpusPacketizer
from sender.reference_encoder import EncodedReference
from sender.whip_client import WhipClient, WhipConnection
from shared.clock import SystemClock
from shared.control_message import FaceState
from shared.errors import SignalingError
from shared.face_model import FaceModel
from shared.metrics import Metrics
from shared.parameters import Image
from shared.webrtc.audio import OpusPacket, OpusPacketTrack
from shared.webrtc.peer import PeerState

_AUDIO_BPS = 16_000
_AUDIO_PACKET_MS = 20
_POLL_SECONDS = 0.02


class RecordedAnalyser:
    """Says of each frame what was recorded of it, in place of a `FaceAnalyser`."""

    def __init__(self, track: RecordedTrack, index_at: Callable[[int], int]) -> None:
        """`index_at(time_ns)`: the frame of the recording that a picture of this time shows."""
        self._track = track
        self._index_at = index_at
        self._reference: EncodedReference | None = None

    def analyse(self, image: Image, capture_time: int, time_ns: int) -> Analysis:
        """By the frame's time; nothing is looked at."""
        due: EncodedReference | None = None
        if self._reference is None:
            due = self._reference = self._track.reference()
        parameters = self._track.parameters(self._index_at(time_ns), capture_time)
        return Analysis(
            state=FaceState.LOST if parameters is None else FaceState.TRACKED,
            set_id=0,
            crop=self._track.crop,
            parameters=parameters,
            reference=due,
            landmarks=None,
        )

    def sent_references(self) -> list[EncodedReference]:
        return [] if self._reference is None else [self._reference]

    def reference_held(self, set_id: int, reference_id: int) -> None:
        """There will be no other."""


class RecordedCall:
    """One call. Made and used on the event loop."""

    def __init__(self, job: CallJob, model: FaceModel) -> None:
        self._job = job
        self._track = RecordedTrack.load(Path(job.track))
        self._clock = SystemClock()
        self._metrics = Metrics()
        self._log = SentLog(self._clock.ticks_at(0))
        self._loop = asyncio.get_running_loop()
        self._slot = FrameSlot(self._metrics)
        self._period_ns = round(1e9 / self._track.fps)
        self._pacer = Pacer(self._clock)
        self._start_ns = self._clock.now_ns()
        analyser = RecordedAnalyser(self._track, self._index_at)
        self._worker = AnalysisWorker(
            # It is all that the worker asks of one.
            cast(FaceAnalyser, analyser),
            self._slot,
            clock=self._clock,
            metrics=self._metrics,
            on_output=lambda output: self._post(lambda: self._on_output(output)),
            on_failure=lambda error: self._post(lambda: self._fail(error)),
        )
        self._session = CallSession(
            self._worker,
            model,
            clock=self._clock,
            metrics=self._metrics,
            limits=CallLimits(
                has_sound=job.sound is not None,
                frame_rate_hz=self._track.fps,
                frames_per_message=job.frames_per_message,
            ),
            transport=job.transport,
            on_point=self._on_point,
        )
        self._audio_track = None if job.sound is None else OpusPacketTrack()
        self._audio = self._audio_thread()
        self._failure: asyncio.Future[None] = self._loop.create_future()
        self._is_connected = False
        self.end: SessionEnd | None = None
        """Why the call ended before it was told to."""

    @property
    def is_shown(self) -> bool:
        """Whether the receiver holds the reference."""
        return self._metrics.snapshot().counters.get(("references_held", ""), 0) > 0

    async def connect(self) -> WhipConnection:
        """Try again as the sender does. Raises SignalingError when the job's time is over."""
        end_ns = self._clock.now_ns() + round(self._job.timeout_seconds * 1e9)
        backoff = Backoff()
        while True:
            try:
                return await WhipClient.connect(
                    self._job.url,
                    self._job.token,
                    audio_track=self._audio_track,
                    on_control=self._session.on_control,
                    on_parameters=self._session.on_parameters,
                    on_state=self._on_state,
                )
            except SignalingError:
                if self._clock.now_ns() > end_ns:
                    raise
            await asyncio.sleep(backoff.next_seconds())

    @contextlib.asynccontextmanager
    async def playing(self, connection: WhipConnection) -> AsyncIterator[None]:
        """Send until the end of the context, then write the log."""
        self._is_connected = True
        feeder = threading.Thread(target=self._feed, name="feeder", daemon=True)
        self._worker.start()
        session = asyncio.create_task(self._session.run(connection))
        feeder.start()
        if self._audio is not None:
            self._audio.start()
        try:
            yield
        finally:
            self._pacer.stop()
            await asyncio.to_thread(self._worker.stop)
            if self._audio is not None:
                await asyncio.to_thread(self._audio.stop)
            if session.done():
                self.end = session.result()
            session.cancel()
            await asyncio.gather(session, return_exceptions=True)
            if self._audio_track is not None:
                self._audio_track.stop()
            self._log.save(Path(self._job.log))
        if self._failure.done():
            self._failure.result()

    def _audio_thread(self) -> AudioThread | None:
        if self._job.sound is None or self._audio_track is None:
            return None
        media = MediaFile.probe(Path(self._job.sound))
        return AudioThread(
            FileSound(media, MediaTimeline(media, self._clock), self._clock),
            OpusPacketizer(bitrate_bps=_AUDIO_BPS, packet_ms=_AUDIO_PACKET_MS, clock=self._clock),
            clock=self._clock,
            metrics=self._metrics,
            on_packet=lambda packet: self._post(lambda: self._on_packet(packet)),
        )

    def _feed(self) -> None:
        """A camera: a frame each period, in its own thread."""
        blank = np.zeros((1, 1, 3), np.uint8)
        time_ns = self._start_ns = self._clock.now_ns()
        while self._pacer.wait_until(time_ns):
            frame = CapturedFrame(blank, time_ns, self._clock.ticks_at(time_ns))
            self._log.add_frame(time_ns, self._index_at(time_ns), self._clock.now_ns())
            self._slot.put(frame)
            time_ns += self._period_ns

    def _index_at(self, time_ns: int) -> int:
        return self._track.index_at(round((time_ns - self._start_ns) / self._period_ns))

    def _on_state(self, state: PeerState) -> None:
        if self._is_connected:  # what becomes of a failed attempt is not the session's
            self._session.on_state(state)

    def _on_packet(self, packet: OpusPacket) -> None:
        assert self._audio_track is not None
        loaded = self._session.load(packet)
        if len(loaded.payload) > len(packet.payload):
            self._log.add_ride(self._clock.now_ns(), len(loaded.payload) - len(packet.payload))
        self._audio_track.put(loaded)

    def _on_point(self, point: OperatingPoint) -> None:
        if self._audio is not None:
            self._audio.retune(point.audio_bitrate_bps, point.audio_packet_ms)

    def _on_output(self, output: WorkerOutput) -> None:
        now_ns = self._clock.now_ns()
        for message in output.messages:
            self._log.add_message(now_ns, message.data)
        self._session.on_output(output)

    def _fail(self, error: Exception) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)

    def _post(self, action: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            self._loop.call_soon_threadsafe(action)


async def _serve() -> None:
    model = FaceModel.load()
    lines = input_lines()
    _print(say(Word.READY))
    async for line in lines:
        word, detail = hear(line)
        assert word is Word.CALL
        call = RecordedCall(CallJob.parse(detail), model)
        start = time.monotonic_ns()
        try:
            connection = await call.connect()
        except SignalingError as error:
            _print(say(Word.FAILED, f"{start} {error}"))
            continue
        _print(say(Word.OPEN, f"{start} {time.monotonic_ns()}"))
        async with connection, call.playing(connection):
            end = asyncio.ensure_future(anext(lines))
            while not call.is_shown and not end.done():  # noqa: ASYNC110 - counted by a thread
                await asyncio.sleep(_POLL_SECONDS)
            if not end.done():
                _print(say(Word.SHOWN))
            assert hear(await end)[0] is Word.END
        _print(say(Word.DONE) if call.end is None else say(Word.FAILED, call.end.value))


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
