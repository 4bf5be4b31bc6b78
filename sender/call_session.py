"""One connection to a receiver: what is said on it, in both directions. Lives on the event loop."""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum

from sender.analysis_worker import AnalysisWorker, WorkerOutput
from sender.encoded_message import EncodedMessage
from sender.operating_point import CallLimits, OperatingPoint
from sender.parameter_transport import ParameterTransport, TransportChoice
from sender.rate_control import RateControl
from sender.reference_queue import ReferenceQueue
from sender.whip_client import WhipConnection
from shared.clock import Clock, ns_from_ticks, ticks_difference
from shared.control_message import (
    DIGEST_BYTES,
    Bye,
    ByeReason,
    CallMode,
    FaceState,
    Hello,
    KnownMessage,
    Mode,
    ReferenceBegin,
    ReferenceChunk,
    ReferenceEnd,
    ReferenceHeld,
    RefreshRequest,
    RefreshTarget,
    UnknownMessage,
    pack_control,
    parse_control,
)
from shared.errors import BitstreamError, VersionError
from shared.face_model import FaceModel
from shared.in_band import IN_BAND_VERSION, Transport
from shared.metrics import Metrics
from shared.receiver_report import ReceiverReport
from shared.webrtc.audio import OpusPacket
from shared.webrtc.peer import PeerState

_logger = logging.getLogger(__name__)

_PACING_SECONDS = 0.01
_HOUSEKEEPING_SECONDS = 0.25
_OVERDUE_SECONDS = 0.01
"""How often messages are looked for that wait in vain for a packet of sound."""

_SILENCE_NS = 8_000_000_000
"""Without any datagram for so long the receiver is gone; ICE itself would need minutes."""

_SIGN_OF_LIFE_NS = 1_000_000_000


_FACELESS_NS = 3_000_000_000
"""From the start without any face, until the user is told."""


class SessionEnd(Enum):
    """Why a session is over."""

    LOST = "the connection was lost"
    LEFT = "the receiver ended the session"
    REPLACED = "another sender took this party's place"
    VERSION = "the receiver is of another version"
    REFUSED = "the receiver found too much to refuse"


_ENDS = {
    ByeReason.REPLACED: SessionEnd.REPLACED,
    ByeReason.VERSION: SessionEnd.VERSION,
    ByeReason.LIMIT: SessionEnd.REFUSED,
}


class CallSession:
    """Speaks the `control` channel and paces references. All methods belong to the event loop."""

    def __init__(
        self,
        worker: AnalysisWorker,
        model: FaceModel,
        *,
        clock: Clock,
        metrics: Metrics,
        limits: CallLimits,
        transport: TransportChoice = TransportChoice.AUTO,
        on_point: Callable[[OperatingPoint], None] = lambda point: None,
    ) -> None:
        """`on_point` hears how sound is to be sent, at the start and when that changes."""
        self._worker = worker
        self._model = model
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._on_point = on_point
        self._transport = ParameterTransport(transport, metrics=metrics)
        self._waiting = asyncio.Event()
        """Set while messages wait for a packet of sound."""
        self._rate: RateControl | None = None
        self._point: OperatingPoint | None = None
        self._is_thin = False
        self._is_sending_reference = False
        self._connection: WhipConnection | None = None
        self._ended: asyncio.Future[SessionEnd] = asyncio.get_running_loop().create_future()
        self._references = ReferenceQueue(metrics)
        self._face = FaceState.LOST
        self._faceless_since_ns: int | None = None
        """None once a face was seen, or its absence told."""
        self._sent_ns = 0
        self._received_packets = 0
        self._received_ns = 0

    async def run(self, connection: WhipConnection) -> SessionEnd:
        """Talk until the session is over, or until cancelled (then it says goodbye)."""
        self._connection = connection
        self._received_ns = self._clock.now_ns()
        self._rate = RateControl(self._limits, now_ns=self._received_ns)
        if self._face is FaceState.LOST:
            self._faceless_since_ns = self._received_ns
        self._send(
            Hello(
                face_model_version=self._model.version,
                face_model_digest=bytes.fromhex(self._model.digest)[:DIGEST_BYTES],
                frame_rate_hz=self._limits.frame_rate_hz,
                in_band_version=IN_BAND_VERSION,
            )
        )
        self._tell_mode()
        self._apply_rate()
        self._worker.start_session()
        if connection.state is not PeerState.CONNECTED:
            self._end(SessionEnd.LOST)
        tasks = [
            asyncio.create_task(self._send_references()),
            asyncio.create_task(self._send_overdue()),
            asyncio.create_task(self._keep_house()),
        ]
        try:
            return await self._ended
        except asyncio.CancelledError:
            self._send(Bye(ByeReason.LEFT))
            raise
        finally:
            self._worker.end_session()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def on_output(self, output: WorkerOutput) -> None:
        """Send what the worker made, or keep it for the next packet of sound."""
        if self._connection is None or self._ended.done():
            return
        for message in output.messages:
            self._send_parameters(self._transport.take(message, self._clock.now_ns()))
        if self._transport.has_waiting:
            self._waiting.set()
        if output.reference is not None:
            self._references.put(output.reference)

    def load(self, packet: OpusPacket) -> OpusPacket:
        """A packet of sound that is to leave now, with the messages that wait for one."""
        if self._connection is None or self._ended.done():
            return packet
        loaded = self._transport.load(packet, self._clock.now_ns())
        for message in loaded.messages:
            self._note_sent(message)
        return loaded.packet

    def on_face(self, face: FaceState) -> None:
        """Tell the other side what is seen, when it changed."""
        if face is not self._face:
            self._face = face
            self._faceless_since_ns = None
            _logger.info("face: %s", face.value)
            self._tell_mode()

    def on_state(self, state: PeerState) -> None:
        """The connection's own state."""
        if state in (PeerState.FAILED, PeerState.CLOSED):
            self._end(SessionEnd.LOST)

    def on_parameters(self, message: bytes) -> None:
        """A receiver report."""
        try:
            report = ReceiverReport.parse(message)
        except BitstreamError as error:
            self._metrics.count("reports_dropped", "invalid")
            _logger.debug("report dropped: %s", error)
            return
        self._worker.acknowledge(report)
        if self._rate is not None:
            self._rate.report(report, self._clock.now_ns())
            self._apply_rate()

    def on_control(self, message: bytes) -> None:
        """A control message of the receiver."""
        try:
            parsed = parse_control(message)
        except VersionError as error:
            _logger.error("receiver: %s", error)
            self._end(SessionEnd.VERSION)
            return
        except BitstreamError as error:
            self._metrics.count("control_dropped", "invalid")
            _logger.debug("control message dropped: %s", error)
            return
        match parsed:
            case ReferenceHeld(set_id=set_id, reference_id=reference_id):
                self._metrics.count("references_held")
                self._worker.reference_held(set_id, reference_id)
                if self._rate is not None:
                    self._rate.has_picture = True
            case RefreshRequest(target=RefreshTarget.PARAMETERS):
                self._metrics.count("refresh_requests", "parameters")
                self._worker.force_intra()
            case RefreshRequest(target=RefreshTarget.REFERENCE):
                self._metrics.count("refresh_requests", "reference")
                self._resend()
            case Bye(reason=reason, detail=detail):
                if detail:
                    _logger.warning("receiver: %s", detail)
                self._end(_ENDS.get(reason, SessionEnd.LEFT))
            case Hello(in_band_version=version):
                self._transport.receiver_reads(version)
            case UnknownMessage():
                self._metrics.count("control_dropped", "unknown_type")
            case _:
                pass  # what only a sender says

    def _send_parameters(self, messages: tuple[EncodedMessage, ...]) -> None:
        """On their channel, now or never."""
        assert self._connection is not None
        for message in messages:
            if self._connection.send_parameters(message.data):
                self._metrics.count("transport_messages", Transport.DATA_CHANNEL.value)
                self._note_sent(message)
            else:
                self._metrics.count("messages_dropped", "buffered")

    def _note_sent(self, message: EncodedMessage) -> None:
        """A message left now."""
        assert self._rate is not None
        now_ns = self._sent_ns = self._clock.now_ns()
        age_ticks = ticks_difference(self._clock.now_ticks(), message.capture_time)
        self._rate.message_sent(
            message.sequence, age_ms=ns_from_ticks(age_ticks) / 1e6, now_ns=now_ns
        )
        if not message.hold:
            self._rate.cost.observe_message(
                len(message.data), message.frame_count, self._rate.point
            )

    def _apply_rate(self) -> None:
        """Send as the rate control wants it from now on, and tell the user what matters."""
        assert self._rate is not None
        rate, now_ns = self._rate, self._clock.now_ns()
        if rate.point != self._point:
            if self._point is not None:
                _logger.info("rate: %s", rate.point)
                self._metrics.count("rate_steps")
            self._point = rate.point
            self._worker.apply(rate.point)
            self._on_point(rate.point)
        self._metrics.set_gauge("loss", rate.loss_meter.loss)
        self._metrics.set_gauge("frames_per_message", rate.point.frames_per_message)
        self._metrics.set_gauge("target_kbps", rate.target_bps / 1e3)
        self._metrics.set_gauge("queue_ms", rate.standing_ms)
        if rate.round_trip_ms is not None:
            self._metrics.set_gauge("round_trip_ms", rate.round_trip_ms)
        if rate.is_thin(now_ns) != self._is_thin:
            self._is_thin = not self._is_thin
            if self._is_thin:
                _logger.warning("%s", rate.shortage)
            else:
                _logger.info("the link carries the call again")
            self._tell_mode()

    def _resend(self) -> None:
        if not self._references.under_way:
            self._references.forget()
            if self._rate is not None:
                self._rate.has_picture = False
            self._worker.resend_references()

    def _end(self, end: SessionEnd) -> None:
        if not self._ended.done():
            self._ended.set_result(end)

    def _tell_mode(self) -> None:
        muted = not self._limits.has_sound
        self._send(Mode(CallMode.REBUILT, self._face, muted=muted, thin=self._is_thin))

    def _send(self, message: KnownMessage) -> None:
        if self._connection is None:
            return
        packed = pack_control(message)
        if self._connection.send_control(packed):
            self._sent_ns = self._clock.now_ns()
            kind = (
                "reference"
                if isinstance(message, ReferenceBegin | ReferenceChunk | ReferenceEnd)
                else "call"
            )
            self._metrics.count("control_messages", kind)
            self._metrics.count("control_bytes", kind, increment=len(packed))
        else:
            self._metrics.count("control_dropped", "buffered")

    async def _send_references(self) -> None:
        assert self._connection is not None
        assert self._rate is not None
        while True:
            self._is_sending_reference = False
            sender = await self._references.next()
            self._is_sending_reference = True
            while not sender.done:
                message = sender.next_message(
                    self._clock.now_ns(),
                    rate_bps=self._rate.reference_bps,
                    buffered_bytes=self._connection.control_buffered_bytes,
                )
                if message is None:
                    await asyncio.sleep(_PACING_SECONDS)
                else:
                    self._send(message)

    async def _send_overdue(self) -> None:
        """Send on the channel what waited in vain for a packet of sound."""
        while True:
            await self._waiting.wait()
            await asyncio.sleep(_OVERDUE_SECONDS)
            self._send_parameters(self._transport.overdue(self._clock.now_ns()))
            if not self._transport.has_waiting:
                self._waiting.clear()

    async def _keep_house(self) -> None:
        """Notice a receiver that is gone, show that we are not, and follow the rate."""
        assert self._connection is not None
        assert self._rate is not None
        while True:
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)
            now_ns = self._clock.now_ns()
            wire = self._connection.wire.snapshot()
            self._rate.set_in_band(self._transport.is_in_band(now_ns), now_ns)
            self._rate.poll(
                wire.sent_bytes,
                sends_references=self._is_sending_reference or self._references.under_way,
                now_ns=now_ns,
            )
            self._apply_rate()
            received = (
                wire.data_received.packets
                + wire.audio_received.packets
                + wire.connection_received.packets
            )
            if received != self._received_packets:
                self._received_packets, self._received_ns = received, now_ns
            elif now_ns - self._received_ns > _SILENCE_NS:
                self._end(SessionEnd.LOST)
            if now_ns - self._sent_ns > _SIGN_OF_LIFE_NS:
                self._tell_mode()
            since_ns = self._faceless_since_ns
            if since_ns is not None and now_ns - since_ns > _FACELESS_NS:
                self._faceless_since_ns = None
                _logger.warning("no face seen so far, one is needed: the other side sees nothing")
