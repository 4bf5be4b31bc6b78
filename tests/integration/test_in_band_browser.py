"""What Chromium, which knows nothing of them, plays of packets that carry parameters."""

import asyncio
import base64
from typing import Any

import pytest
from playwright.async_api import Page

from shared.clock import SystemClock
from shared.in_band import embed
from shared.webrtc.audio import OpusPacket, OpusPacketTrack
from shared.webrtc.peer import Peer
from shared.webrtc.signaling import SignalingClient
from tests.integration.browser import browser_page, chromium_path
from tests.integration.receiver_process import RunningReceiver, running_receiver
from tests.opus_voice import encoded


@pytest.fixture(autouse=True)
def _browser() -> None:
    chromium_path()


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


@pytest.mark.slow
async def test_chromium_plays_a_call_whose_packets_carry_parameters() -> None:
    """As a stranger to them: the publisher has no channels, so its packets are left alone."""
    sound = encoded("20", seconds=2.0)
    loaded = [embed(payload, [bytes(range(1, 30))]) for payload in sound]
    async with browser_page() as browser:
        plain_report = await _listen(browser.page, sound)
        loaded_report = await _listen(browser.page, loaded)
    per_packet = loaded_report["bytes"] / loaded_report["packets"]
    assert per_packet > plain_report["bytes"] / plain_report["packets"] + 25
    for report in (plain_report, loaded_report):
        assert report["packets"] > 40
        assert report["discarded"] == 0
        assert report["concealed"] < 0.25 * report["samples"]
    loudness = [report["energy"] / report["samples"] for report in (plain_report, loaded_report)]
    assert loudness[0] > 0
    assert 0.5 < loudness[1] / loudness[0] < 2


async def _listen(page: Page, sound: list[bytes]) -> dict[str, Any]:
    """What Chromium counts of a plain publisher's sound over a second and a half."""
    async with running_receiver() as receiver:
        await page.goto(receiver.url)
        await page.mouse.click(5, 5)  # sound wants a gesture
        publishing = asyncio.create_task(_publish_plain(receiver, sound))
        try:
            found = await page.evaluate(
                _LISTEN,
                {
                    "url": f"{receiver.url}/whep",
                    "token": receiver.token("bob", publish=False),
                    "seconds": 1.5,
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
