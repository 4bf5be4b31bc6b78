"""A party's picture becomes its camera's video and its face again, before the viewer's eyes."""

import asyncio
from collections.abc import AsyncIterator
from fractions import Fraction

import av
import numpy as np
import pytest
import pytest_asyncio

from receiver.picture_switch import VIDEO_STALLED_NS
from shared.control_message import CallMode, FaceState, Mode, pack_control
from shared.limits import CAMERA_FRAMES_PER_SECOND, MODE_CHANGE_MIN_NS
from shared.webrtc.audio import OpusPacket
from tests.fakes import FakeGenerator
from tests.test_party_stream import Call

GREEN = (60, 200, 60)


@pytest_asyncio.fixture
async def call() -> AsyncIterator[Call]:
    made = Call(FakeGenerator())
    yield made
    await made.stream.close()
    made.engine.close()


def mode(call: Call, wanted: CallMode) -> None:
    call.stream.on_control(pack_control(Mode(mode=wanted, face=FaceState.TRACKED)))


def camera_frame(number: int, *, width: int = 320, height: int = 240) -> av.VideoFrame:
    image = np.full((height, width, 3), GREEN, np.uint8)
    frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
    frame.pts, frame.time_base = 77_000_000 + 3600 * number, Fraction(1, 90_000)
    return frame


async def film(call: Call, count: int) -> list[av.VideoFrame]:
    """Frames of the camera at 25 a second, as the viewer gets them."""
    shown = []
    for number in range(count):
        call.clock.advance_ms(40)
        await call.stream._camera.receive(camera_frame(number), 90 * number)
        shown.append(await asyncio.wait_for(call.track.recv(), 5))
    return shown


def generated(call: Call) -> int:
    generator = call.engine._generator
    assert isinstance(generator, FakeGenerator)
    return generator.generated


def pause(call: Call) -> None:
    call.clock.advance_ms(MODE_CHANGE_MIN_NS / 1e6)


async def test_video_takes_over_with_its_first_frame_and_leaves_with_the_first_face(
    call: Call,
) -> None:
    await call.send_reference()
    before = await call.play(20)
    assert not call.camera.is_open
    mode(call, CallMode.VIDEO)
    assert call.camera.is_open
    assert call.stream.state.mode is CallMode.VIDEO
    assert not call.stream.state.plain
    between = await call.play(5)
    assert len(between) >= 9  # the face is shown until video is there
    before += between

    video = await film(call, 10)
    assert {(frame.width, frame.height) for frame in video} == {(320, 240)}
    assert video[0].to_ndarray(format="rgb24")[100, 100] == pytest.approx(GREEN, abs=4)
    assert call.stream.state.plain
    assert not call.stream.state.waiting
    assert call.track.last_capture_time == 90 * 9
    rendered = generated(call)
    assert await call.play(10) == []  # parameters go on
    assert generated(call) == rendered

    pause(call)
    mode(call, CallMode.REBUILT)
    assert not call.camera.is_open
    assert call.stream.state.plain  # the last frame stays
    after = await call.play(10)
    assert len(after) >= 15
    assert after[0].width == 256
    assert not call.stream.state.plain
    pts = [frame.pts or 0 for frame in (*before, *video, *after)]
    assert pts == sorted(set(pts))
    assert set(np.diff(pts[-10:])) == {3600}
    assert pts[len(before)] - pts[len(before) - 1] < 0.3 * 90_000
    assert call.count("frames_dropped", "out_of_order") == 0


async def test_parameters_may_stop_while_video_is_shown(call: Call) -> None:
    await call.send_reference()
    await call.play(20)
    mode(call, CallMode.VIDEO)
    await film(call, 50)
    mode(call, CallMode.REBUILT)
    late: list[av.VideoFrame] = []
    await call.advance(3000, late)
    assert late == []  # no face of long ago
    assert call.stream.state.plain
    after = await call.play(10)
    assert len(after) >= 15
    assert call.stream._player.counts.concealed == 0


async def test_without_video_the_face_stays(call: Call) -> None:
    await call.send_reference()
    await call.play(10)
    mode(call, CallMode.VIDEO)
    assert len(await call.play(100)) >= 195
    assert not call.stream.state.plain


async def test_without_video_and_without_parameters_the_last_picture_stays(call: Call) -> None:
    await call.send_reference()
    await call.play(10)
    mode(call, CallMode.VIDEO)
    frames: list[av.VideoFrame] = []
    await call.advance(5000, frames)
    assert len(frames) <= 8
    pause(call)
    mode(call, CallMode.REBUILT)
    assert len(await call.play(10)) >= 15


async def test_video_that_stops_gives_way_to_a_face_that_comes(call: Call) -> None:
    await call.send_reference()
    await call.play(10)
    mode(call, CallMode.VIDEO)
    await film(call, 10)
    assert await call.play(5) == []
    call.clock.advance_ms(VIDEO_STALLED_NS / 1e6)
    assert len(await call.play(20)) >= 30
    assert not call.stream.state.plain
    assert len(await film(call, 2)) == 2
    assert call.stream.state.plain


async def test_video_before_any_reference_ends_the_waiting(call: Call) -> None:
    assert call.stream.state.waiting
    mode(call, CallMode.VIDEO)
    await film(call, 1)
    assert not call.stream.state.waiting


async def test_a_mode_that_flaps_is_followed_at_a_pace_to_where_it_ends(call: Call) -> None:
    run = asyncio.create_task(call.stream.run())
    for number in range(101):
        mode(call, CallMode.VIDEO if number % 2 == 0 else CallMode.REBUILT)
        call.clock.advance_ms(10)
    assert call.count("modes", "video") + call.count("modes", "rebuilt") <= 4
    call.clock.advance_ms(1000)
    await call.until(lambda: call.stream.state.mode is CallMode.VIDEO)
    assert call.camera.is_open
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


async def test_frames_that_are_too_large_or_too_many_are_bounded(call: Call) -> None:
    mode(call, CallMode.VIDEO)
    await call.stream._camera.receive(camera_frame(0, width=2000, height=1001), None)
    large = await call.track.recv()
    assert (large.width, large.height) == (1280, 640)
    await call.stream._camera.receive(camera_frame(1, width=33, height=5), None)
    small = await call.track.recv()
    assert (small.width, small.height) == (32, 16)
    for number in range(2, 100):
        await call.stream._camera.receive(camera_frame(number), None)
    assert call.count("drops", "camera_rate") == 100 - CAMERA_FRAMES_PER_SECOND
    assert call.count("plain_frames", "") == CAMERA_FRAMES_PER_SECOND


async def test_sound_is_not_delayed_while_video_is_shown(call: Call) -> None:
    await call.send_reference()
    await call.play(20)
    packet = OpusPacket(b"\x78x", 960, call.clock.now_ticks())
    assert call.stream._sound_release_ns(packet.capture_time) is not None
    mode(call, CallMode.VIDEO)
    assert call.stream._sound_release_ns(packet.capture_time) is not None
    await film(call, 1)
    assert call.stream._sound_release_ns(packet.capture_time) is None
    sound = call.stream.subscribe_audio()
    call.stream.on_audio(packet)
    call.stream._sound.release(call.clock.now_ns())
    assert bytes(await asyncio.wait_for(sound.recv(), 5)) == b"\x78x"


async def test_frames_that_nobody_wants_are_read_and_dropped(call: Call) -> None:
    run = asyncio.create_task(call.stream.run())
    for number in range(5):
        call.camera.put(camera_frame(number))
    await asyncio.sleep(0.05)
    assert call.camera._frames.empty()
    assert call.count("plain_frames", "") == 0
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
