"""What a session says and hears on its channels, against a connection of cardboard."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from sender.analysis_worker import WorkerOutput
from sender.call_session import CallSession, SessionEnd
from sender.encoded_message import EncodedMessage
from sender.operating_point import CallLimits, OperatingPoint
from sender.reference_encoder import EncodedReference
from shared.control_message import (
    Bye,
    ByeReason,
    ControlMessage,
    FaceState,
    Hello,
    Mode,
    ReferenceBegin,
    ReferenceChunk,
    ReferenceEnd,
    ReferenceHeld,
    RefreshRequest,
    RefreshTarget,
    pack_control,
    parse_control,
)
from shared.face_model import FaceModel
from shared.in_band import extract
from shared.metrics import Metrics
from shared.parameters import Crop, FaceParameters, Identity, Reference
from shared.receiver_report import ReceiverReport
from shared.reference_image import encode_reference_image
from shared.reference_transfer import ReferenceAssembler
from shared.webrtc.audio import OpusPacket
from shared.webrtc.peer import PeerState
from shared.webrtc.wire_counter import WireCounter
from tests.fakes import FakeClock


class Connection:
    """Takes everything at once."""

    def __init__(self) -> None:
        self.state = PeerState.CONNECTED
        self.wire = WireCounter()
        self.control: list[ControlMessage] = []
        self.parameters: list[bytes] = []
        self.control_buffered_bytes = 0

    def send_control(self, message: bytes) -> bool:
        self.control.append(parse_control(message))
        return True

    def send_parameters(self, message: bytes) -> bool:
        self.parameters.append(message)
        return True


class Worker:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.points: list[OperatingPoint] = []

    def start_session(self) -> None:
        self.told.append("start")

    def end_session(self) -> None:
        self.told.append("end")

    def force_intra(self) -> None:
        self.told.append("intra")

    def resend_references(self) -> None:
        self.told.append("resend")

    def reference_held(self, set_id: int, reference_id: int) -> None:
        self.told.append((set_id, reference_id))

    def acknowledge(self, report: ReceiverReport) -> None:
        self.told.append(report.newest)

    def apply(self, point: OperatingPoint) -> None:
        self.points.append(point)


class Call:
    """A running session and both its ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, max_bps: float | None = None) -> None:
        monkeypatch.setattr("sender.call_session._PACING_SECONDS", 0)
        monkeypatch.setattr("sender.call_session._HOUSEKEEPING_SECONDS", 0)
        monkeypatch.setattr("sender.call_session._OVERDUE_SECONDS", 0)
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.worker = Worker()
        self.connection = Connection()
        self.session = CallSession(
            self.worker,  # type: ignore[arg-type]
            FaceModel.load(),
            clock=self.clock,
            metrics=self.metrics,
            limits=CallLimits(has_sound=False, max_bps=max_bps),
        )
        self.task = asyncio.create_task(self.session.run(self.connection))  # type: ignore[arg-type]

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(2000):
            if condition():
                return
            self.clock.advance_ms(5)
            await asyncio.sleep(0)
        raise AssertionError("it did not come about")

    async def hang_up(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def reference(set_id: int, reference_id: int) -> EncodedReference:
    picture = np.random.default_rng(reference_id).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    encoded = encode_reference_image(picture, max_bytes=2000)
    parameters = FaceParameters(0, np.zeros(28, np.float32), np.zeros(7, np.float32))
    identity = Identity(np.zeros(40, np.float32))
    crop = Crop(x=0, y=0, size=64)
    return EncodedReference(
        Reference(set_id, reference_id, crop, identity, parameters, picture), encoded, 64, 64
    )


def output(
    *messages: bytes, sent: EncodedReference | None = None, state: FaceState = FaceState.TRACKED
) -> WorkerOutput:
    encoded = tuple(
        EncodedMessage(data, sequence, capture_time=0, frame_count=2, hold=False)
        for sequence, data in enumerate(messages)
    )
    return WorkerOutput(encoded, sent, state)


async def test_it_greets_and_says_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch)
    await call.until(lambda: len(call.connection.control) >= 2)
    hello, mode = call.connection.control[:2]
    assert isinstance(hello, Hello)
    assert hello.frame_rate_hz == 25.0
    assert isinstance(mode, Mode)
    assert mode.muted
    call.session.on_output(output(b"abc"))
    assert call.connection.parameters == [b"abc"]
    await call.hang_up()
    assert call.connection.control[-1] == Bye(ByeReason.LEFT)
    assert call.worker.told == ["start", "end"]


@pytest.mark.parametrize("face", [None, FaceState.TRACKED])
async def test_a_picture_without_a_face_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, face: FaceState | None
) -> None:
    call = Call(monkeypatch)
    if face is not None:
        call.session.on_face(face)
    await call.until(lambda: len(call.connection.control) >= 8)
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    expected = "no face seen so far, one is needed: the other side sees nothing"
    assert warnings == ([expected] if face is None else [])
    await call.hang_up()


async def test_references_go_whole_and_the_identity_once_a_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = Call(monkeypatch)
    await call.until(lambda: bool(call.worker.told))
    sent = [reference(0, 0), reference(0, 1), reference(1, 0)]
    for one in sent:
        call.session.on_output(output(sent=one))
    await call.until(
        lambda: sum(isinstance(m, ReferenceEnd) for m in call.connection.control) == len(sent)
    )
    assembler, received = ReferenceAssembler(), []
    for message in call.connection.control:
        match message:
            case ReferenceBegin():
                assembler.begin(message, 0)
            case ReferenceChunk():
                assembler.add(message, 0)
            case ReferenceEnd():
                received.append(assembler.end(message, 0))
    assert [one.data for one in received] == [one.picture.data for one in sent]
    assert [one.begin.identity is not None for one in received] == [True, False, True]
    await call.hang_up()


async def test_what_the_receiver_says_reaches_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch)
    await call.until(lambda: bool(call.worker.told))
    call.worker.told.clear()
    call.session.on_control(pack_control(ReferenceHeld(3, 2)))
    call.session.on_control(pack_control(RefreshRequest(RefreshTarget.PARAMETERS)))
    call.session.on_control(pack_control(RefreshRequest(RefreshTarget.REFERENCE)))
    report = ReceiverReport(newest=7, held=0, delay_ms=0, transit_ms=0)
    call.session.on_parameters(report.pack())
    assert call.worker.told == [(3, 2), "intra", "resend", 7]
    await call.hang_up()


async def test_nonsense_is_counted_and_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch)
    await call.until(lambda: bool(call.worker.told))
    for nonsense in (b"", b"\xff" * 40, b"\x80"):
        call.session.on_control(nonsense)
        call.session.on_parameters(nonsense)
    counters = call.metrics.snapshot().counters
    assert counters["control_dropped", "invalid"] == 3
    assert counters["reports_dropped", "invalid"] == 3
    assert not call.task.done()
    await call.hang_up()


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        (ByeReason.LEFT, SessionEnd.LEFT),
        (ByeReason.REPLACED, SessionEnd.REPLACED),
        (ByeReason.LIMIT, SessionEnd.REFUSED),
        (ByeReason.VERSION, SessionEnd.VERSION),
    ],
)
async def test_a_goodbye_ends_it(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    reason: ByeReason,
    end: SessionEnd,
) -> None:
    call = Call(monkeypatch)
    await call.until(lambda: bool(call.worker.told))
    call.session.on_control(pack_control(Bye(reason, "what was found")))
    assert await call.task is end
    assert "receiver: what was found" in caplog.messages
    assert call.worker.told == ["start", "end"]


async def test_a_receiver_of_another_version_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch)
    await call.until(lambda: bool(call.worker.told))
    other = Hello(
        protocol_version=9, face_model_version=1, face_model_digest=bytes(16), frame_rate_hz=25.0
    )
    call.session.on_control(pack_control(other))
    assert await call.task is SessionEnd.VERSION


async def test_a_lost_or_silent_connection_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch)
    await call.until(lambda: bool(call.worker.told))
    call.session.on_state(PeerState.FAILED)
    assert await call.task is SessionEnd.LOST
    call = Call(monkeypatch)
    await call.until(call.task.done)  # no datagram ever comes
    assert await call.task is SessionEnd.LOST


async def test_each_state_of_the_face_is_told_once_and_repeated_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = Call(monkeypatch)
    await call.until(lambda: bool(call.worker.told))
    for state in (FaceState.TRACKED, FaceState.TRACKED, FaceState.LOST, FaceState.CAMERA_FAILED):
        call.session.on_face(state)
    modes = [message for message in call.connection.control if isinstance(message, Mode)]
    assert [mode.face for mode in modes] == [
        FaceState.LOST,
        FaceState.TRACKED,
        FaceState.LOST,
        FaceState.CAMERA_FAILED,
    ]
    count = len(call.connection.control)
    await call.until(lambda: len(call.connection.control) > count)  # a sign of life
    assert call.connection.control[-1] == modes[-1]
    await call.hang_up()


@pytest.mark.parametrize("max_bps", [1e3, 1e6])
async def test_a_link_too_thin_for_the_call_is_told(
    monkeypatch: pytest.MonkeyPatch, max_bps: float
) -> None:
    call = Call(monkeypatch, max_bps=max_bps)
    await call.until(lambda: bool(call.worker.told))
    hello, *modes = call.connection.control
    assert isinstance(hello, Hello)
    assert isinstance(modes[-1], Mode)
    assert modes[-1].thin is (max_bps == 1e3)
    await call.hang_up()


def greeting(in_band_version: int) -> bytes:
    return pack_control(
        Hello(
            face_model_version=1,
            face_model_digest=bytes(16),
            frame_rate_hz=25.0,
            in_band_version=in_band_version,
        )
    )


@pytest.mark.parametrize("reads", [0, 1])
async def test_parameters_ride_in_the_sound_once_the_receiver_says_that_it_reads_them_there(
    monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    call = Call(monkeypatch)
    await call.until(lambda: bool(call.worker.told))
    hello = call.connection.control[0]
    assert isinstance(hello, Hello)
    assert hello.in_band_version == 1
    sound = OpusPacket(bytes([11 << 3]) + b"voice", 2880, 0)
    assert call.session.load(sound) is sound
    call.session.on_output(output(b"before"))
    call.session.on_control(greeting(reads))
    call.session.on_output(output(b"after"))
    found = extract(call.session.load(sound).payload)
    assert found.messages == ((b"after",) if reads else ())
    assert call.connection.parameters == ([b"before"] if reads else [b"before", b"after"])
    counters = call.metrics.snapshot().counters
    assert counters.get(("transport_messages", "inband"), 0) == reads
    assert counters["transport_messages", "datachannel"] == 2 - reads
    assert call.session._rate is not None
    await call.until(lambda: call.session._rate.cost.is_in_band is bool(reads))  # type: ignore[union-attr]
    await call.hang_up()


async def test_what_waits_in_vain_goes_on_the_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(monkeypatch)
    await call.until(lambda: bool(call.worker.told))
    call.session.on_control(greeting(1))
    call.session.load(OpusPacket(bytes([11 << 3]) + b"voice", 960, 0))
    call.session.on_output(output(b"message"))
    assert call.connection.parameters == []
    await call.until(lambda: call.connection.parameters == [b"message"])
    assert call.metrics.snapshot().counters["in_band_fallbacks", "wait"] == 1
    await call.hang_up()
