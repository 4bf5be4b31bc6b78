"""Parameters inside the sound over real aiortc, and what Chromium plays of such packets."""

import asyncio
import base64
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from benchmarks.link import Link
from benchmarks.link_model import LinkConditions
from sender.encoded_message import EncodedMessage
from sender.parameter_transport import ParameterTransport, TransportChoice
from sender.whip_client import WhipClient
from shared.clock import SystemClock
from shared.codec import FaceDecoder, FaceEncoder
from shared.errors import BitstreamError
from shared.in_band import Transport, embed
from shared.metrics import Metrics
from shared.receiver_report import ReceiverReport
from shared.webrtc.audio import OpusPacket, OpusPacketTrack
from shared.webrtc.peer import Peer
from shared.webrtc.signaling import SignalingClient
from tests.faces import face_parameters
from tests.integration.browser import browser_page
from tests.integration.receiver_process import RunningReceiver, running_receiver, until
from tests.opus_voice import encoded

PACKET_MS = 60


@asynccontextmanager
async def open_link(url: str) -> AsyncIterator[Link]:
    link = Link(url, seed=4)
    await link.start()
    try:
        yield link
    finally:
        await link.close()


async def test_parameters_arrive_and_reports_come_back_beside_the_sound() -> None:
    track = OpusPacketTrack()
    heard: list[bytes] = []
    start = SystemClock().now_ticks()
    async with (
        running_receiver() as receiver,
        await WhipClient.connect(
            f"{receiver.url}/whip",
            receiver.token("ann"),
            audio_track=track,
            on_control=lambda message: None,
            on_parameters=heard.append,
        ) as connection,
    ):
        (stream,) = receiver.streams
        before = connection.wire.snapshot()
        sound = encoded("20")[:25]
        for number, payload in enumerate(sound):
            message = bytes([number]) * 14
            packet = embed(payload, [message])
            track.put(OpusPacket(packet, 960, (start + 1800 * number) % 2**32))
            await asyncio.sleep(0.02)
        await until(lambda: len(stream.parameters) == len(sound))
        assert stream.link.send_beside_sound(b"a report")
        await until(lambda: heard)
        assert stream.parameters == [bytes([number]) * 14 for number in range(len(sound))]
        assert set(stream.transports) == {Transport.IN_BAND}
        # Byte for byte as the encoder made them; the first may come before the first report.
        assert [packet.payload for packet in stream.audio] == sound[-len(stream.audio) :]
        assert heard == [b"a report"]
        (session,) = receiver.calls.sessions
        assert session.parameter_transport is Transport.IN_BAND  # type: ignore[attr-defined]
        counters = receiver.metrics.snapshot().counters
        assert counters["parameter_messages", "inband"] == len(sound)
        wire = connection.wire.snapshot() - before
        # The channels rest; at most their last acknowledgement is still on its way.
        assert wire.data_sent.packets + wire.data_received.packets <= 2


@pytest.mark.parametrize("loss", [0.0, 0.3])
async def test_a_call_in_the_sound_goes_on_under_loss(loss: float) -> None:
    clock = SystemClock()
    track = OpusPacketTrack()
    metrics = Metrics()
    transport = ParameterTransport(TransportChoice.IN_BAND, metrics=metrics)
    transport.receiver_reads(1)
    encoder, decoder = FaceEncoder(), FaceDecoder()
    acknowledged: list[int] = []

    def on_report(data: bytes) -> None:
        report = ReceiverReport.parse(data)
        acknowledged.append(report.newest)
        encoder.acknowledge(report)

    async with (
        running_receiver() as receiver,
        open_link(receiver.url) as link,
        await WhipClient.connect(
            f"{link.url}/whip",
            receiver.token("ann"),
            audio_track=track,
            on_control=lambda message: None,
            on_parameters=on_report,
        ) as connection,
    ):
        (stream,) = receiver.streams
        link.impair(LinkConditions(loss=loss))
        frames: list[int] = []
        decoded = 0
        sent: list[int] = []
        lost_bases = 0
        before = connection.wire.snapshot()
        sound = encoded("60", bitrate_bps=8_000, seconds=6.0)
        for number, payload in enumerate(sound):
            now_ticks = clock.now_ticks()
            sent.append(now_ticks)
            face = face_parameters(
                rotation=(0, 0.2 * math.sin(number / 5), 0), capture_time=now_ticks
            )
            data = encoder.encode([face], set_id=0)
            message = EncodedMessage(data, number, now_ticks, 1, hold=False)
            for direct in transport.take(message, clock.now_ns()):
                connection.send_parameters(direct.data)
            packet = OpusPacket(payload, 2880, now_ticks)
            track.put(transport.load(packet, clock.now_ns()).packet)
            await asyncio.sleep(PACKET_MS / 1e3)
            for arrived in stream.parameters[decoded:]:
                try:
                    frames += [one.capture_time for one in decoder.decode(arrived).frames]
                except BitstreamError:
                    lost_bases += 1
            decoded = len(stream.parameters)
            held = decoder.held()
            if held is not None and number % 8 == 0:
                report = ReceiverReport(*held, delay_ms=0, transit_ms=0)
                stream.link.send_beside_sound(report.pack())
        wire = connection.wire.snapshot() - before
    delivered = len(frames) / len(sent)
    assert lost_bases == 0
    assert abs(delivered - (1 - loss)) < 0.15
    assert 5 <= len(acknowledged) <= 13
    in_band = metrics.snapshot().counters["transport_messages", "inband"]
    assert in_band >= len(sent) - 5  # the first message and intra ones go on the channel
    assert wire.data_sent.packets <= 12


_DECODE = """
async (packets) => {
  const decode = async (list) => {
    const samples = [];
    const decoder = new AudioDecoder({
      output: (data) => {
        const plane = new Float32Array(data.numberOfFrames);
        data.copyTo(plane, { planeIndex: 0, format: "f32-planar" });
        samples.push(...plane);
        data.close();
      },
      error: (error) => { throw error; },
    });
    decoder.configure({ codec: "opus", sampleRate: 48000, numberOfChannels: 1 });
    list.forEach((text, index) => {
      const data = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: index * 60000, data }));
    });
    await decoder.flush();
    return samples;
  };
  const [plain, loaded] = [await decode(packets.plain), await decode(packets.loaded)];
  let different = Math.abs(plain.length - loaded.length);
  plain.forEach((sample, index) => { if (sample !== loaded[index]) different += 1; });
  return { count: plain.length, loudest: Math.max(...plain.map(Math.abs)), different };
}
"""

_LISTEN = """
async ({ url, token, seconds }) => {
  const connection = new RTCPeerConnection();
  const element = new Audio();
  connection.ontrack = (event) => {
    element.srcObject = new MediaStream([event.track]);
    element.play();
  };
  connection.addTransceiver("audio", { direction: "recvonly" });
  await connection.setLocalDescription(await connection.createOffer());
  while (connection.iceGatheringState !== "complete") await new Promise((r) => setTimeout(r, 20));
  const answer = await fetch(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/sdp" },
    body: connection.localDescription.sdp,
  });
  await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  const read = async () => {
    let found = null;
    (await connection.getStats()).forEach((entry) => {
      if (entry.type === "inbound-rtp" && entry.kind === "audio") found = entry;
    });
    return found;
  };
  while (((await read())?.packetsReceived ?? 0) < 10) await new Promise((r) => setTimeout(r, 50));
  const before = await read();
  await new Promise((r) => setTimeout(r, seconds * 1000));
  const after = await read();
  connection.close();
  const since = (key) => after[key] - before[key];
  return {
    packets: since("packetsReceived"),
    bytes: since("bytesReceived"),
    energy: since("totalAudioEnergy"),
    samples: since("totalSamplesReceived"),
    concealed: since("concealedSamples"),
    discarded: since("packetsDiscarded"),
  };
}
"""


async def test_chromiums_decoder_plays_the_same_samples() -> None:
    async with running_receiver() as receiver, browser_page() as browser:
        await browser.page.goto(receiver.url)
        for duration_ms, bitrate_bps in (("60", 8_000), ("20", 16_000), ("40", 24_000)):
            plain = encoded(duration_ms, bitrate_bps=bitrate_bps)
            loaded = [embed(payload, [bytes(range(1, 40))]) for payload in plain]
            found = await browser.page.evaluate(
                _DECODE, {"plain": _texts(plain), "loaded": _texts(loaded)}
            )
            assert found["count"] > 20_000
            assert found["loudest"] > 0.05
            assert found["different"] == 0


async def test_chromium_plays_a_call_whose_packets_carry_parameters() -> None:
    """As a stranger to them: the publisher has no channels, so its packets are left alone."""
    sound = encoded("20", seconds=2.0)
    loaded = [embed(payload, [bytes(range(1, 30))]) for payload in sound]
    plain_report = await _listen(sound)
    loaded_report = await _listen(loaded)
    per_packet = loaded_report["bytes"] / loaded_report["packets"]
    assert per_packet > plain_report["bytes"] / plain_report["packets"] + 25
    for report in (plain_report, loaded_report):
        assert report["packets"] > 60
        assert report["discarded"] == 0
        assert report["concealed"] < 0.25 * report["samples"]
    loudness = [report["energy"] / report["samples"] for report in (plain_report, loaded_report)]
    assert loudness[0] > 0
    assert 0.5 < loudness[1] / loudness[0] < 2


async def _listen(sound: list[bytes]) -> dict[str, Any]:
    """What Chromium counts of a plain publisher's sound over two seconds."""
    async with running_receiver() as receiver, browser_page() as browser:
        await browser.page.goto(receiver.url)
        await browser.page.mouse.click(5, 5)  # sound wants a gesture
        publishing = asyncio.create_task(_publish_plain(receiver, sound))
        try:
            found = await browser.page.evaluate(
                _LISTEN,
                {
                    "url": f"{receiver.url}/whep",
                    "token": receiver.token("bob", publish=False),
                    "seconds": 2,
                },
            )
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
        assert receiver.streams == []  # nothing of ours read the packets
        return dict(found)


async def _publish_plain(receiver: RunningReceiver, sound: list[bytes]) -> None:
    track = OpusPacketTrack()
    start = SystemClock().now_ticks()
    async with SignalingClient(f"{receiver.url}/whip", receiver.token("ann")) as signaling:
        peer = Peer()
        peer.connection.addTransceiver(track, direction="sendonly")
        answer = await signaling.post(await peer.offer())
        await peer.accept_answer(answer.sdp)
        began = asyncio.get_running_loop().time()
        number = 0
        try:
            while True:
                payload = sound[number % len(sound)]
                track.put(OpusPacket(payload, 960, (start + 1800 * number) % 2**32))
                number += 1
                await asyncio.sleep(began + number * 0.02 - asyncio.get_running_loop().time())
        finally:
            await peer.close()


def _texts(packets: list[bytes]) -> list[str]:
    return [base64.b64encode(packet).decode() for packet in packets]
