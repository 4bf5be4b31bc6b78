"""A whole call in one thread and no real time: the project's own parts around a modelled link.

    motion -> spacing, planner, encoder, transport -> link (rate, queue, loss, delay) -> decoder
    sound (sizes alone), references in chunks ------/                                    player
    rate control <- reports <------------------------ link back <----------------------- schedule

What is modelled rather than run: the sizes of headers, SCTP's repeating of a lost control message
after a second, and upkeep (checks of the path, RTCP). Time is an integer of nanoseconds.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.link_model import LinkConditions, LinkDirection
from receiver.frame_player import FramePlayer
from receiver.parameter_track import SampleKind
from receiver.report_schedule import ReportSchedule
from sender.encoded_message import EncodedMessage
from sender.frame_spacing import FrameSpacing
from sender.message_planner import MessagePlanner
from sender.operating_point import CallLimits, OperatingPoint
from sender.parameter_transport import ParameterTransport, TransportChoice
from sender.rate_control import RateControl
from shared.clock import TICKS_MODULUS, ns_from_ticks, ticks_difference, ticks_from_ns
from shared.codec import FaceDecoder, FaceEncoder
from shared.control_message import KnownMessage, ReferenceBegin, ReferenceEnd, pack_control
from shared.errors import BitstreamError
from shared.image_header import ImageFormat
from shared.in_band import IN_BAND_VERSION, Transport, extract
from shared.metrics import Metrics
from shared.parameters import Crop, FaceParameters
from shared.rate_meter import RateMeter
from shared.receiver_report import ReceiverReport
from shared.reference_transfer import ReferenceSender
from shared.sequence import sequence_add
from shared.webrtc.audio import OpusPacket

MS = 1_000_000
SECOND = 1_000_000_000
START_NS = 7 * SECOND

PROCESSING_MS = 10
AUDIO_HEADERS = 44
DATA_HEADERS = 85
RTCP_BYTES = 90
CHECK_BYTES = 130
SACK_BYTES = 16
REPEAT_NS = SECOND


@dataclass(frozen=True, slots=True)
class Shown:
    """One tick of the receiver."""

    now_ns: int
    capture_ns: int
    kind: SampleKind
    parameters: FaceParameters


@dataclass(slots=True)
class Record:
    """What happened."""

    shown: list[Shown] = field(default_factory=list)
    audio: list[tuple[int, int | None]] = field(default_factory=list)
    """(sent ns, arrived ns or None) of each packet of sound."""
    wire: list[tuple[int, int]] = field(default_factory=list)
    """(ns, bytes) of each packet of the sender."""
    points: list[tuple[int, OperatingPoint]] = field(default_factory=list)
    thin: list[tuple[int, bool]] = field(default_factory=list)
    references_held: list[int] = field(default_factory=list)
    messages: list[tuple[int, int | None]] = field(default_factory=list)
    """(sent ns, arrived ns or None)."""


class SimulatedCall:
    """One direction of a call."""

    def __init__(
        self,
        limits: CallLimits,
        conditions: LinkConditions,
        *,
        seed: int = 1,
        transport: TransportChoice = TransportChoice.DATA_CHANNEL,
        reference_bytes: tuple[int, ...] = (5_000, 2_600, 2_600, 2_600),
        moves: Callable[[int], bool] = lambda now_ns: True,
    ) -> None:
        self.now_ns = START_NS
        self.record = Record()
        self._limits = limits
        self._moves = moves
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._random = random.Random(seed)
        self.forward, self.reverse = LinkDirection(seed=seed), LinkDirection(seed=seed + 1)
        self.impair(conditions)
        self.rate = RateControl(limits, now_ns=self.now_ns)
        self._planner, self._spacing, self._encoder = (
            MessagePlanner(),
            FrameSpacing(),
            FaceEncoder(),
        )
        self.metrics = Metrics()
        self._transport = ParameterTransport(transport, metrics=self.metrics)
        self._transport.receiver_reads(IN_BAND_VERSION)
        self._point: OperatingPoint | None = None
        self._sent_bytes = 0
        self._owed_sacks = 0
        self._references = list(reference_bytes)
        self._transfer: ReferenceSender | None = None
        self._decoder, self._player, self._reports = FaceDecoder(), FramePlayer(), ReportSchedule()
        self._came = Transport.DATA_CHANNEL
        self._received, self._received_bytes = RateMeter(), 0
        phases = np.random.default_rng(2).uniform(0, 6, 35)
        self._speeds = np.random.default_rng(3).uniform(1, 6, 35)
        self._phases = phases
        self._apply()
        self._at(self.now_ns, self._capture)
        self._at(self.now_ns + 50 * MS, self._poll)
        self._at(self.now_ns + 300 * MS, self._next_reference)
        self._at(self.now_ns + 500 * MS, self._keep_up)
        self._at(self.now_ns + 100 * MS, self._tick)
        if limits.has_sound:
            self._at(self.now_ns, self._sound)

    def impair(self, forward: LinkConditions, reverse: LinkConditions | None = None) -> None:
        """Both ways alike unless told."""
        self.forward.impair(forward)
        self.reverse.impair(reverse or forward)

    def run(self, seconds: float) -> None:
        """Play on."""
        end_ns = self.now_ns + int(seconds * SECOND)
        while self._events and self._events[0][0] <= end_ns:
            self.now_ns, _, action = heapq.heappop(self._events)
            action()
        self.now_ns = end_ns

    @property
    def held_s(self) -> list[float]:
        """When each reference was held, in seconds from the start."""
        return [(at_ns - START_NS) / SECOND for at_ns in self.record.references_held]

    def face(self, time_ns: int) -> FaceParameters:
        """A head that turns, nods and speaks, or the same held still."""
        seconds = time_ns / 1e9
        sizes = np.full(35, 0.8)
        sizes[28:] = [0.03, 0.1, 0.2, 0.05, 0.08, 0.05, 0.0]
        vector = sizes * np.sin(seconds * self._speeds + self._phases)
        vector[28] += np.log(0.35)
        return FaceParameters.from_vector(
            vector.astype(np.float32), capture_time=ticks_from_ns(time_ns)
        )

    def _at(self, time_ns: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time_ns, next(self._order), action))

    def _after_ms(self, milliseconds: float, action: Callable[[], None]) -> None:
        self._at(self.now_ns + int(milliseconds * MS), action)

    def _send(self, size: int, arrives: Callable[[], None]) -> int | None:
        """An IP packet to the receiver; when it arrives, None if it is lost."""
        self._sent_bytes += size
        self.record.wire.append((self.now_ns, size))
        arrival_ns = self.forward.admit(size, self.now_ns)
        if arrival_ns is not None:
            self._at(arrival_ns, lambda: self._arrive(size, arrives))
        return arrival_ns

    def _arrive(self, size: int, arrives: Callable[[], None]) -> None:
        self._received_bytes += size
        self._received.add(self._received_bytes, self.now_ns)
        arrives()

    def _send_back(self, size: int, arrives: Callable[[], None]) -> bool:
        arrival_ns = self.reverse.admit(size, self.now_ns)
        if arrival_ns is not None:
            self._at(arrival_ns, arrives)
        return arrival_ns is not None

    # The sender.

    def _apply(self) -> None:
        if self.rate.point != self._point:
            self._point = self.rate.point
            self.record.points.append((self.now_ns, self._point))
            self._planner.frames_per_message = self._point.frames_per_message
            self._planner.repeated = self._point.repeated
            self._encoder.precision = self._point.precision
            self._spacing.frame_rate_hz = (
                self._point.frame_rate_hz if self._point.is_thinned else None
            )
        thin = self.rate.is_thin(self.now_ns)
        if thin != (bool(self.record.thin) and self.record.thin[-1][1]):
            self.record.thin.append((self.now_ns, thin))

    def _poll(self) -> None:
        self._after_ms(250, self._poll)
        self.rate.set_in_band(self._transport.is_in_band(self.now_ns), self.now_ns)
        self.rate.poll(
            self._sent_bytes, sends_references=self._transfer is not None, now_ns=self.now_ns
        )
        self._apply()
        for message in self._transport.overdue(self.now_ns):
            self._send_message(message)

    def _capture(self) -> None:
        self._at(self.now_ns + round(SECOND / self._limits.frame_rate_hz), self._capture)
        if not self._spacing.keep(self.now_ns):
            return
        moving = self._moves(self.now_ns)
        face = self.face(self.now_ns if moving else START_NS)
        face = FaceParameters.from_vector(face.vector, capture_time=ticks_from_ns(self.now_ns))
        captured_ns = self.now_ns

        def analysed() -> None:
            for planned in self._planner.add(face, 0, captured_ns):
                data = self._encoder.encode(
                    planned.frames, set_id=0, hold=planned.hold, repeated=planned.repeated
                )
                message = EncodedMessage(
                    data=data,
                    sequence=sequence_add(self._encoder.next_sequence, -1),
                    capture_time=planned.frames[-1].capture_time,
                    frame_count=len(self._encoder.reconstructed),
                    hold=planned.hold,
                )
                for routed in self._transport.take(message, self.now_ns):
                    self._send_message(routed)

        self._after_ms(PROCESSING_MS + self._random.uniform(0, 4), analysed)

    def _send_message(self, message: EncodedMessage) -> None:
        self._note_sent(message)
        size = DATA_HEADERS + -len(message.data) // 4 * -4 + self._owed_sacks * SACK_BYTES
        self._owed_sacks = 0
        arrival_ns = self._send(
            size, lambda: self._receive_message(message.data, Transport.DATA_CHANNEL)
        )
        self.record.messages.append((self.now_ns, arrival_ns))

    def _note_sent(self, message: EncodedMessage) -> None:
        age_ticks = ticks_difference(ticks_from_ns(self.now_ns), message.capture_time)
        self.rate.message_sent(
            message.sequence, age_ms=ns_from_ticks(age_ticks) / 1e6, now_ns=self.now_ns
        )
        if not message.hold:
            self.rate.cost.observe_message(len(message.data), message.frame_count, self.rate.point)

    def _sound(self) -> None:
        point = self.rate.point
        self._after_ms(point.audio_packet_ms, self._sound)
        payload = bytes([0x08]) + bytes(point.audio_bitrate_bps * point.audio_packet_ms // 8000 - 1)
        packet = OpusPacket(
            payload=payload,
            duration=48 * point.audio_packet_ms,
            capture_time=ticks_from_ns(self.now_ns - point.audio_packet_ms * MS),
        )
        loaded = self._transport.load(packet, self.now_ns)
        for message in loaded.messages:
            self._note_sent(message)

        def arrives() -> None:
            for data in extract(loaded.packet.payload).messages:
                self._receive_message(data, Transport.IN_BAND)

        arrival_ns = self._send(AUDIO_HEADERS + len(loaded.packet.payload), arrives)
        self.record.audio.append((self.now_ns, arrival_ns))
        self.record.messages += [(self.now_ns, arrival_ns)] * len(loaded.messages)

    def _keep_up(self) -> None:
        """Once a second: RTCP both ways, and a check of the path now and then."""
        self._after_ms(1000, self._keep_up)
        if self._limits.has_sound:
            self._send(RTCP_BYTES, lambda: None)
            self._send_back(RTCP_BYTES, lambda: None)
        if (self.now_ns // SECOND) % 5 == 0:
            self._send(CHECK_BYTES, lambda: None)
            self._send(CHECK_BYTES, lambda: None)

    def _next_reference(self) -> None:
        if self._transfer is None and self._references:
            size = self._references.pop(0)
            begin = ReferenceBegin(
                set_id=0,
                reference_id=len(self.record.references_held),
                crop=Crop(0, 0, 256),
                frame_width=256,
                frame_height=256,
                parameters=self.face(self.now_ns),
                image_format=ImageFormat.WEBP,
                image_bytes=size,
            )
            self._transfer = ReferenceSender(begin, bytes(size))
            self._send_reference()

    def _send_reference(self) -> None:
        assert self._transfer is not None
        message = self._transfer.next_message(
            self.now_ns, rate_bps=self.rate.reference_bps, buffered_bytes=0
        )
        if message is not None:
            size = DATA_HEADERS + len(pack_control(message))
            self._deliver_control(message, size)
        if not self._transfer.done:
            self._after_ms(10, self._send_reference)

    def _deliver_control(self, message: KnownMessage, size: int) -> None:
        def arrives() -> None:
            if isinstance(message, ReferenceEnd):
                tell_held()

        def tell_held() -> None:
            if not self._send_back(DATA_HEADERS + 20, held):
                self._at(self.now_ns + REPEAT_NS, tell_held)

        def held() -> None:
            self.rate.has_picture = True
            self.record.references_held.append(self.now_ns)
            self._transfer = None
            self._after_ms(1000, self._next_reference)

        if self._send(size, arrives) is None:
            self._at(self.now_ns + REPEAT_NS, lambda: self._deliver_control(message, size))

    # The receiver.

    def _receive_message(self, data: bytes, transport: Transport) -> None:
        try:
            decoded = self._decoder.decode(data)
        except BitstreamError:
            return
        self._came = transport
        self._reports.receive(decoded, self.now_ns, in_band=transport is Transport.IN_BAND)
        self._player.receive(decoded, self.now_ns)
        self._report_if_due()

    def _report_if_due(self) -> None:
        due_ns = self._reports.due_ns()
        if due_ns is not None and due_ns <= self.now_ns:
            report = self._report()
            if self._came is Transport.IN_BAND:
                self._send_back(RTCP_BYTES, lambda: self._take(report))
            else:
                self._send_back(DATA_HEADERS + 12, lambda: self._take(report, sack=1))

    def _report(self) -> ReceiverReport:
        held = self._decoder.held()
        assert held is not None
        return self._reports.report(held, received_bps=self._received.bps, now_ns=self.now_ns)

    def _take(self, report: ReceiverReport, *, sack: int = 0) -> None:
        self._owed_sacks += sack
        parsed = ReceiverReport.parse(report.pack())
        self._encoder.acknowledge(parsed)
        self.rate.report(parsed, self.now_ns)
        self._apply()

    def _tick(self) -> None:
        due_ns = self._player.next_due_ns(self.now_ns)
        if due_ns is not None and due_ns <= self.now_ns:
            shown = self._player.tick(self.now_ns)
            if shown is not None:
                self._player.playout.begin(self.now_ns)
                time, face = shown
                capture_ns = self.now_ns - ns_from_ticks(
                    ticks_difference(ticks_from_ns(self.now_ns), time % TICKS_MODULUS)
                )
                self.record.shown.append(Shown(self.now_ns, capture_ns, face.kind, face.parameters))
            due_ns = self._player.next_due_ns(self.now_ns)
        self._at(
            self.now_ns + 10 * MS if due_ns is None else max(due_ns, self.now_ns + MS), self._tick
        )


def link(
    kbps: float = 0, *, loss: float = 0, delay: float = 30, jitter: float = 0
) -> LinkConditions:
    """A link's conditions; 0 kbit/s: as many as come."""
    return LinkConditions(rate_bps=kbps * 1e3, loss=loss, delay_ms=delay, jitter_ms=jitter)


def wire_kbps(call: SimulatedCall, after_s: float, until_s: float | None = None) -> float:
    """Mean rate that the sender put on the wire."""
    start_ns = START_NS + int(after_s * SECOND)
    end_ns = call.now_ns if until_s is None else START_NS + int(until_s * SECOND)
    sent = sum(size for at_ns, size in call.record.wire if start_ns <= at_ns < end_ns)
    return sent * 8e6 / (end_ns - start_ns)


def sound(call: SimulatedCall, after_s: float) -> tuple[float, float]:
    """Share lost and p95 of the delay in ms."""
    start_ns = START_NS + int(after_s * SECOND)
    packets = [(sent, came) for sent, came in call.record.audio if sent >= start_ns]
    delays = [(came - sent) / MS for sent, came in packets if came is not None]
    return 1 - len(delays) / len(packets), float(np.percentile(delays, 95))


def concealed(call: SimulatedCall, after_s: float) -> float:
    """Share of the ticks without a frame to show or to interpolate from."""
    start_ns = START_NS + int(after_s * SECOND)
    kinds = [shown.kind.value for shown in call.record.shown if shown.now_ns >= start_ns]
    return kinds.count("stale") / len(kinds)


def rungs(call: SimulatedCall, after_s: float = 0) -> list[OperatingPoint]:
    """What was sent with, change by change."""
    start_ns = START_NS + int(after_s * SECOND)
    return [point for at_ns, point in call.record.points if at_ns >= start_ns]
