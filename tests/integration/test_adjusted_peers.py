"""Our adjusted aiortc calls itself, aiortc as it comes, and Chromium, over good links and bad."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.link_model import LinkConditions
from shared.webrtc.audio import OpusPacket, OpusPacketTrack
from shared.webrtc.channel import CONTROL, PARAMETERS
from shared.webrtc.opus_sdp import OpusPreferences, prefer_opus
from shared.webrtc.peer import Peer, PeerState
from tests.adjusted import adjust
from tests.integration.browser import browser_page
from tests.integration.lossy_relay import LossyRelay, lossy_relay
from tests.integration.receiver_process import until

adjust()

KINDS = (CONTROL, PARAMETERS)
CONNECT_SECONDS = 20.0
PLAIN_PEER = Path(__file__).parent / "plain_peer.py"
Exchange = Callable[[str], Any]


@dataclass
class End:
    """Our side of a connection, and what it heard."""

    peer: Peer
    track: OpusPacketTrack
    control: list[bytes] = field(default_factory=list)
    parameters: list[bytes] = field(default_factory=list)

    def agreed(self) -> tuple[str, bytes]:
        """Cipher of the channels and profile of the media."""
        internals: Any = self.peer.connection.sctp
        connection = internals.transport._ssl
        return connection.get_cipher_name(), connection.get_selected_srtp_profile()


@asynccontextmanager
async def our_end() -> AsyncIterator[End]:
    end = End(Peer(), OpusPacketTrack())
    try:
        yield end
    finally:
        await end.peer.close()


def publish(end: End) -> None:
    """As the sender does before its offer, but that its sound goes out at once."""
    end.peer.connection.addTransceiver(end.track, direction="sendonly")
    end.peer.create_channel(CONTROL, end.control.append)
    end.peer.create_channel(PARAMETERS, end.parameters.append)


def accept(end: End) -> None:
    """As the receiver does."""
    end.peer.accept_channels([(CONTROL, end.control.append), (PARAMETERS, end.parameters.append)])


async def call(caller: End, callee: End, relay: LossyRelay) -> None:
    publish(caller)
    accept(callee)
    offer = prefer_opus(await caller.peer.offer(), OpusPreferences())
    await callee.peer.accept_offer(relay.offer_by_relay(offer))
    await caller.peer.accept_answer(relay.answer_by_relay(await callee.peer.answer()))
    for end in (caller, callee):
        await end.peer.wait_open(KINDS, CONNECT_SECONDS)


async def exchange_messages(end: End) -> None:
    """The other side echoes: references in order and paced, parameters of every size."""
    references = [bytes([number]) * 900 for number in range(20)]
    waiting = references[::-1]
    channel = end.peer.channel(CONTROL)
    assert channel is not None
    for size in range(1, 61):
        if waiting and channel.buffered_bytes == 0:
            assert end.peer.send(CONTROL, waiting.pop())
        assert end.peer.send(PARAMETERS, bytes(size))
        await asyncio.sleep(0.01)
    await until(lambda: len(end.control) == len(references))
    assert end.control == references


async def test_a_call_with_ourselves_costs_what_is_promised() -> None:
    async with our_end() as caller, our_end() as callee, lossy_relay() as relay:
        await call(caller, callee, relay)
        assert caller.agreed() == ("ECDHE-ECDSA-CHACHA20-POLY1305", b"SRTP_AES128_CM_SHA1_32")
        await asyncio.sleep(0.5)  # what opening left to acknowledge
        before = caller.peer.wire.snapshot()
        for _ in range(20):
            assert caller.peer.send(PARAMETERS, bytes(24))
            caller.track.put(OpusPacket(bytes(40), 960, 0))
            await asyncio.sleep(0.02)
        await until(lambda: len(callee.parameters) == 20)
        counted = caller.peer.wire.snapshot() - before
        # IP 20, UDP 8, record 13 + 16, SCTP 12, DATA 16 and the message.
        assert counted.data_sent.packets == 20
        assert counted.data_sent.bytes == 20 * (85 + 24)
        assert counted.data_received.packets <= 3
        # IP 20, UDP 8, RTP 12, tag 4, and at most three reports.
        assert 20 * 84 <= counted.audio_sent.bytes <= 20 * 84 + 3 * 100


@asynccontextmanager
async def plain_peer(role: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PLAIN_PEER),
        role,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _say(process: asyncio.subprocess.Process, message: dict[str, str]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message).encode() + b"\n")
    await process.stdin.drain()


async def _hear(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout is not None
    return json.loads(await process.stdout.readline())


async def _connect_plain(
    end: End, role: str, process: asyncio.subprocess.Process, relay: LossyRelay
) -> None:
    if role == "answer":
        publish(end)
        offer = prefer_opus(await end.peer.offer(), OpusPreferences())
        await _say(process, {"type": "offer", "sdp": relay.offer_by_relay(offer)})
        answer = (await _hear(process))["sdp"]
        await end.peer.accept_answer(relay.answer_by_relay(answer))
    else:
        accept(end)
        await end.peer.accept_offer(relay.offer_by_relay((await _hear(process))["sdp"]))
        for transceiver in end.peer.connection.getTransceivers():
            transceiver.sender.replaceTrack(end.track)
            transceiver.direction = "sendonly"
        answer = relay.answer_by_relay(await end.peer.answer())
        await _say(process, {"type": "answer", "sdp": answer})
    await end.peer.wait_open(KINDS, CONNECT_SECONDS)


@pytest.mark.parametrize("role", ["answer", "offer"])
async def test_aiortc_as_it_comes_is_understood(role: str) -> None:
    async with our_end() as end, plain_peer(role) as process, lossy_relay() as relay:
        await _connect_plain(end, role, process, relay)
        for _ in range(10):
            end.track.put(OpusPacket(bytes(40), 960, 0))
        await exchange_messages(end)
        await until(lambda: len(end.parameters) == 60)
        await _say(process, {})
        agreed = await _hear(process)
    assert agreed["cipher"] == "ECDHE-ECDSA-CHACHA20-POLY1305"
    assert agreed["srtp"] == "SRTP_AES128_CM_SHA1_80"
    assert agreed["heard"] == 10
    assert not agreed["adjusted"]


async def test_aiortc_as_it_comes_is_understood_over_a_bad_link() -> None:
    async with our_end() as end, plain_peer("answer") as process, lossy_relay() as relay:
        await _connect_plain(end, "answer", process, relay)
        relay.impair(LinkConditions(loss=0.2, delay_ms=20, jitter_ms=10))
        await exchange_messages(end)
        assert 20 <= len(end.parameters) <= 60


_CONNECT = """
async ({offer, answer}) => {
  const connection = globalThis.connection ??= new RTCPeerConnection();
  globalThis.heard = 0;
  const echo = (channel) => {
    channel.binaryType = "arraybuffer";
    channel.onmessage = (event) => { globalThis.heard += 1; channel.send(event.data); };
  };
  const candidates = () => new Promise((resolve) => {
    const done = () => connection.iceGatheringState === "complete" && resolve();
    connection.onicegatheringstatechange = done;
    done();
  });
  if (answer) {
    await connection.setRemoteDescription({type: "answer", sdp: answer});
    return "";
  }
  if (offer) {
    connection.ondatachannel = (event) => echo(event.channel);
    await connection.setRemoteDescription({type: "offer", sdp: offer});
    await connection.setLocalDescription();
  } else {
    echo(connection.createDataChannel("control"));
    echo(connection.createDataChannel("parameters", {ordered: false, maxRetransmits: 0}));
    connection.addTransceiver("audio", {direction: "recvonly"});
    await connection.setLocalDescription();
  }
  await candidates();
  return connection.localDescription.sdp;
}
"""

_AGREED = """
async () => {
  const agreed = {packets: 0};
  for (const report of (await globalThis.connection.getStats()).values()) {
    if (report.type === "transport") {
      agreed.cipher = report.dtlsCipher;
      agreed.srtp = report.srtpCipher;
    }
    if (report.type === "inbound-rtp") agreed.packets += report.packetsReceived;
  }
  return agreed;
}
"""


async def _connect_browser(end: End, role: str, page: Any, relay: LossyRelay) -> None:
    if role == "answer":
        publish(end)
        offer = relay.offer_by_relay(prefer_opus(await end.peer.offer(), OpusPreferences()))
        answer = await page.evaluate(_CONNECT, {"offer": offer})
        await end.peer.accept_answer(relay.answer_by_relay(answer))
    else:
        accept(end)
        offer = await page.evaluate(_CONNECT, {})
        await end.peer.accept_offer(relay.offer_by_relay(offer))
        for transceiver in end.peer.connection.getTransceivers():
            transceiver.sender.replaceTrack(end.track)
            transceiver.direction = "sendonly"
        answer = relay.answer_by_relay(await end.peer.answer())
        await page.evaluate(_CONNECT, {"answer": answer})
    await end.peer.wait_open(KINDS, CONNECT_SECONDS)


@pytest.mark.parametrize("role", ["answer", "offer"])
async def test_chromium_is_understood(role: str) -> None:
    async with browser_page() as browser, our_end() as end, lossy_relay() as relay:
        await _connect_browser(end, role, browser.page, relay)
        for _ in range(10):
            end.track.put(OpusPacket(b"\xfc\xff\xfe", 960, 0))
        await exchange_messages(end)
        await until(lambda: len(end.parameters) == 60)
        agreed = await browser.page.evaluate(_AGREED)
        assert not browser.problems
    assert "CHACHA20_POLY1305" in agreed["cipher"]
    assert agreed["srtp"] == "SRTP_AES128_CM_HMAC_SHA1_80"
    assert agreed["packets"] == 10


async def test_chromium_is_understood_over_a_bad_link() -> None:
    async with browser_page() as browser, our_end() as end, lossy_relay() as relay:
        await _connect_browser(end, "offer", browser.page, relay)
        relay.impair(LinkConditions(loss=0.2, delay_ms=20, jitter_ms=10))
        await exchange_messages(end)
        assert 20 <= len(end.parameters) <= 60


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("minutes", [1, 10])
async def test_a_call_holds_at_half_of_all_datagrams_lost(minutes: int) -> None:
    clock = asyncio.get_running_loop().time
    async with our_end() as caller, our_end() as callee, lossy_relay(seed=5) as relay:
        await call(caller, callee, relay)
        relay.impair(LinkConditions(loss=0.5, delay_ms=30, jitter_ms=5))
        began = clock()
        for minute in range(minutes):
            heard = len(callee.parameters), len(caller.parameters)
            assert caller.peer.send(CONTROL, b"minute")
            for tick in range(750):
                caller.peer.send(PARAMETERS, bytes(24))
                if tick % 4 == 0:
                    callee.peer.send(PARAMETERS, bytes(11))
                await asyncio.sleep(max(0.0, began + 60 * minute + 0.08 * (tick + 1) - clock()))
            assert caller.peer.state is callee.peer.state is PeerState.CONNECTED
            assert 0.4 * 750 < len(callee.parameters) - heard[0] < 0.6 * 750
            assert 0.3 * 188 < len(caller.parameters) - heard[1] < 0.7 * 188
            assert len(callee.control) == minute + 1
