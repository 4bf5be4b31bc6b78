"""Connections that come about and stay under loss, on the cheapest path."""

import asyncio
import random
from typing import Any

import aioice
import aioice.ice
import aioice.stun
import ifaddr
import pytest
from aiortc import sdp

from shared.webrtc.aiortc import consent, ice_checks, ice_sockets
from shared.webrtc.aiortc.consent import Freshness
from tests.adjusted import adjust
from tests.virtual_time import run_virtually

adjust()


def test_candidates_may_stand_once_for_all_bundled_media() -> None:
    text = (
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a b\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\n"
        "a=candidate:1 1 udp 1 192.0.2.1 1000 typ host\r\na=end-of-candidates\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:b\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:c\r\n"
    )
    sections = sdp.SessionDescription.parse(text).media
    assert [[c.port for c in media.ice_candidates] for media in sections] == [[1000], [1000], []]
    assert [media.ice_candidates_complete for media in sections] == [True, True, False]


def _adapter(*ips: str | tuple[str, int, int]) -> ifaddr.Adapter:
    return ifaddr.Adapter("eth", "eth", [ifaddr.IP(ip, 24, "eth") for ip in ips])


def test_ipv4_goes_before_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = [_adapter(("fd00::2", 0, 0), "192.0.2.2"), _adapter("198.51.100.7")]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    assert aioice.ice.get_host_addresses(True, True) == ["192.0.2.2", "198.51.100.7", "fd00::2"]


def test_loopback_serves_where_there_is_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ifaddr, "get_adapters", list)
    assert aioice.ice.get_host_addresses(True, True) == ["127.0.0.1"]


async def test_strangers_datagrams_neither_end_a_connection_nor_pile_up() -> None:
    connection = aioice.ice.Connection(ice_controlling=True)
    protocol = aioice.ice.StunProtocol(connection)
    protocol.local_candidate = aioice.Candidate("f", 1, "udp", 1, "127.0.0.1", 1, "host")
    protocol.datagram_received(b"", ("127.0.0.1", 2))
    assert connection._queue.empty()
    for _ in range(1000):
        protocol.datagram_received(b"\x80 nonsense", ("127.0.0.1", 2))
    assert connection._queue.qsize() == ice_sockets.MAX_WAITING_DATAGRAMS


class _Transport:
    """Stands where STUN expects its socket."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendto(self, data: bytes, addr: tuple[str, int]) -> None:
        self.sent.append(data)


async def test_unanswered_checks_are_repeated_at_one_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    loop = asyncio.get_running_loop()

    def call_later(delay: float, callback: Any, *arguments: Any) -> asyncio.Handle:
        pauses.append(delay)
        return loop.call_soon(callback, *arguments)

    protocol: Any = aioice.ice.StunProtocol(aioice.ice.Connection(ice_controlling=True))
    protocol.transport = _Transport()
    message = aioice.stun.Message(aioice.stun.Method.BINDING, aioice.stun.Class.REQUEST)
    monkeypatch.setattr(loop, "call_later", call_later)
    with pytest.raises(aioice.stun.TransactionTimeout):
        await protocol.request(message, ("192.0.2.1", 1), integrity_key=b"key")
    assert set(pauses) == {ice_checks.INTERVAL_SECONDS}
    assert len(set(protocol.transport.sent)) == 1
    assert 25 <= sum(pauses) <= 60
    assert not protocol.transactions


def _checks_survived(seconds: float, answer_share: float, round_trip: float, seed: int) -> int:
    """How many checks go out where each is answered with this probability; 0: consent expires."""
    chance = random.Random(seed)
    freshness = Freshness(0.0)
    now = 0.0
    checks = 0
    answers: list[float] = []

    def wait(pause_seconds: float) -> float:
        due = [at for at in answers if at <= now + pause_seconds]
        for at in due:
            freshness.answered(at)
            answers.remove(at)
        return now + pause_seconds

    while now < seconds:
        now = wait(consent.RETRY_SECONDS)
        now = wait(freshness.rest_seconds(chance.uniform(0.8, 1.2)))
        if freshness.is_expired(now):
            return 0
        freshness.checked(now)
        checks += 1
        if chance.random() < answer_share:
            answers.append(now + round_trip)
    return checks


def test_ten_minutes_at_half_of_all_datagrams_lost_both_ways_are_survived() -> None:
    assert all(_checks_survived(600, 0.25, 0.1, seed) for seed in range(100))


def test_answered_checks_are_as_rare_as_the_rfc_has_them() -> None:
    assert 110 <= _checks_survived(600, 1.0, 0.1, seed=1) <= 130


def test_answers_slower_than_checks_count() -> None:
    assert 200 <= _checks_survived(600, 1.0, 1.0, seed=1) <= 300


def test_a_peer_that_is_gone_is_given_up_within_half_a_minute() -> None:
    freshness = Freshness(0.0)
    freshness.answered(100.0)
    assert not freshness.is_expired(129.9)
    assert freshness.is_expired(130.0)
    assert not _checks_survived(31, 0.0, 0.1, seed=1)


async def _connected() -> tuple[aioice.Connection, aioice.Connection]:
    pair = aioice.Connection(ice_controlling=True), aioice.Connection(ice_controlling=False)
    for connection in pair:
        await connection.gather_candidates()
    for one, other in (pair, pair[::-1]):
        for candidate in one.local_candidates:
            await other.add_remote_candidate(candidate)
        await other.add_remote_candidate(None)
        other.remote_username, other.remote_password = one.local_username, one.local_password
    await asyncio.gather(*(connection.connect() for connection in pair))
    return pair


async def _silenced() -> float:
    """Seconds from the other side's silence until a connection ends by itself."""
    clock = asyncio.get_running_loop().time
    one, other = await _connected()
    await asyncio.sleep(600)
    await one.send(b"still there")
    assert await other.recv() == b"still there"
    await other.close()
    silent = clock()
    assert isinstance(await one.get_event(), aioice.ConnectionClosed)
    with pytest.raises(ConnectionError):
        await one.send(b"nobody")
    await one.close()
    return clock() - silent


def test_a_connection_lasts_while_it_is_answered_and_then_ends_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ifaddr, "get_adapters", list)
    # The longest intervals, with which aioice's own six checks always take longer.
    monkeypatch.setattr(random, "random", lambda: 1.0)
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    assert 23 < run_virtually(_silenced()) < 31
