"""Messages of a sender over a lossy link, through a party's stream, to a viewer's frames."""

import asyncio
import contextlib
import itertools
import math
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import numpy as np
import pytest
import pytest_asyncio
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.party_state import PartyState
from receiver.party_stream import PartyStream
from receiver.picture_stream import MAX_FAILURES
from receiver.published_stream import PublisherLink
from receiver.renderer import RenderEngine
from receiver.video_track import RebuiltVideoTrack
from shared.codec import FaceEncoder
from shared.control_message import (
    DIGEST_BYTES,
    Bye,
    ByeReason,
    CallMode,
    ControlMessage,
    FaceState,
    Hello,
    Mode,
    ReferenceBegin,
    ReferenceHeld,
    RefreshRequest,
    RefreshTarget,
    pack_control,
    parse_control,
)
from shared.errors import BitstreamError, VersionError
from shared.face_model import FaceModel
from shared.generator import Generator
from shared.in_band import Transport
from shared.metrics import Metrics
from shared.parameters import Crop, FaceParameters
from shared.receiver_report import ReceiverReport
from shared.reference_image import encode_reference_image
from shared.reference_transfer import ReferenceSender
from shared.warp import WarpGenerator
from shared.webrtc.audio import OpusPacket
from tests.faces import MEAN_IDENTITY, face_parameters, textured_image
from tests.fakes import FakeCamera, FakeClock, FakeGenerator

PERIOD_MS = 40
PICTURE = encode_reference_image(textured_image(), max_bytes=3500)


class Call:
    """A party's stream with its sender and the link between, all on one fake clock."""

    def __init__(self, generator: Generator) -> None:
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.engine = RenderEngine(FaceModel.load(), generator, metrics=self.metrics)
        self.engine.start()
        self.encoder = FaceEncoder()
        self.back: list[ControlMessage] = []
        self.reports: list[ReceiverReport] = []
        self.beside_sound: list[ReceiverReport] = []
        self.report_arrives: Callable[[], bool] = lambda: True
        self.received_bytes = 0
        self.ended: list[ByeReason] = []
        self.states: list[PartyState] = []
        self.camera = FakeCamera()
        self.changed = asyncio.Event()
        """Something came back, or the state changed."""
        self.stream = PartyStream(
            engine=self.engine,
            clock=self.clock,
            metrics=self.metrics,
            link=PublisherLink(
                send_control=self._take_control,
                send_parameters=self._take_report,
                send_beside_sound=self._take_report_beside_sound,
                received_bytes=lambda: self.received_bytes,
                end=self.ended.append,
                camera=self.camera,
            ),
            on_state=self._take_state,
        )
        self.track = self.stream.subscribe_video()
        self.sent: dict[int, FaceParameters] = {}

    def _take_state(self, state: PartyState) -> None:
        self.states.append(state)
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that the worker or a task brings about."""
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def _take_control(self, message: bytes) -> bool:
        self.back.append(parse_control(message))
        self.changed.set()
        return True

    def _take_report(self, message: bytes) -> bool:
        self.reports.append(ReceiverReport.parse(message))
        if self.report_arrives():
            self.encoder.acknowledge(self.reports[-1])
        return True

    def _take_report_beside_sound(self, message: bytes) -> bool:
        self.beside_sound.append(ReceiverReport.parse(message))
        return self._take_report(message)

    def count(self, name: str, label: str) -> int:
        return self.metrics.snapshot().counters.get((name, label), 0)

    async def send_reference(self, set_id: int = 0, reference_id: int = 0) -> None:
        """Transfer a reference and wait until it is held."""
        begin = ReferenceBegin(
            set_id=set_id,
            reference_id=reference_id,
            crop=Crop(x=0, y=0, size=256),
            frame_width=256,
            frame_height=256,
            parameters=face_parameters(),
            image_format=PICTURE.image_format,
            image_bytes=len(PICTURE.data),
            identity=MEAN_IDENTITY if reference_id == 0 else None,
        )
        sender = ReferenceSender(begin, PICTURE.data)
        while not sender.done:
            self.clock.advance_ms(PERIOD_MS)
            now_ns = self.clock.now_ns()
            message = sender.next_message(now_ns, rate_bps=1e6, buffered_bytes=0)
            assert message is not None
            self.stream.on_control(pack_control(message))
        held = ReferenceHeld(set_id=set_id, reference_id=reference_id)
        await self.until(lambda: held in self.back)

    async def play(
        self,
        messages: int,
        *,
        lost: Callable[[], bool] = lambda: False,
        set_id: int = 0,
        hold_last: bool = False,
        head: Callable[[float, int], FaceParameters] | None = None,
    ) -> list[VideoFrame]:
        """Send messages of two frames, 20 ms after the second; the viewer's frames."""
        head = head or turning_head
        frames: list[VideoFrame] = []
        for number in range(messages):
            group = []
            for _ in range(2):
                group.append(head(self.clock.now_ns() / 1e9, self.clock.now_ticks()))
                await self.advance(PERIOD_MS, frames)
            group_bytes = self.encoder.encode(
                group, set_id=set_id, hold=hold_last and number == messages - 1
            )
            self.sent.update((f.capture_time, f) for f in self.encoder.reconstructed)
            if not lost():
                self.received_bytes += 100
                self.stream.on_parameters(group_bytes)
        return frames

    async def advance(self, milliseconds: float, frames: list[VideoFrame]) -> None:
        """Let time pass, tick by tick; each tick's picture is taken before the next."""
        end_ns = self.clock.now_ns() + int(milliseconds * 1e6)
        while (due_ns := self.stream.next_tick_ns()) is not None and due_ns <= end_ns:
            self.clock.advance_ms(max(due_ns - self.clock.now_ns(), 0) / 1e6)
            before = self.count("frames_dropped", "no_reference")
            ticks = self._ticks()
            self.stream.tick()
            if self._ticks() > ticks and self.count("frames_dropped", "no_reference") == before:
                frames.append(await asyncio.wait_for(self.track.recv(), 20))
        self.clock.advance_ms(max(end_ns - self.clock.now_ns(), 0) / 1e6)

    def _ticks(self) -> int:
        counters = self.metrics.snapshot().counters
        return sum(count for (name, _), count in counters.items() if name == "ticks")


def turning_head(seconds: float, ticks: int) -> FaceParameters:
    return face_parameters(
        rotation=(0.05 * math.sin(2 * seconds), 0.2 * math.sin(3 * seconds), 0),
        expression={0: math.sin(5 * seconds)},
        capture_time=ticks,
    )


@pytest_asyncio.fixture
async def call() -> AsyncIterator[Call]:
    made = Call(WarpGenerator())
    yield made
    await made.stream.close()
    made.engine.close()


@pytest_asyncio.fixture
async def fake_call() -> AsyncIterator[Call]:
    made = Call(FakeGenerator())
    yield made
    await made.stream.close()
    made.engine.close()


async def test_a_call_without_loss_shows_every_frame(call: Call) -> None:
    await call.send_reference()
    frames = await call.play(40)
    assert len(frames) >= 76
    assert (frames[0].width, frames[0].height, frames[0].format.name) == (256, 256, "yuv420p")
    pts = [frame.pts or 0 for frame in frames]
    assert set(np.diff(pts)) == {3600}
    assert call.count("ticks", "exact") >= call.count("pictures", "") - 2
    first, later = (frame.to_ndarray(format="gray").astype(int) for frame in frames[10:40:29])
    assert np.abs(first - later).mean() > 1  # the head turned
    assert call.reports[-1].received_bps == pytest.approx(100 * 8 / 0.08, rel=0.05)
    latency = call.metrics.snapshot().stages["latency"]
    assert latency.p95_ms < 100  # 80 until a message is sent, and the margin
    state = call.stream.state
    assert not state.waiting
    assert state.generator == "warp"


async def test_a_third_lost_shows_as_many_frames_all_of_known_moments(call: Call) -> None:
    await call.send_reference()
    rng = random.Random(4)
    call.report_arrives = lambda: rng.random() >= 0.3
    frames = await call.play(60, lost=lambda: rng.random() < 0.3)
    assert len(frames) >= 112
    assert set(np.diff([frame.pts or 0 for frame in frames[10:]])) == {3600}
    assert call.count("messages_dropped", "parameters_missing_base") == 0
    assert RefreshRequest(RefreshTarget.PARAMETERS) not in call.back
    repeated = sum(
        np.array_equal(a.to_ndarray(), b.to_ndarray()) for a, b in itertools.pairwise(frames[10:])
    )
    assert repeated == 0
    assert len(call.reports) <= 60 * 0.08 * 4 + 3


async def test_nothing_is_shown_before_the_first_reference(fake_call: Call) -> None:
    assert await fake_call.play(10) == []
    assert fake_call.stream.state.waiting
    assert fake_call.count("frames_dropped", "no_reference") > 10
    await fake_call.send_reference()
    assert len(await fake_call.play(5)) > 5
    assert not fake_call.stream.state.waiting


async def test_a_reference_that_stays_away_is_asked_for(fake_call: Call) -> None:
    await fake_call.play(60)
    wanted = RefreshRequest(RefreshTarget.REFERENCE)
    assert fake_call.back.count(wanted) == 1


async def test_a_crop_move_goes_on_with_the_next_set(fake_call: Call) -> None:
    await fake_call.send_reference(set_id=0)
    before = await fake_call.play(10, set_id=0)
    await fake_call.send_reference(set_id=1)
    after = await fake_call.play(10, set_id=1)
    assert len(before) >= 17
    assert len(after) >= 19
    pts = [frame.pts or 0 for frame in before + after]
    assert pts == sorted(set(pts))


async def test_an_announced_pause_renders_nothing_again(fake_call: Call) -> None:
    await fake_call.send_reference()
    await fake_call.play(10, hold_last=True)
    frames: list[VideoFrame] = []
    await fake_call.advance(700, frames)
    generator = fake_call.engine._generator
    assert isinstance(generator, FakeGenerator)
    generated = generator.generated
    await fake_call.advance(1000, frames)
    assert generator.generated == generated
    assert len(frames) >= 41  # the viewers still get the picture


async def test_ticks_slept_through_are_counted(fake_call: Call) -> None:
    await fake_call.send_reference()
    await fake_call.play(10)
    assert fake_call.count("frames_dropped", "tick") == 0
    fake_call.clock.advance_ms(400)
    fake_call.stream.tick()
    assert 7 <= fake_call.count("frames_dropped", "tick") <= 10


async def test_the_sound_is_released_with_the_picture(fake_call: Call) -> None:
    await fake_call.send_reference()
    await fake_call.play(20)
    packet = OpusPacket(b"\x78x", 960, fake_call.clock.now_ticks())
    sound = fake_call.stream.subscribe_audio()
    fake_call.clock.advance_ms(25)
    now_ns = fake_call.clock.now_ns()
    fake_call.stream.on_audio(packet)
    release_ns = fake_call.stream._sound_release_ns(packet.capture_time)
    assert release_ns is not None
    assert 10e6 < release_ns - now_ns < 70e6
    fake_call.stream._sound.release(release_ns)
    assert bytes(await asyncio.wait_for(sound.recv(), 20)) == b"\x78x"


async def test_many_failures_end_the_session(fake_call: Call) -> None:
    await fake_call.send_reference()
    await fake_call.play(5)
    generator = fake_call.engine._generator
    assert isinstance(generator, FakeGenerator)
    generator.broken = True
    frames = await fake_call.play(MAX_FAILURES // 2 + 2)
    assert len(frames) > MAX_FAILURES  # the last picture stays
    assert fake_call.ended == [ByeReason.OTHER]


def hello(digest: bytes | None = None, *, in_band_version: int = 0) -> bytes:
    model = FaceModel.load()
    ours = bytes.fromhex(model.digest)[:DIGEST_BYTES]
    return pack_control(
        Hello(
            face_model_version=model.version,
            face_model_digest=digest or ours,
            frame_rate_hz=25,
            in_band_version=in_band_version,
        )
    )


async def test_hello_mode_and_bye(fake_call: Call) -> None:
    fake_call.stream.on_control(hello())
    assert isinstance(fake_call.back[0], Hello)
    mode = Mode(mode=CallMode.REBUILT, face=FaceState.CAMERA_OFF, muted=True)
    fake_call.stream.on_control(pack_control(mode))
    state = fake_call.stream.state
    assert (state.connected, state.face, state.muted) == (True, FaceState.CAMERA_OFF, True)
    assert fake_call.states[-1] == state
    fake_call.stream.on_control(pack_control(mode))
    assert fake_call.count("face_states", "camera_off") == 1
    assert not state.thin
    fake_call.stream.on_control(pack_control(replace(mode, thin=True)))
    assert fake_call.states[-1] == replace(state, thin=True)
    fake_call.stream.on_control(pack_control(Bye(ByeReason.LEFT)))
    assert fake_call.ended == [ByeReason.LEFT]


async def test_messages_may_come_in_band_and_twice(fake_call: Call) -> None:
    await fake_call.send_reference()
    messages: list[bytes] = []
    take = fake_call.stream.on_parameters

    def both_ways(message: bytes) -> None:
        messages.append(message)
        take(message, Transport.IN_BAND)
        take(message)

    fake_call.stream.on_parameters = both_ways  # type: ignore[method-assign,assignment]
    frames = await fake_call.play(20)
    assert len(messages) == 20
    assert len(frames) >= 37
    assert fake_call.stream._feedback.loss == 0
    assert fake_call.count("messages_dropped", "parameters_missing_base") == 0


async def test_reports_go_beside_the_sound_for_a_party_that_reads_them_there(
    fake_call: Call,
) -> None:
    for reads in (0, 1):
        fake_call.stream.on_control(hello(in_band_version=reads))
        greeting = fake_call.back[-1]
        assert isinstance(greeting, Hello)
        assert greeting.in_band_version == 1
        head = turning_head(reads, fake_call.clock.now_ticks())
        message = fake_call.encoder.encode([head], set_id=0)
        fake_call.stream.on_parameters(message, Transport.IN_BAND)
        assert len(fake_call.beside_sound) == reads
        fake_call.clock.advance_ms(1100)
    assert len(fake_call.reports) == 2
    assert fake_call.beside_sound == [fake_call.reports[-1]]
    assert fake_call.count("reports", "inband") == 1
    assert fake_call.count("reports", "datachannel") == 1


async def test_another_face_model_is_refused(fake_call: Call) -> None:
    with pytest.raises(VersionError, match=r"face model 1 \(00000000\), this side has 1 \("):
        fake_call.stream.on_control(hello(bytes(DIGEST_BYTES)))


async def test_a_message_from_an_unknown_base_asks_for_a_refresh(fake_call: Call) -> None:
    other = Call(FakeGenerator())
    frames: list[VideoFrame] = []
    await other.play(3)
    message = other.encoder.encode([turning_head(0, other.clock.now_ticks())], set_id=0)
    await other.stream.close()
    other.engine.close()
    fake_call.stream.on_parameters(message)
    fake_call.stream.on_parameters(message)
    assert fake_call.back == [RefreshRequest(RefreshTarget.PARAMETERS)]
    assert fake_call.count("messages_dropped", "parameters_missing_base") == 2
    assert frames == []


async def test_silence_is_told_and_ends(fake_call: Call) -> None:
    run = asyncio.create_task(fake_call.stream.run())
    fake_call.clock.advance_ms(3500)
    await fake_call.until(lambda: fake_call.stream.state.interrupted)
    fake_call.stream.on_datagram()
    assert not fake_call.stream.state.interrupted
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


async def test_closing_ends_the_viewers_tracks(fake_call: Call) -> None:
    await fake_call.send_reference()
    waiting = asyncio.create_task(fake_call.track.recv())
    await asyncio.sleep(0)
    await fake_call.stream.close()
    with pytest.raises(MediaStreamError):
        await waiting
    assert isinstance(fake_call.track, RebuiltVideoTrack)
    assert fake_call.stream.next_tick_ns() is None


@given(data=st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_arbitrary_bytes_are_refused_and_harm_nothing(data: bytes) -> None:
    async def feed() -> None:
        stream = PartyStream(
            engine=ENGINE,
            clock=FakeClock(),
            metrics=Metrics(),
            link=PublisherLink(
                send_control=lambda message: True,
                send_parameters=lambda message: True,
                send_beside_sound=lambda message: True,
                received_bytes=lambda: 0,
                end=lambda reason: None,
            ),
        )
        for receive in (stream.on_control, stream.on_parameters):
            with contextlib.suppress(BitstreamError):
                receive(data)
        await stream.close()

    asyncio.run(feed())


ENGINE = RenderEngine(FaceModel.load(), FakeGenerator(), metrics=Metrics())
