"""Each patch of aiortc does what aiortc alone does not."""

import asyncio
import logging
from typing import Any

import aioice
import aioice.ice
import aiortc
import aiortc.rtcsctptransport as sctp
import ifaddr
import OpenSSL.SSL
import pytest
from aiortc import RTCRtpReceiver, RTCRtpSender
from aiortc.codecs import CODECS
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCCertificate
from aiortc.rtp import RtcpByePacket, RtcpRrPacket, RtcpSenderInfo, RtcpSrPacket

from shared.clock import ticks_from_ntp
from shared.webrtc import aiortc_patches
from shared.webrtc.audio import OpusPacket, OpusPacketTrack

aiortc_patches.apply()


class Wire:
    """Stands where SCTP and RTP expect their DTLS transport."""

    state = "connected"
    _role = "client"

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def _send_data(self, data: bytes) -> None:
        self.sent.append(data)

    async def _send_rtp(self, data: bytes) -> None:
        self.sent.append(data)


class StillLoop:
    """Keeps timers instead of running them."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Any, tuple[Any, ...]]] = []

    def time(self) -> float:
        return 1000.0

    def call_later(self, delay: float, callback: Any, *arguments: Any) -> asyncio.TimerHandle:
        self.timers.append((delay, callback, arguments))
        return asyncio.get_running_loop().call_later(3600, print)


@pytest.fixture
async def transport() -> Any:
    transport: Any = sctp.RTCSctpTransport(Wire())  # type: ignore[arg-type]
    transport._remote_port = 5000
    transport._loop = StillLoop()
    return transport


def chunks(wire: Wire) -> list[Any]:
    return [chunk for data in wire.sent for chunk in sctp.parse_packet(data)[3]]


async def test_an_init_carries_tag_0_even_after_the_peers_own_init(transport: Any) -> None:
    transport._remote_verification_tag = 7
    await transport._send_chunk(sctp.InitChunk())
    await transport._send_chunk(sctp.CookieAckChunk())
    tags = [sctp.parse_packet(data)[2] for data in transport.transport.sent]
    assert tags == [0, 7]


async def test_lost_handshakes_are_repeated_soon(transport: Any) -> None:
    assert transport._rto == aiortc_patches.SCTP_INITIAL_RTO_SECONDS


async def test_what_came_is_acknowledged_together_after_a_moment(transport: Any) -> None:
    transport._last_received_tsn = 1
    for _ in range(3):
        await transport._send_sack()
    assert not transport.transport.sent
    ((delay, callback, arguments),) = transport._loop.timers
    assert delay <= 0.2
    callback(*arguments)
    await asyncio.sleep(0)
    (sack,) = chunks(transport.transport)
    assert isinstance(sack, sctp.SackChunk)


async def test_an_acknowledgement_rides_the_next_message(transport: Any) -> None:
    transport._last_received_tsn = 5
    await transport._send_sack()
    message = sctp.DataChunk()
    message.user_data = b"abc"
    await transport._send_chunk(message)
    await transport._send_chunk(message)
    packets: list[list[Any]] = [sctp.parse_packet(d)[3] for d in transport.transport.sent]
    first, second = packets
    assert [type(chunk) for chunk in first] == [sctp.SackChunk, sctp.DataChunk]
    assert first[0].cumulative_tsn == 5
    assert first[1].user_data == b"abc"
    assert [type(chunk) for chunk in second] == [sctp.DataChunk]


async def test_large_messages_are_acknowledged_at_once(transport: Any) -> None:
    transport._last_received_tsn = 0
    transport._association_state = transport.State.ESTABLISHED
    for tsn, size in ((1, 24), (2, 1200)):
        chunk = sctp.DataChunk(flags=sctp.SCTP_DATA_FIRST_FRAG | sctp.SCTP_DATA_LAST_FRAG)
        chunk.tsn, chunk.stream_id, chunk.user_data = tsn, 1, bytes(size)
        await transport._receive_data_chunk(chunk)
        await transport._send_sack()
        assert len(transport.transport.sent) == tsn - 1


async def test_gaps_are_told_at_once_where_the_lost_packet_will_be_repeated(
    transport: Any,
) -> None:
    transport._association_state = transport.State.ESTABLISHED
    transport._last_received_tsn = 0
    unordered, ordered = (
        sctp.DataChunk(flags=sctp.SCTP_DATA_FIRST_FRAG | sctp.SCTP_DATA_LAST_FRAG | flag)
        for flag in (sctp.SCTP_DATA_UNORDERED, 0)
    )
    for tsn, chunk, sent in ((2, unordered, 0), (4, ordered, 1), (6, unordered, 2)):
        chunk.tsn, chunk.stream_id, chunk.user_data = tsn, tsn, b"abc"
        await transport._receive_data_chunk(chunk)
        await transport._send_sack()
        assert len(transport.transport.sent) == sent


async def test_what_was_given_up_rides_the_next_message_or_goes_alone(transport: Any) -> None:
    given_up = sctp.ForwardTsnChunk()
    given_up.cumulative_tsn, given_up.streams = 7, []
    message = sctp.DataChunk()
    message.user_data = b"abc"
    await transport._send_chunk(given_up)
    assert not transport.transport.sent
    await transport._send_chunk(message)
    await transport._send_chunk(given_up)
    _, callback, arguments = transport._loop.timers[-1]
    callback(*arguments)
    await asyncio.sleep(0)
    together, alone = (sctp.parse_packet(data)[3] for data in transport.transport.sent)
    assert [type(chunk) for chunk in together] == [sctp.ForwardTsnChunk, sctp.DataChunk]
    assert [type(chunk) for chunk in alone] == [sctp.ForwardTsnChunk]


async def test_a_message_that_never_ends_ends_the_association(transport: Any) -> None:
    transport._association_state = transport.State.ESTABLISHED
    transport._last_received_tsn = 0
    for tsn in range(1, 1200):
        chunk = sctp.DataChunk(flags=sctp.SCTP_DATA_FIRST_FRAG if tsn == 1 else 0)
        chunk.tsn, chunk.stream_id, chunk.user_data = tsn, 1, bytes(1000)
        await transport._receive_data_chunk(chunk)
        if transport._association_state == transport.State.CLOSED:
            break
    assert tsn == aiortc_patches.SCTP_MAX_REASSEMBLY_BYTES // 1000 + 1
    assert not transport._inbound_streams
    assert isinstance(chunks(transport.transport)[-1], sctp.AbortChunk)


async def test_a_packet_that_breaks_the_rules_is_dropped(
    transport: Any, caplog: pytest.LogCaptureFixture
) -> None:
    two_inits: Any = aiortc_patches._Bundle((sctp.InitChunk(), sctp.InitChunk()))
    await transport._handle_data(sctp.serialize_packet(1, 2, 0, two_inits))
    assert caplog.messages == ["SCTP packet of 52 bytes dropped"]


async def test_strangers_datagrams_neither_end_a_connection_nor_pile_up() -> None:
    connection = aioice.ice.Connection(ice_controlling=True)
    protocol = aioice.ice.StunProtocol(connection)
    protocol.local_candidate = aioice.Candidate("f", 1, "udp", 1, "127.0.0.1", 1, "host")
    protocol.datagram_received(b"", ("127.0.0.1", 2))
    assert connection._queue.empty()
    for _ in range(1000):
        protocol.datagram_received(b"\x80 nonsense", ("127.0.0.1", 2))
    assert connection._queue.qsize() == aiortc_patches.MAX_WAITING_DATAGRAMS


def test_the_cipher_with_the_smallest_records_comes_first() -> None:
    certificate: Any = RTCCertificate.generateCertificate()
    connection = OpenSSL.SSL.Connection(certificate._create_ssl_context(SRTP_PROFILES))
    dtls_1_2 = [name for name in connection.get_cipher_list() if name.startswith("ECDHE")]
    assert dtls_1_2[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"


def test_the_srtp_profile_with_the_smallest_tags_comes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offered: list[bytes] = []
    monkeypatch.setattr(
        OpenSSL.SSL.Context, "set_tlsext_use_srtp", lambda self, profiles: offered.append(profiles)
    )
    certificate: Any = RTCCertificate.generateCertificate()
    certificate._create_ssl_context(SRTP_PROFILES)
    names = offered[0].split(b":")
    assert names[0] == b"SRTP_AES128_CM_SHA1_80"
    assert sorted(names) == sorted(profile.openssl_profile for profile in SRTP_PROFILES)


async def test_what_rides_in_receiver_reports_reaches_the_other_side() -> None:
    wire = Wire()
    receiver: Any = RTCRtpReceiver("audio", wire)  # type: ignore[arg-type]
    riders = iter([b"first", None])
    aiortc_patches.ride_receiver_reports(receiver, lambda: next(riders))
    report = RtcpRrPacket(ssrc=1, reports=[])
    await receiver._send_rtcp(report)
    await receiver._send_rtcp(report)
    await receiver._send_rtcp(RtcpByePacket(sources=[1]))  # asks for no rider
    assert [len(data) for data in wire.sent] == [len(bytes(report)) + 20, len(bytes(report)), 8]

    heard: list[bytes] = []
    passed_on: list[bytes] = []

    async def handle(data: bytes) -> None:
        passed_on.append(data)

    other: Any = Wire()
    other._handle_rtcp_data = handle
    sender = RTCRtpSender("audio", other)
    aiortc_patches.tap_riders(sender, heard.append)
    for data in wire.sent:
        await other._handle_rtcp_data(data)
    assert heard == [b"first"]
    assert passed_on == wire.sent


def test_loopback_serves_where_there_is_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ifaddr, "get_adapters", list)
    assert aioice.ice.get_host_addresses(True, True) == ["127.0.0.1"]


def test_a_minute_without_consent_is_survived() -> None:
    assert aioice.ice.CONSENT_FAILURES * aioice.ice.CONSENT_INTERVAL >= 60


def test_video_is_capped() -> None:
    before = Vp8Encoder().target_bitrate
    try:
        aiortc_patches.limit_video_bitrate(200_000)
        encoder = Vp8Encoder()
        assert encoder.target_bitrate == 200_000
        encoder.target_bitrate = 5_000_000
        assert encoder.target_bitrate == 200_000
    finally:
        aiortc_patches.limit_video_bitrate(before)


async def test_reports_of_senders_that_sent_nothing_stay_home() -> None:
    wire = Wire()
    sender: Any = RTCRtpSender("video", wire)  # type: ignore[arg-type]
    info = RtcpSenderInfo(ntp_timestamp=1 << 32, rtp_timestamp=0, packet_count=0, octet_count=0)
    await sender._send_rtcp([RtcpSrPacket(ssrc=1, sender_info=info)])
    assert not wire.sent


async def test_reports_pair_the_time_of_sending_with_the_rtp_clock_of_capture() -> None:
    wire = Wire()
    track = OpusPacketTrack()
    sender: Any = RTCRtpSender(track, wire)  # type: ignore[arg-type]
    sent_ntp = 3_900_000_000 << 32
    captured = (ticks_from_ntp(sent_ntp) - 9000) % 2**32  # 100 ms before it was sent
    track.put(OpusPacket(b"x", 960, captured))
    await sender._next_encoded_frame(CODECS["audio"][0])
    info = RtcpSenderInfo(
        ntp_timestamp=sent_ntp, rtp_timestamp=2**32 - 1, packet_count=1, octet_count=1
    )
    await sender._send_rtcp([RtcpSrPacket(ssrc=1, sender_info=info)])
    assert info.ntp_timestamp == sent_ntp
    assert abs(info.rtp_timestamp - (4800 - 1)) <= 2
    assert len(wire.sent) == 1


def test_another_version_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(aiortc, "__version__", "2.0.0")
    monkeypatch.setattr(aiortc_patches, "_applied", None)
    with caplog.at_level(logging.WARNING):
        assert not aiortc_patches.apply()
        assert not aiortc_patches.apply()
    assert caplog.messages == [
        "aiortc 2.0.0 is not patched, only 1.16.x is known: channels may fail to open under loss"
    ]
