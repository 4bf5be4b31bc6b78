"""From the rebuilt picture to ordinary video and back on one connection, through real WebRTC."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from receiver.party_stream import PartyStream
from receiver.plain_stream import NewestFrameTrack
from receiver.published_stream import PublisherLink
from receiver.renderer import RenderEngine
from receiver.status_message import PlayerStatus, parse_message
from receiver.switched_track import SwitchedTrack
from sender.whip_client import WhipClient, WhipConnection
from shared.clock import SystemClock
from shared.codec import FaceEncoder
from shared.control_message import CallMode, FaceState, Mode, ReferenceBegin, pack_control
from shared.face_model import FaceModel
from shared.metrics import Metrics
from shared.parameters import Crop
from shared.reference_image import encode_reference_image
from shared.reference_transfer import ReferenceSender
from shared.webrtc.channel import STATUS
from shared.webrtc.peer import Peer
from shared.webrtc.signaling import SignalingClient
from tests.faces import MEAN_IDENTITY, face_parameters, textured_image
from tests.fakes import FakeGenerator
from tests.integration.browser import browser_page
from tests.integration.receiver_process import RunningReceiver, running_receiver, until

BLUE, ORANGE = (40, 60, 220), (230, 140, 30)


@asynccontextmanager
async def call_receiver() -> AsyncIterator[RunningReceiver]:
    """A receiver that rebuilds pictures."""
    metrics, clock = Metrics(), SystemClock()
    engine = RenderEngine(FaceModel.load(), FakeGenerator(), metrics=metrics)
    engine.start()

    def open_stream(link: PublisherLink) -> PartyStream:
        return PartyStream(engine=engine, clock=clock, metrics=metrics, link=link)

    try:
        async with running_receiver(
            clock=clock, open_stream=open_stream, metrics=metrics
        ) as receiver:
            yield receiver
    finally:
        engine.close()


class Viewer:
    """A WHEP player that looks at what it gets."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, av.VideoFrame]] = []
        """The last ones, numbered from the first."""
        self.count = 0
        self.status: PlayerStatus | None = None
        self._peer = Peer()
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def playing(self, receiver: RunningReceiver) -> AsyncIterator["Viewer"]:
        token = receiver.token("bob", publish=False)
        async with SignalingClient(f"{receiver.url}/whep", token) as signaling:
            connection = self._peer.connection
            connection.on("track", self._watch)
            connection.addTransceiver("video", direction="recvonly")
            self._peer.create_channel(STATUS, self._read)
            answer = await signaling.post(await self._peer.offer())
            await self._peer.accept_answer(answer.sdp)
            await self._peer.wait_open((STATUS,), 10)
            try:
                yield self
            finally:
                await self._peer.close()
                await asyncio.gather(*self._tasks)

    def _watch(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._look(track)))

    async def _look(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.VideoFrame)
                self.count += 1
                self.frames = [*self.frames[-100:], (self.count, frame)]
        except MediaStreamError:
            pass

    def _read(self, message: bytes) -> None:
        parsed = parse_message(message)
        if isinstance(parsed, PlayerStatus):
            self.status = parsed

    def sees(self, colour: tuple[int, int, int], *, after: int = 0) -> bool:
        """Whether the last frame is mostly of a colour."""
        return self.count > after and _is_near(self.frames[-1][1], colour)

    def sees_face(self, *, after: int = 0) -> bool:
        return self.count > after and self.frames[-1][1].width == 256


def _is_near(frame: av.VideoFrame, colour: tuple[int, int, int]) -> bool:
    middle = np.median(frame.to_ndarray(format="rgb24"), axis=(0, 1))
    return bool(np.abs(middle - colour).max() < 40)


class Publisher:
    """A client with our channels, a face that turns, and a camera that it may show."""

    def __init__(self, connection: WhipConnection) -> None:
        self.connection = connection
        self.sends_face = True
        self.camera: NewestFrameTrack | None = None
        self.feedback: list[Any] = []
        """RTCP that came for the video."""
        self._encoder = FaceEncoder()
        self._clock = SystemClock()
        self._colour = BLUE
        self._track = SwitchedTrack("video")
        (self._sender,) = (
            sender for sender in connection._peer.connection.getSenders() if sender.kind == "video"
        )
        internals: Any = self._sender
        handle = internals._handle_rtcp_packet

        async def note(packet: Any) -> None:
            self.feedback.append(packet)
            await handle(packet)

        internals._handle_rtcp_packet = note

    def send_reference(self) -> None:
        picture = encode_reference_image(textured_image(), max_bytes=3500)
        begin = ReferenceBegin(
            set_id=0,
            reference_id=0,
            crop=Crop(x=0, y=0, size=256),
            frame_width=256,
            frame_height=256,
            parameters=face_parameters(),
            image_format=picture.image_format,
            image_bytes=len(picture.data),
            identity=MEAN_IDENTITY,
        )
        sender = ReferenceSender(begin, picture.data)
        now_ns = self._clock.now_ns()
        while not sender.done:
            now_ns += 1_000_000_000
            message = sender.next_message(now_ns, rate_bps=1e7, buffered_bytes=0)
            if message is not None:
                self.connection.send_control(pack_control(message))

    def show(self, mode: CallMode, colour: tuple[int, int, int] = BLUE) -> None:
        """Put the camera on the empty track, or take it off, and say so."""
        self._colour = colour
        self.film(mode is CallMode.VIDEO)
        self.connection.send_control(pack_control(Mode(mode=mode, face=FaceState.TRACKED)))

    def film(self, films: bool) -> None:
        """Put the camera on the track, or take it off, and say nothing."""
        # aiortc goes on reading a track that was replaced, and ends with it.
        self.camera = NewestFrameTrack() if films else None
        self._track.set_source(self.camera)
        if self._sender.track is None:
            self._sender.replaceTrack(self._track)

    def was_told(self, feedback_format: int) -> bool:
        """Whether payload-specific feedback of a format came (RFC 4585, section 6.3)."""
        return any(getattr(packet, "fmt", None) == feedback_format for packet in self.feedback)

    async def run(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(0.04)
            number += 1
            if self.sends_face:
                turn = 0.2 * math.sin(number / 8)
                now = self._clock.now_ticks()
                face = face_parameters(rotation=(0, turn, 0), capture_time=now)
                self.connection.send_parameters(self._encoder.encode([face], set_id=0))
            if self.camera is not None:
                image = np.full((240, 320, 3), self._colour, np.uint8)
                image[:, number * 4 % 300 :][:, :20] = 255
                frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = 3600 * number, Fraction(1, 90_000)
                self.camera.put(frame)


@asynccontextmanager
async def publishing(receiver: RunningReceiver) -> AsyncIterator[Publisher]:
    async with await WhipClient.connect(
        f"{receiver.url}/whip",
        receiver.token("ann"),
        audio_track=None,
        on_control=lambda message: None,
        on_parameters=lambda message: None,
    ) as connection:
        publisher = Publisher(connection)
        run = asyncio.create_task(publisher.run())
        try:
            yield publisher
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)


async def test_a_viewer_sees_the_face_then_the_camera_then_the_face_on_one_connection() -> None:
    async with (
        call_receiver() as receiver,
        publishing(receiver) as ann,
        Viewer().playing(receiver) as viewer,
    ):
        ann.send_reference()
        await until(viewer.sees_face, seconds=20)
        await until(lambda: viewer.status is not None and viewer.status.waiting is False)
        for colour in (BLUE, ORANGE):
            ann.show(CallMode.VIDEO, colour)
            await until(lambda colour=colour: viewer.sees(colour), seconds=5)
            ann.sends_face = False
            await until(lambda: viewer.status is not None and viewer.status.plain is True)
            assert viewer.status is not None
            assert viewer.status.mode == "video"
            await until(
                lambda: viewer.status is not None and (viewer.status.publisher_video_bps or 0) > 0
            )
            before = viewer.count
            await until(lambda before=before: viewer.count > before + 20)  # it moves
            ann.sends_face = True
            ann.show(CallMode.REBUILT)
            await until(viewer.sees_face, seconds=5)
            await until(lambda: viewer.status is not None and viewer.status.plain is False)
        pts = [frame.pts or 0 for _, frame in viewer.frames]
        assert pts == sorted(set(pts))
        black = [n for n, frame in viewer.frames if frame.to_ndarray(format="gray").mean() < 20]
        assert black == []
        assert ann.was_told(1)  # a key picture was asked for (PLI)
        counters = receiver.metrics.snapshot().counters
        assert ("session_failures", "publish") not in counters


async def test_the_answer_lets_a_client_send_vp8_below_a_cap() -> None:
    async with (
        call_receiver() as receiver,
        SignalingClient(f"{receiver.url}/whip", receiver.token("ann")) as signaling,
    ):
        peer = Peer()
        peer.connection.addTransceiver("audio", direction="sendonly")
        peer.connection.addTransceiver("video", direction="sendonly")
        peer.create_channel(STATUS, lambda message: None)
        answer = (await signaling.post(await peer.offer())).sdp
        video = answer[answer.index("m=video") :].split("\r\nm=")[0].splitlines()
        assert "a=recvonly" in video
        assert "b=AS:300" in video
        assert "b=TIAS:300000" in video
        assert sum("VP8/90000" in line for line in video) == 1
        assert not any("H264" in line for line in video)
        assert any(line.endswith("goog-remb") for line in video)
        assert any(line.endswith(" nack pli") for line in video)
        assert any("abs-send-time" in line for line in video)
        assert "b=" not in answer[: answer.index("m=video")]
        await peer.close()


async def test_video_that_nobody_asked_for_is_not_decoded_and_bad_packets_end_nothing() -> None:
    async with (
        call_receiver() as receiver,
        publishing(receiver) as ann,
        Viewer().playing(receiver) as viewer,
    ):
        ann.send_reference()
        ann.film(True)
        await until(viewer.sees_face, seconds=20)
        counters = receiver.metrics.snapshot().counters
        await until(lambda: receiver.metrics.snapshot().counters.get(("drops", "video"), 0) > 20)
        assert ("plain_frames", "") not in counters

        ann.show(CallMode.VIDEO)
        await until(lambda: viewer.sees(BLUE))
        await until(lambda: ann.was_told(15))  # the estimated rate (REMB), once it is known
        internals: Any = ann._sender
        encoder = internals._RTCRtpSender__encoder
        encode = encoder.encode

        def garbled(frame: Any, force_keyframe: bool = False) -> tuple[list[bytes], int]:
            payloads, timestamp = encode(frame, force_keyframe)
            return [b"", b"\xff", *(payload[:40] for payload in payloads)], timestamp

        encoder.encode = garbled
        await asyncio.sleep(1)
        encoder.encode = encode
        before = viewer.count
        await until(lambda: viewer.sees(BLUE, after=before + 10))
        assert len(receiver.calls.sessions) == 2


async def test_a_browser_falls_back_twice_on_one_connection() -> None:
    """Chromium offers an empty track, replaces it, takes it away and puts it back."""
    modes = {mode: list(pack_control(Mode(mode=mode, face=FaceState.TRACKED))) for mode in CallMode}
    async with (
        call_receiver() as receiver,
        Viewer().playing(receiver) as viewer,
        browser_page() as browser,
    ):
        await browser.page.goto(receiver.url)
        await browser.page.evaluate(_PUBLISH, receiver.token("ann"))
        await until(lambda: viewer.status is not None and viewer.status.present)
        for colour in (BLUE, ORANGE):
            before = viewer.count
            name = "rgb({},{},{})".format(*colour)
            await browser.page.evaluate(_SHOW, [name, modes[CallMode.VIDEO]])
            await until(lambda colour=colour, at=before: viewer.sees(colour, after=at))
            await until(lambda: viewer.status is not None and viewer.status.plain is True)
            await browser.page.evaluate(_SHOW, ["", modes[CallMode.REBUILT]])
            await until(lambda: viewer.status is not None and viewer.status.mode == "rebuilt")
        counters = receiver.metrics.snapshot().counters
        assert ("session_failures", "publish") not in counters


_PUBLISH = """async (token) => {
  const connection = new RTCPeerConnection();
  window.connection = connection;
  connection.addTransceiver("audio", { direction: "sendonly" });
  window.picture = connection.addTransceiver("video", { direction: "sendonly" }).sender;
  window.control = connection.createDataChannel("control");
  connection.createDataChannel("parameters", { ordered: false, maxRetransmits: 0 });
  await connection.setLocalDescription();
  const headers = { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` };
  await new Promise((resolve) => {
    connection.onicegatheringstatechange = () =>
      connection.iceGatheringState === "complete" && resolve();
    if (connection.iceGatheringState === "complete") resolve();
  });
  const body = connection.localDescription.sdp;
  const response = await fetch("/whip", { method: "POST", body, headers });
  const sdp = await response.text();
  const opened = new Promise((resolve) => { window.control.onopen = resolve; });
  await connection.setRemoteDescription({ type: "answer", sdp });
  await opened;
}"""

_SHOW = """async ([colour, mode]) => {
  clearInterval(window.painting);
  if (colour) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [320, 240];
    const context = canvas.getContext("2d");
    let x = 0;
    window.painting = setInterval(() => {
      context.fillStyle = colour;
      context.fillRect(0, 0, 320, 240);
      context.fillStyle = "white";
      context.fillRect((x += 4) % 300, 0, 20, 240);
    }, 40);
    await window.picture.replaceTrack(canvas.captureStream(25).getVideoTracks()[0]);
  } else {
    await window.picture.replaceTrack(null);
  }
  window.control.send(new Uint8Array(mode));
}"""
