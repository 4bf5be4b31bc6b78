"""A viewer's timeline goes on when its source does not."""

import asyncio
from fractions import Fraction

import pytest
from aiortc.mediastreams import MediaStreamError

from receiver.plain_stream import NewestFrameTrack
from receiver.switched_track import SwitchedTrack
from shared.webrtc.aiortc.sender_clock import CaptureTimed
from shared.webrtc.audio import OpusPacket, OpusPacketTrack


class Frame:
    def __init__(self, pts: int) -> None:
        self.pts = pts
        self.time_base = Fraction(1, 90_000)


async def test_sources_follow_each_other_on_one_rising_timeline() -> None:
    track = SwitchedTrack("video")
    first, second = NewestFrameTrack(), NewestFrameTrack()
    track.set_source(first)
    shown = []
    for source, pts in ((first, 1_000_000), (first, 1_003_600), (second, 50), (second, 3650)):
        if source is second and first.readyState == "live":
            track.set_source(second)
        source.put(Frame(pts))
        shown.append((await track.recv()).pts)
    assert first.readyState == "ended"
    assert shown[0] == 0
    assert shown[1] == 3600
    assert shown[2] > shown[1]
    assert shown[3] - shown[2] == 3600


async def test_a_source_that_ends_leaves_the_track_waiting_for_the_next() -> None:
    track = SwitchedTrack("video")
    first, second = NewestFrameTrack(), NewestFrameTrack()
    track.set_source(first)
    waiting = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    first.stop()
    await asyncio.sleep(0)
    assert not waiting.done()
    track.set_source(second)
    second.put(Frame(7))
    assert (await waiting).pts == 0


async def test_stopping_ends_who_waits_and_the_source() -> None:
    track = SwitchedTrack("video")
    waiting = asyncio.create_task(track.recv())
    source = NewestFrameTrack()
    await asyncio.sleep(0)
    track.set_source(source)
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await waiting
    assert source.readyState == "ended"


async def test_capture_times_shine_through() -> None:
    track = SwitchedTrack("audio")
    assert isinstance(track, CaptureTimed)
    assert track.last_capture_time is None
    source = OpusPacketTrack()
    track.set_source(source)
    source.put(OpusPacket(b"x", 960, 1800))
    await track.recv()
    assert track.last_capture_time == 1800
