"""The sender's composition root: sources, the computing thread, and one call after the other.

    capture thread -> slot of one -> analysis thread -> event loop -> WHIP connection
    audio thread ------------------------------------->

A receiver that goes away is asked again, with growing pauses; the new session starts with an
intra message and the present references.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from sender.analysis import Analysis, FaceAnalyser
from sender.analysis_worker import AnalysisWorker, WorkerOutput
from sender.audio_capture import AudioThread
from sender.backoff import Backoff
from sender.call_session import CallSession, SessionEnd
from sender.capture import CapturedFrame, CaptureThread, FrameSlot
from sender.inputs import Inputs, SoundInput, open_inputs
from sender.operating_point import OperatingPoint
from sender.recording import Recording
from sender.settings import SenderSettings
from sender.whip_client import WhipClient, WhipConnection
from shared.clock import SystemClock
from shared.control_message import FaceState
from shared.errors import KilocallError, SignalingError
from shared.face_model import FaceModel
from shared.metrics import Metrics
from shared.trace import check_trace_path, write_trace
from shared.tracker import FaceTracker
from shared.webrtc.audio import OpusPacket, OpusPacketTrack
from shared.webrtc.opus_sdp import OpusPreferences

_logger = logging.getLogger(__name__)

_PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Refusals that may be over soon; any other will be the same again."""


class SenderPipeline:
    """One sender process. Build it before the event loop runs: the networks are loaded here."""

    def __init__(self, settings: SenderSettings) -> None:
        """Raises ConfigError, ArtifactError: what was asked for cannot be used."""
        self._settings = settings
        if settings.trace is not None:
            check_trace_path(settings.trace)
        self.metrics = Metrics()
        self._clock = SystemClock()
        self._inputs: Inputs = open_inputs(settings, clock=self._clock, metrics=self.metrics)
        self._model = FaceModel.load()
        self._compression = ThreadPoolExecutor(1, thread_name_prefix="reference")
        self._slot = FrameSlot(self.metrics)
        self._recording = settings.record and Recording(
            settings.record, has_audio=self._inputs.has_sound
        )
        self._worker = AnalysisWorker(
            FaceAnalyser(
                self._model,
                FaceTracker(threads=settings.threads),
                executor=self._compression,
                metrics=self.metrics,
            ),
            self._slot,
            clock=self._clock,
            metrics=self.metrics,
            on_output=lambda output: self._post(lambda: self._on_output(output)),
            on_failure=lambda error: self._post(lambda: self._on_failure(error)),
            on_analysed=self._record_picture,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: CallSession | None = None
        self._connection: WhipConnection | None = None
        self._audio: AudioThread | None = None
        self._audio_track: OpusPacketTrack | None = None
        self._failure: asyncio.Future[None] | None = None
        self._available = True
        self._face = FaceState.LOST

    async def run(self) -> None:
        """Call until cancelled; says goodbye then.

        Raises SignalingError when the receiver refuses for good, InferenceError when tracking
        is broken.
        """
        self._loop = asyncio.get_running_loop()
        self._failure = self._loop.create_future()
        # The clip and its sound begin now, not when the networks were loaded.
        source, sound = self._inputs.start()
        capture = CaptureThread(
            source,
            self._slot,
            metrics=self.metrics,
            on_available=lambda available: self._post(lambda: self._on_available(available)),
        )
        audio = self._audio = None if sound is None else self._audio_thread(sound)
        tasks = [asyncio.create_task(self._call())]
        if self._settings.trace is not None:
            tasks.append(asyncio.create_task(self._trace()))
        capture.start()
        self._worker.start()
        if audio:
            audio.start()
        try:
            await asyncio.wait([*tasks, self._failure], return_when=asyncio.FIRST_COMPLETED)
            for done in [self._failure, *tasks]:
                if done.done():
                    done.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._loop = None
            await asyncio.to_thread(self._stop_threads, capture, audio)

    def _audio_thread(self, sound: SoundInput) -> AudioThread:
        return AudioThread(
            sound.source,
            sound.packetizer,
            clock=self._clock,
            metrics=self.metrics,
            on_packet=self._record_and_post_packet,
        )

    def _stop_threads(self, capture: CaptureThread, audio: AudioThread | None) -> None:
        capture.stop()
        self._worker.stop()
        if audio:
            audio.stop()
        self._compression.shutdown(cancel_futures=True)
        if self._recording:
            self._recording.close()

    async def _call(self) -> None:
        """Sessions one after the other."""
        backoff = Backoff()
        while True:
            try:
                end = await self._one_session()
                backoff.reset()
                retry_seconds = backoff.next_seconds()
            except SignalingError as error:
                if error.status not in _PASSING_STATUSES:
                    raise
                retry_seconds = backoff.next_seconds()
                _logger.warning("%s; trying again in %g s", error, retry_seconds)
            else:
                if end in (SessionEnd.REPLACED, SessionEnd.VERSION, SessionEnd.REFUSED):
                    raise SignalingError(409, end.value)
                _logger.warning("%s; calling again in %g s", end.value, retry_seconds)
            self.metrics.count("reconnects")
            await asyncio.sleep(retry_seconds)

    async def _one_session(self) -> SessionEnd:
        settings = self._settings
        track = OpusPacketTrack() if self._inputs.has_sound else None
        session = CallSession(
            self._worker,
            self._model,
            clock=self._clock,
            metrics=self.metrics,
            limits=settings.call_limits(has_sound=track is not None),
            transport=settings.transport,
            on_point=self._on_point,
        )
        connection = await WhipClient.connect(
            settings.url,
            settings.token.get_secret_value(),
            audio_track=track,
            on_control=session.on_control,
            on_parameters=session.on_parameters,
            on_state=session.on_state,
            opus=OpusPreferences(settings.audio_bitrate_bps, settings.audio_packet_ms),
            verify_tls=settings.verify_tls,
        )
        self._session, self._connection, self._audio_track = session, connection, track
        self._tell_face()
        try:
            return await session.run(connection)
        finally:
            self._session = self._audio_track = None
            if track is not None:
                track.stop()
            await connection.close()

    async def _trace(self) -> None:
        assert self._settings.trace is not None
        await write_trace(
            self._settings.trace,
            metrics=self.metrics,
            clock=self._clock,
            wire=lambda: self._connection.wire.snapshot() if self._connection else None,
        )

    def _post(self, action: Callable[[], None]) -> None:
        """Run on the event loop, from any thread; nothing once it has ended."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # closed between the look and the call
                loop.call_soon_threadsafe(action)

    def _record_picture(self, frame: CapturedFrame, analysis: Analysis) -> None:
        """From the worker's thread, so that what is drawn costs the event loop nothing."""
        if self._recording and analysis.crop is not None:
            self._recording.add_picture(frame.image, analysis.crop, frame.capture_time)

    def _record_and_post_packet(self, packet: OpusPacket) -> None:
        """From the audio's thread."""
        if self._recording:
            self._recording.add_audio(packet.payload, packet.capture_time)
        self._post(lambda: self._on_packet(packet))

    def _on_output(self, output: WorkerOutput) -> None:
        if self._session is not None:
            self._session.on_output(output)
        self._face = output.state
        self._tell_face()

    def _on_point(self, point: OperatingPoint) -> None:
        if self._audio is not None:
            self._audio.retune(point.audio_bitrate_bps, point.audio_packet_ms)

    def _on_packet(self, packet: OpusPacket) -> None:
        if self._audio_track is not None and self._session is not None:
            self._audio_track.put(self._session.load(packet))

    def _on_available(self, available: bool) -> None:
        self._available = available
        self._tell_face()

    def _tell_face(self) -> None:
        if self._session is not None:
            self._session.on_face(self._face if self._available else FaceState.CAMERA_FAILED)

    def _on_failure(self, error: Exception) -> None:
        if self._failure is not None and not self._failure.done():
            if not isinstance(error, KilocallError):
                _logger.error("analysis failed", exc_info=error)
            self._failure.set_exception(error)
