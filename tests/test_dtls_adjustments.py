"""Encryption agrees on the fewest bytes, and a handshake gets through loss."""

import asyncio
from collections.abc import Iterator
from typing import Any

import OpenSSL.SSL
import pytest
from aiortc import rtcdtlstransport
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport

from shared.webrtc.aiortc.dtls_flights import REPEAT_SECONDS
from tests.adjusted import adjust

adjust()


def test_the_cipher_with_the_smallest_records_comes_first() -> None:
    certificate: Any = RTCCertificate.generateCertificate()
    context = certificate._create_ssl_context(rtcdtlstransport.SRTP_PROFILES)
    names = OpenSSL.SSL.Connection(context).get_cipher_list()
    dtls_1_2 = [name for name in names if name.startswith("ECDHE")]
    assert dtls_1_2[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"


class _Path:
    """Stands where DTLS expects its ICE transport; what it loses is chosen by number."""

    role = "controlling"

    def __init__(self, lost: Iterator[bool]) -> None:
        self.sent: list[bytes] = []
        self.other: _Path | None = None
        self._lost = lost
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def _send(self, datagram: bytes) -> None:
        self.sent.append(datagram)
        if self.other is not None and not next(self._lost):
            self.other._arrived.put_nowait(datagram)

    async def _recv(self) -> bytes:
        return await self._arrived.get()


def _pair(client_loses: Iterator[bool], server_loses: Iterator[bool]) -> tuple[Any, Any]:
    """Transports of a client and a server that hear each other."""
    paths = _Path(client_loses), _Path(server_loses)
    paths[0].other, paths[1].other = paths[1], paths[0]
    transports: list[Any] = []
    for path, role in zip(paths, ("client", "server"), strict=True):
        certificate = RTCCertificate.generateCertificate()
        transport: Any = RTCDtlsTransport(path, [certificate])  # type: ignore[arg-type]
        transport._set_role(role)
        transports.append(transport)
    return transports[0], transports[1]


async def _connect(client: Any, server: Any) -> None:
    await asyncio.gather(
        client.start(server.getLocalParameters()), server.start(client.getLocalParameters())
    )


def _nothing() -> Iterator[bool]:
    while True:
        yield False


async def test_both_sides_agree_on_the_shortest_tags() -> None:
    client, server = _pair(_nothing(), _nothing())
    await _connect(client, server)
    packet = bytes([128, 0]) + bytes(10) + b"sound"
    for transport in (client, server):
        assert transport._ssl.get_selected_srtp_profile() == b"SRTP_AES128_CM_SHA1_32"
        await transport._send_rtp(packet)
        assert len(transport.transport.sent[-1]) == len(packet) + 4
        # Reports keep 10 bytes of tag and 4 of index (RFC 3711, sections 3.4 and 5.2).
        await transport._send_rtp(bytes([128, 200, 0, 1]) + bytes(4))
        assert len(transport.transport.sent[-1]) == 8 + 14
        await transport.stop()


@pytest.mark.parametrize("side", [0, 1])
async def test_lost_flights_go_out_again_by_themselves(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # OpenSSL's own timer never fires.
    monkeypatch.setattr(OpenSSL.SSL.Connection, "DTLSv1_get_timeout", lambda self: None)
    monkeypatch.setattr("shared.webrtc.aiortc.dtls_flights.REPEAT_SECONDS", (0.0,) * 10)

    def every_other() -> Iterator[bool]:
        while True:
            yield True
            yield False

    losses = (every_other(), _nothing()) if side == 0 else (_nothing(), every_other())
    client, server = _pair(*losses)
    async with asyncio.timeout(20):
        await _connect(client, server)
    assert client.state == server.state == "connected"
    for transport in (client, server):
        await transport.stop()


async def test_what_was_answered_is_not_repeated() -> None:
    client, server = _pair(_nothing(), _nothing())
    await _connect(client, server)
    for transport in (client, server):
        await transport._send_data(b"hello")
    await asyncio.sleep(0.05)
    counts = [len(transport.transport.sent) for transport in (client, server)]
    for transport in (client, server):
        timer = transport._kilocall_flight._timer
        assert timer is None or timer.cancelled()
        await transport._kilocall_flight._repeat()
    assert counts == [len(transport.transport.sent) for transport in (client, server)]
    for transport in (client, server):
        await transport.stop()


def test_repetitions_end() -> None:
    assert sum(REPEAT_SECONDS) < 10
    assert min(REPEAT_SECONDS) >= 0.3
