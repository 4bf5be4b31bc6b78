"""The one file that knows the insides of aiortc 1.16 and aioice 0.13.

`apply()` mends what every connection of ours needs; the other functions reach into one
connection for what the public interface does not offer. With another version of aiortc,
`apply()` warns once and patches nothing.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import aioice.ice
import aiortc
import aiortc.codecs.h264
import aiortc.codecs.vpx
import aiortc.rtcsctptransport
import OpenSSL.SSL
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.rtcdtlstransport import RTCCertificate
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtcsctptransport import (
    SCTP_DATA_UNORDERED,
    DataChunk,
    ForwardTsnChunk,
    InitChunk,
    RTCSctpTransport,
    SackChunk,
    serialize_packet,
)
from aiortc.rtp import RtcpRrPacket, RtcpSenderInfo, RtcpSrPacket, RtpPacket

from shared.clock import TICKS_PER_SECOND, ticks_difference, ticks_from_ntp
from shared.webrtc.rtcp_app import find_app, pack_app
from shared.webrtc.wire_counter import (
    IPV4_UDP_HEADER_BYTES,
    IPV6_UDP_HEADER_BYTES,
    WireCounter,
)

logger = logging.getLogger(__name__)

SUPPORTED_AIORTC = "1.16."

SCTP_INITIAL_RTO_SECONDS = 0.5
"""Instead of 3: under 10 % of loss the channels then open in seconds, not in half a minute."""

SCTP_MAX_INIT_RETRANSMISSIONS = 55
"""Half a minute of INITs, as before, at the shorter time-out."""

SCTP_SACK_DELAY_SECONDS = 0.19
"""What came is acknowledged after this time (RFC 9260, section 6.2: at most 0.2 s), together with
the next message our own way if there is one; aiortc answers each packet with one of its own,
which doubles the packets on a thin link."""

SCTP_UNACKNOWLEDGED_BYTES = 600
"""More than this is acknowledged at once, so that references do not wait for the window. The
RFC's every second packet, meant for full ones, would cost 2 kbit/s with parameters."""

SCTP_REPEATS_SECONDS = 2.0
"""After an ordered message gaps are told at once for so long: a reference may be on its way."""

SCTP_FORWARD_TSN_DELAY_SECONDS = 0.1
"""What was given up is told with the next message, or after this time."""

_SCTP_BUNDLE_MAX_BYTES = 1000
"""Larger messages travel alone, so that no packet outgrows the path."""

SCTP_MAX_REASSEMBLY_BYTES = 512 * 1024
"""Unfinished messages of one peer; aiortc announces a window but never enforces it."""

CONSENT_FAILURES = 60
"""Instead of 6: at 50 % of loss six unanswered checks in a row are common. Our own liveness
(30 s without a datagram) ends a connection that is really gone."""

EARLY_REPORT_SECONDS = (0.0, 0.1, 0.3)
"""When sender reports follow the first packet, before aiortc's own, one a second: a receiver
cannot place audio in time before it holds one, and any of them may be lost."""

_DTLS_CIPHERS = (
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
)
_SRTP_PROFILE = b"SRTP_AES128_CM_SHA1_80"

MAX_WAITING_DATAGRAMS = 512
"""Received and not yet read by DTLS. Anybody may send to an open port; aioice keeps everything."""

_OBSERVER = "_kilocall_observer"


@runtime_checkable
class CaptureTimed(Protocol):
    """A track that knows when what it sent last was captured."""

    @property
    def last_capture_time(self) -> int | None:
        """90 kHz ticks modulo 2^32 of the packet or frame that `recv` returned last."""


@dataclass(frozen=True, slots=True)
class RtpArrival:
    """An RTP packet as it came, before any jitter buffer."""

    payload: bytes
    payload_type: int
    codec: str
    """Lower-case name of the negotiated codec, "opus" for instance."""

    sequence_number: int
    timestamp: int
    ssrc: int
    arrival_ns: int
    """Monotonic."""

    marker: bool = False
    """The last packet of a picture, or the first after a pause in speech."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """The clock pair of an RTCP sender report (RFC 3550, section 6.4.1)."""

    ssrc: int
    capture_time: int
    """The NTP time of the report in 90 kHz ticks modulo 2^32."""

    timestamp: int
    """The RTP timestamp of the same moment."""


@dataclass(frozen=True, slots=True)
class _Bundle:
    """SCTP chunks of one packet, control first (RFC 9260, section 6.10)."""

    chunks: tuple[Any, ...]

    def __bytes__(self) -> bytes:
        return b"".join(bytes(chunk) for chunk in self.chunks)


@dataclass(frozen=True, slots=True)
class _ReportAndRider:
    """A compound RTCP packet (RFC 3550, section 6.1)."""

    report: RtcpRrPacket
    rider: bytes

    def __bytes__(self) -> bytes:
        return bytes(self.report) + pack_app(self.report.ssrc, self.rider)


@dataclass(frozen=True, slots=True)
class _DatagramObserver:
    counter: WireCounter
    on_received: Callable[[], None] | None


_applied: bool | None = None


def apply() -> bool:
    """Patch aiortc and aioice once for this process; False when their version is not known."""
    global _applied
    if _applied is None:
        _applied = aiortc.__version__.startswith(SUPPORTED_AIORTC)
        if _applied:
            _patch_dtls()
            _patch_sctp()
            _patch_ice()
            _patch_sender_reports()
        else:
            logger.warning(
                "aiortc %s is not patched, only %sx is known: channels may fail to open under loss",
                aiortc.__version__,
                SUPPORTED_AIORTC,
            )
    return _applied


def _patch_dtls() -> None:
    certificate: Any = RTCCertificate
    create_ssl_context = certificate._create_ssl_context

    def _create_ssl_context(self: Any, srtp_profiles: Any) -> Any:
        # First the profile with tags of 10 bytes (RFC 5764, section 4.1.2), which each WebRTC
        # endpoint has; those of aiortc's first choice have 16, 2.4 kbit/s at 50 packets a second.
        smallest = sorted(srtp_profiles, key=lambda p: p.openssl_profile != _SRTP_PROFILE)
        context = create_ssl_context(self, smallest)
        # The same suites as aiortc's, but first the one without eight bytes of nonce a record.
        context.set_cipher_list(_DTLS_CIPHERS)
        context.set_options(OpenSSL.SSL.OP_CIPHER_SERVER_PREFERENCE)
        return context

    certificate._create_ssl_context = _create_ssl_context


def _patch_sctp() -> None:
    aiortc.rtcsctptransport.SCTP_RTO_INITIAL = SCTP_INITIAL_RTO_SECONDS
    aiortc.rtcsctptransport.SCTP_MAX_INIT_RETRANS = SCTP_MAX_INIT_RETRANSMISSIONS

    transport: Any = RTCSctpTransport
    send_chunk = transport._send_chunk
    send_sack = transport._send_sack
    receive_data_chunk = transport._receive_data_chunk
    handle_data = transport._handle_data
    set_state = transport._set_state

    async def _send_chunk(self: Any, chunk: Any) -> None:
        # An INIT carries tag 0 (RFC 9260, section 8.5.1). aiortc puts the peer's tag into one
        # that it repeats after having seen the peer's own; the peer drops it, for ever.
        if isinstance(chunk, InitChunk):
            await self.transport._send_data(
                serialize_packet(self._local_port, self._remote_port, 0, chunk)
            )
        elif isinstance(chunk, ForwardTsnChunk) and self._kilocall_collected is None:
            # Says what was given up; nothing waits for it but the peer's bookkeeping.
            self._kilocall_forward_tsn = chunk
            if self._kilocall_forward_tsn_handle is None:
                self._kilocall_forward_tsn_handle = self._loop.call_later(
                    SCTP_FORWARD_TSN_DELAY_SECONDS, _later, self, _flush_forward_tsn
                )
        elif isinstance(chunk, DataChunk) and len(chunk.user_data) <= _SCTP_BUNDLE_MAX_BYTES:
            await send_chunk(self, _Bundle((*await _waiting_chunks(self), chunk)))
        elif isinstance(chunk, SackChunk) and self._kilocall_collected is not None:
            self._kilocall_collected.append(chunk)
        else:
            await send_chunk(self, chunk)

    async def _waiting_chunks(self: Any) -> list[Any]:
        """What waits for a packet to ride, control chunks that precede the data."""
        chunks: list[Any] = []
        if self._kilocall_sack_handle is not None:
            _cancel_sack(self)
            self._kilocall_collected = chunks
            try:
                await send_sack(self)
            finally:
                self._kilocall_collected = None
        if self._kilocall_forward_tsn is not None:
            chunks.append(self._kilocall_forward_tsn)
            _cancel_forward_tsn(self)
        return chunks

    async def _flush_forward_tsn(self: Any) -> None:
        chunk = self._kilocall_forward_tsn
        _cancel_forward_tsn(self)
        if chunk is not None:
            await send_chunk(self, chunk)

    def _cancel_forward_tsn(self: Any) -> None:
        self._kilocall_forward_tsn = None
        if self._kilocall_forward_tsn_handle is not None:
            self._kilocall_forward_tsn_handle.cancel()
            self._kilocall_forward_tsn_handle = None

    async def _send_sack(self: Any) -> None:
        # A gap matters at once where the lost packet will be repeated; parameters never are.
        repeats = self._loop.time() - self._kilocall_ordered_seconds < SCTP_REPEATS_SECONDS
        if (
            (self._sack_misordered and repeats)
            or self._sack_duplicates
            or self._kilocall_unacknowledged_bytes > SCTP_UNACKNOWLEDGED_BYTES
        ):
            _cancel_sack(self)
            await send_sack(self)
            return
        self._sack_needed = False
        if self._kilocall_sack_handle is None:
            self._kilocall_sack_handle = self._loop.call_later(
                SCTP_SACK_DELAY_SECONDS, _later, self, _flush_sack
            )

    async def _flush_sack(self: Any) -> None:
        _cancel_sack(self)
        await send_sack(self)

    def _later(self: Any, flush: Callable[[Any], Awaitable[None]]) -> None:
        async def run() -> None:
            try:
                await flush(self)
            except ConnectionError:
                logger.debug("SCTP chunk not sent: connection closed")

        # The loop holds only weak references to tasks.
        task = asyncio.ensure_future(run())
        self._kilocall_tasks.add(task)
        task.add_done_callback(self._kilocall_tasks.discard)

    def _cancel_sack(self: Any) -> None:
        self._kilocall_unacknowledged_bytes = 0
        if self._kilocall_sack_handle is not None:
            self._kilocall_sack_handle.cancel()
            self._kilocall_sack_handle = None

    async def _receive_data_chunk(self: Any, chunk: Any) -> None:
        if self._kilocall_overrun:
            return
        self._kilocall_unacknowledged_bytes += len(chunk.user_data)
        if not chunk.flags & SCTP_DATA_UNORDERED:
            self._kilocall_ordered_seconds = self._loop.time()
        await receive_data_chunk(self, chunk)
        held = 1024 * 1024 - self._advertised_rwnd
        if held > SCTP_MAX_REASSEMBLY_BYTES:
            logger.warning(
                "SCTP association aborted: %d bytes of unfinished messages, at most %d are held",
                held,
                SCTP_MAX_REASSEMBLY_BYTES,
            )
            self._kilocall_overrun = True
            await self._abort()
            self._set_state(self.State.CLOSED)

    async def _handle_data(self: Any, data: bytes) -> None:
        try:
            await handle_data(self, data)
        except ConnectionError:
            raise
        except Exception:
            # aiortc asserts what a peer should have sent, and would end the connection.
            logger.warning("SCTP packet of %d bytes dropped", len(data), exc_info=True)

    def _set_state(self: Any, state: Any) -> None:
        if state == self.State.CLOSED:
            _cancel_sack(self)
            _cancel_forward_tsn(self)
            self._inbound_streams.clear()
        set_state(self, state)

    # Each association gets its own from here on.
    transport._kilocall_sack_handle = None
    transport._kilocall_forward_tsn = None
    transport._kilocall_forward_tsn_handle = None
    transport._kilocall_collected = None
    transport._kilocall_unacknowledged_bytes = 0
    transport._kilocall_ordered_seconds = -math.inf
    transport._kilocall_tasks = set()
    transport._kilocall_overrun = False
    transport._send_chunk = _send_chunk
    transport._send_sack = _send_sack
    transport._receive_data_chunk = _receive_data_chunk
    transport._handle_data = _handle_data
    transport._set_state = _set_state


def _patch_ice() -> None:
    aioice.ice.CONSENT_FAILURES = CONSENT_FAILURES
    get_host_addresses = aioice.ice.get_host_addresses

    def addresses_or_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        # aioice leaves loopback out, so that without a network no call is possible at all.
        return get_host_addresses(use_ipv4, use_ipv6) or ["127.0.0.1"]

    aioice.ice.get_host_addresses = addresses_or_loopback

    protocol: Any = aioice.ice.StunProtocol
    datagram_received = protocol.datagram_received
    send_data = protocol.send_data
    send_stun = protocol.send_stun

    def _datagram_received(self: Any, data: bytes, addr: tuple[Any, ...]) -> None:
        # aiortc ends a connection over an empty datagram, whoever sent it.
        if not data or self.receiver._queue.qsize() >= MAX_WAITING_DATAGRAMS:
            return
        observer: _DatagramObserver | None = getattr(self.receiver, _OBSERVER, None)
        if observer is not None:
            observer.counter.received(data, _header_bytes(addr))
            if observer.on_received is not None:
                observer.on_received()
        datagram_received(self, data, addr)

    async def _send_data(self: Any, data: bytes, addr: tuple[str, int]) -> None:
        observer: _DatagramObserver | None = getattr(self.receiver, _OBSERVER, None)
        if observer is not None:
            observer.counter.sent(data, _header_bytes(addr))
        await send_data(self, data, addr)

    def _send_stun(self: Any, message: Any, addr: tuple[str, int]) -> None:
        observer: _DatagramObserver | None = getattr(self.receiver, _OBSERVER, None)
        if observer is not None:
            observer.counter.sent(bytes(message), _header_bytes(addr))
        send_stun(self, message, addr)

    protocol.datagram_received = _datagram_received
    protocol.send_data = _send_data
    protocol.send_stun = _send_stun


def _header_bytes(addr: tuple[Any, ...]) -> int:
    return IPV6_UDP_HEADER_BYTES if ":" in addr[0] else IPV4_UDP_HEADER_BYTES


def _patch_sender_reports() -> None:
    sender: Any = RTCRtpSender
    run_rtcp = sender._run_rtcp
    send_rtcp = sender._send_rtcp
    next_encoded_frame = sender._next_encoded_frame

    async def _next_encoded_frame(self: Any, codec: Any) -> Any:
        frame = await next_encoded_frame(self, codec)
        # Encoding takes a while, so only now do the capture time and what is sent next agree.
        track = self.track
        self._kilocall_capture_time = (
            track.last_capture_time if isinstance(track, CaptureTimed) else None
        )
        if frame is not None and not hasattr(self, "_kilocall_early_reports"):
            # Runs once this frame is on its way.
            self._kilocall_early_reports = asyncio.ensure_future(_send_early_reports(self))
        return frame

    async def _send_rtcp(self: Any, packets: list[Any]) -> None:
        first = packets[0]
        if isinstance(first, RtcpSrPacket):
            # Only who has sent media sends sender reports (RFC 3550, section 6.4); aiortc
            # sends them from empty tracks too, a kilobit per second of nothing.
            if first.sender_info.packet_count == 0:
                return
            first.sender_info = _captured_report(self, first.sender_info)
        await send_rtcp(self, packets)

    async def _run_rtcp(self: Any) -> None:
        await run_rtcp(self)
        early = getattr(self, "_kilocall_early_reports", None)
        if early is not None:
            early.cancel()

    sender._kilocall_capture_time = None
    sender._next_encoded_frame = _next_encoded_frame
    sender._send_rtcp = _send_rtcp
    sender._run_rtcp = _run_rtcp


def _captured_report(sender: Any, info: RtcpSenderInfo) -> RtcpSenderInfo:
    """Aim the report at the moment of capture.

    aiortc pairs the last RTP timestamp with the time of sending. The NTP half must stay, as
    round trips are measured by it, so the RTP half is moved to what the RTP clock of the
    capture showed (or will show) at that time.
    """
    if sender._kilocall_capture_time is None:
        return info
    clock_rate = 48_000 if sender.kind == "audio" else TICKS_PER_SECOND
    ahead = ticks_difference(ticks_from_ntp(info.ntp_timestamp), sender._kilocall_capture_time)
    info.rtp_timestamp = (info.rtp_timestamp + ahead * clock_rate // TICKS_PER_SECOND) % 2**32
    return info


async def _send_early_reports(sender: Any) -> None:
    elapsed = 0.0
    for moment in EARLY_REPORT_SECONDS:
        await asyncio.sleep(moment - elapsed)
        elapsed = moment
        info = RtcpSenderInfo(
            ntp_timestamp=sender._RTCRtpSender__ntp_timestamp,
            rtp_timestamp=sender._RTCRtpSender__rtp_timestamp,
            packet_count=sender._RTCRtpSender__packet_count & 0xFFFFFFFF,
            octet_count=sender._RTCRtpSender__octet_count & 0xFFFFFFFF,
        )
        await sender._send_rtcp([RtcpSrPacket(ssrc=sender._ssrc, sender_info=info)])


def limit_video_bitrate(maximum_bps: int) -> None:
    """Cap the video encoders of this process that are created from now on.

    They start at the cap and obey the viewer's REMB below it, down to a half.
    """
    modules: tuple[Any, ...] = (aiortc.codecs.vpx, aiortc.codecs.h264)
    for module in modules:
        module.MIN_BITRATE = maximum_bps // 2
        module.DEFAULT_BITRATE = maximum_bps
        module.MAX_BITRATE = maximum_bps


def tap_rtp(receiver: RTCRtpReceiver, on_packet: Callable[[RtpArrival], None]) -> None:
    """Hand each RTP packet of `receiver` to `on_packet` instead of buffering and decoding it.

    Loss and jitter still go into the receiver reports. To be called before packets come.
    """
    internals: Any = receiver
    streams: dict[int, StreamStatistics] = internals._RTCRtpReceiver__remote_streams
    codecs: dict[int, Any] = internals._RTCRtpReceiver__codecs

    async def _handle_rtp_packet(packet: RtpPacket, arrival_time_ms: int) -> None:
        codec = codecs.get(packet.payload_type)
        if codec is None:
            return
        if packet.ssrc not in streams:
            # One sender has one SSRC at a time; an endless row of them is no sender.
            while len(streams) >= 4:
                del streams[next(iter(streams))]
            streams[packet.ssrc] = StreamStatistics(codec.clockRate)
        streams[packet.ssrc].add(packet)
        on_packet(
            RtpArrival(
                payload=packet.payload,
                payload_type=packet.payload_type,
                codec=codec.name.lower(),
                sequence_number=packet.sequence_number,
                timestamp=packet.timestamp,
                ssrc=packet.ssrc,
                arrival_ns=time.monotonic_ns(),
                marker=bool(packet.marker),
            )
        )

    internals._handle_rtp_packet = _handle_rtp_packet


def tap_sender_reports(receiver: RTCRtpReceiver, on_report: Callable[[SenderReport], None]) -> None:
    """Tell `on_report` the clock pair of each RTCP sender report that `receiver` gets."""
    internals: Any = receiver
    handle_rtcp_packet = internals._handle_rtcp_packet

    async def _handle_rtcp_packet(packet: Any) -> None:
        if isinstance(packet, RtcpSrPacket) and packet.sender_info.ntp_timestamp != 0:
            on_report(
                SenderReport(
                    ssrc=packet.ssrc,
                    capture_time=ticks_from_ntp(packet.sender_info.ntp_timestamp),
                    timestamp=packet.sender_info.rtp_timestamp,
                )
            )
        await handle_rtcp_packet(packet)

    internals._handle_rtcp_packet = _handle_rtcp_packet


def ride_receiver_reports(receiver: RTCRtpReceiver, next_rider: Callable[[], bytes | None]) -> None:
    """Let what `next_rider` returns ride in each RTCP receiver report of `receiver`.

    They leave every 0.5 to 1.5 s while media comes: no packet is added for it.
    """
    internals: Any = receiver
    send_rtcp = internals._send_rtcp

    async def _send_rtcp(packet: Any) -> None:
        rider = next_rider() if isinstance(packet, RtcpRrPacket) else None
        await send_rtcp(packet if rider is None else _ReportAndRider(packet, rider))

    internals._send_rtcp = _send_rtcp


def tap_riders(sender: RTCRtpSender, on_rider: Callable[[bytes], None]) -> None:
    """Hand what rides in the RTCP packets of `sender`'s connection to `on_rider`."""
    transport: Any = sender.transport
    handle_rtcp_data = transport._handle_rtcp_data

    async def _handle_rtcp_data(data: bytes) -> None:
        rider = find_app(data)
        if rider is not None:
            on_rider(rider)
        await handle_rtcp_data(data)

    transport._handle_rtcp_data = _handle_rtcp_data


async def request_key_picture(connection: RTCPeerConnection) -> None:
    """Send a picture loss indication (RFC 4585, section 6.3.1) for each video that comes in."""
    for receiver in connection.getReceivers():
        internals: Any = receiver
        if internals._RTCRtpReceiver__kind == "video":
            for ssrc in internals._RTCRtpReceiver__remote_streams:
                await internals._send_rtcp_pli(ssrc)


def clock_pair(sender: RTCRtpSender) -> tuple[int, int] | None:
    """(RTP timestamp, capture time in ticks) of what `sender` sent last; None before that."""
    internals: Any = sender
    if internals._RTCRtpSender__packet_count == 0 or internals._kilocall_capture_time is None:
        return None
    return internals._RTCRtpSender__rtp_timestamp, internals._kilocall_capture_time


def round_trip_seconds(sender: RTCRtpSender) -> float | None:
    """The round trip that RTCP measured; None before the first receiver report."""
    internals: Any = sender
    return internals._RTCRtpSender__rtt


def is_overrun(connection: RTCPeerConnection) -> bool:
    """Whether the peer sent messages without end, so that its channels were closed."""
    internals: Any = connection.sctp
    return bool(getattr(internals, "_kilocall_overrun", False))


def count_datagrams(
    connection: RTCPeerConnection,
    counter: WireCounter,
    on_received: Callable[[], None] | None = None,
) -> None:
    """Count every datagram of `connection` at its UDP sockets; `on_received` shows life.

    To be called when the media and channels exist, so before the first description is set.
    What TURN adds around a datagram is not counted.
    """
    observer = _DatagramObserver(counter, on_received)
    for transport in _ice_transports(connection):
        setattr(transport._connection, _OBSERVER, observer)


def label_video(connection: RTCPeerConnection, counter: WireCounter) -> None:
    """Tell `counter` which payload types and SSRCs are video; once both descriptions are set."""
    payload_types: set[int] = set()
    ssrcs: set[int] = set()
    for transceiver in connection.getTransceivers():
        if transceiver.kind == "video":
            internals: Any = transceiver
            payload_types.update(codec.payloadType for codec in internals._codecs)
            ssrcs.add(internals.sender._ssrc)
    counter.set_video(frozenset(payload_types), frozenset(ssrcs))


def _ice_transports(connection: RTCPeerConnection) -> set[Any]:
    internals: Any = connection
    return set(internals._RTCPeerConnection__iceTransports)
