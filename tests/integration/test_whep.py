"""Playing through real aiortc on this machine."""

import asyncio
from fractions import Fraction

import av
import numpy as np
import pytest

from benchmarks.whep_client import WhepClient, WhepConnection
from receiver.plain_stream import NewestFrameTrack
from receiver.status_message import PlayerStatus
from sender.whip_client import WhipClient, WhipConnection
from shared.clock import SystemClock
from shared.control_message import ByeReason
from shared.errors import SignalingError
from shared.webrtc.aiortc.rtp_tap import RtpArrival
from shared.webrtc.audio import OpusPacket, OpusPacketTrack
from shared.webrtc.peer import Peer
from shared.webrtc.signaling import SignalingClient
from tests.integration.receiver_process import RunningReceiver, running_receiver, until


class Screen:
    """Keeps what a viewer gets."""

    def __init__(self) -> None:
        self.video: list[RtpArrival] = []
        self.audio: list[RtpArrival] = []
        self.statuses: list[PlayerStatus] = []
        self.byes: list[ByeReason] = []

    async def connect(self, receiver: RunningReceiver, party: str) -> WhepConnection:
        return await WhepClient.connect(
            f"{receiver.url}/whep",
            receiver.token(party, publish=False),
            on_video=self.video.append,
            on_audio=self.audio.append,
            on_status=self.statuses.append,
            on_bye=self.byes.append,
        )

    @property
    def present(self) -> bool | None:
        return self.statuses[-1].present if self.statuses else None


async def publish(receiver: RunningReceiver, track: OpusPacketTrack | None) -> WhipConnection:
    return await WhipClient.connect(
        f"{receiver.url}/whip",
        receiver.token("ann"),
        audio_track=track,
        on_control=lambda message: None,
        on_parameters=lambda message: None,
    )


def picture(number: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.full((256, 256, 3), number % 256, np.uint8), "rgb24")
    frame = frame.reformat(format="yuv420p")
    frame.pts = 3600 * number
    frame.time_base = Fraction(1, 90_000)
    return frame


async def test_a_viewer_gets_picture_and_sound_bit_exact_and_is_told_the_state() -> None:
    clock = SystemClock()
    track = OpusPacketTrack()
    screen = Screen()
    async with running_receiver() as receiver, await screen.connect(receiver, "bob") as viewer:
        await until(lambda: screen.present is False)
        async with await publish(receiver, track):
            await until(lambda: screen.present is True)
            (stream,) = receiver.streams
            start = clock.now_ticks()
            payloads = [bytes([31 << 3, number]) * 20 for number in range(30)]
            for number, payload in enumerate(payloads):
                track.put(OpusPacket(payload, 960, (start + 1800 * number) % 2**32))
                stream.viewers[0].put(picture(number))
                await asyncio.sleep(0.02)
            await until(lambda: len(screen.audio) >= 28 and len(screen.video) >= 25)
            relayed = [packet.payload for packet in screen.audio]
            assert relayed == payloads[-len(relayed) :]
            assert [
                (later.timestamp - earlier.timestamp) % 2**32
                for earlier, later in zip(screen.audio, screen.audio[1:], strict=False)
            ] == [960] * (len(relayed) - 1)
            await until(lambda: viewer.audio_clock.capture_time(0) is not None)
            last = screen.audio[-1]
            captured = viewer.audio_clock.capture_time(last.timestamp)
            number = payloads.index(last.payload)
            assert captured is not None
            assert abs(captured - (start + 1800 * number)) % 2**32 <= 30
            await until(lambda: screen.statuses[-1].audio_clock is not None)
            timestamp, capture_time = screen.statuses[-1].audio_clock or (0, 0)
            assert abs((viewer.audio_clock.capture_time(timestamp) or 0) - capture_time) <= 30
            wire = viewer.wire.snapshot()
            assert wire.video_received.bytes > wire.audio_received.bytes > 30 * 40
        await until(lambda: screen.present is False)


async def test_a_viewer_sees_the_next_connection_of_the_same_party() -> None:
    screen = Screen()
    async with running_receiver() as receiver, await screen.connect(receiver, "bob"):
        for _ in range(2):
            async with await publish(receiver, None):
                await until(lambda: screen.present is True)
                await until(lambda: receiver.streams and receiver.streams[-1].viewers)
                screen.video.clear()
                for number in range(10):
                    receiver.streams[-1].viewers[-1].put(picture(number))
                    await asyncio.sleep(0.02)
                await until(lambda: len(screen.video) >= 5)
            await until(lambda: screen.present is False)


async def test_a_viewer_that_comes_again_replaces_itself_and_others_stay_out() -> None:
    first, second = Screen(), Screen()
    async with (
        running_receiver() as receiver,
        await publish(receiver, None),
        await first.connect(receiver, "bob"),
        await second.connect(receiver, "bob"),
    ):
        await until(lambda: first.byes == [ByeReason.REPLACED])
        with pytest.raises(SignalingError, match="the room is full"):
            await Screen().connect(receiver, "cleo")


async def test_ordinary_video_is_passed_on() -> None:
    screen = Screen()
    camera = NewestFrameTrack()
    async with (
        running_receiver() as receiver,
        await screen.connect(receiver, "bob"),
        SignalingClient(f"{receiver.url}/whip", receiver.token("ann")) as signaling,
    ):
        peer = Peer()
        peer.connection.addTransceiver(camera, direction="sendonly")
        answer = await signaling.post(await peer.offer())
        await peer.accept_answer(answer.sdp)
        await until(lambda: screen.present is True)
        number = 0
        while len(screen.video) < 10:
            camera.put(picture(number))
            number += 1
            await asyncio.sleep(0.02)
        await until(lambda: screen.statuses[-1].plain is True)
        await until(lambda: (screen.statuses[-1].publisher_video_bps or 0) > 0)
        await peer.close()


async def test_a_right_to_publish_is_none_to_play() -> None:
    async with running_receiver() as receiver:
        with pytest.raises(SignalingError, match="does not allow to play") as caught:
            await WhepClient.connect(
                f"{receiver.url}/whep",
                receiver.token("bob", play=False),
                on_video=print,
                on_audio=print,
            )
        assert caught.value.status == 403
