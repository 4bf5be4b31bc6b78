"""What our SCTP sends in place of aiortc's: fewer packets, and none that a peer must drop."""

from typing import Any

import aiortc.rtcsctptransport as sctp
import pytest

from shared.webrtc.aiortc import (
    sctp_acknowledgements,
    sctp_handshake,
    sctp_limits,
    sctp_recovery,
)
from shared.webrtc.aiortc.sctp_packets import Bundle
from tests.adjusted import StillLoop, Wire, adjust, settle

adjust()

WHOLE = sctp.SCTP_DATA_FIRST_FRAG | sctp.SCTP_DATA_LAST_FRAG
UNORDERED = WHOLE | sctp.SCTP_DATA_UNORDERED


@pytest.fixture
async def transport(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An established association whose timers stand still."""
    loop = StillLoop()
    monkeypatch.setattr("aiortc.rtcsctptransport.asyncio.get_event_loop", lambda: loop)
    transport: Any = sctp.RTCSctpTransport(Wire())  # type: ignore[arg-type]
    transport._remote_port = 5000
    transport._last_received_tsn = 0
    transport._ssthresh = 100_000
    transport._association_state = transport.State.ESTABLISHED
    return transport


def data(tsn: int = 1, flags: int = UNORDERED, size: int = 3) -> Any:
    """A chunk as it came; each on a stream of its own, so that none waits for another."""
    chunk: Any = sctp.DataChunk(flags=flags)
    chunk._max_retransmits = 0
    chunk.tsn, chunk.stream_id, chunk.user_data = tsn, tsn, bytes(size)
    return chunk


async def receive(transport: Any, *chunks: Any) -> None:
    """A packet with these chunks."""
    packet: Any = Bundle(chunks)
    await transport._handle_data(
        sctp.serialize_packet(5000, 5000, transport._local_verification_tag, packet)
    )
    await settle()


def packets(transport: Any) -> list[list[Any]]:
    """What was sent, by packet."""
    return [sctp.parse_packet(data)[3] for data in transport.transport.sent]


def kinds(transport: Any) -> list[list[type]]:
    return [[type(chunk) for chunk in packet] for packet in packets(transport)]


async def test_an_init_carries_tag_0_even_after_the_peers_own_init(transport: Any) -> None:
    transport._remote_verification_tag = 7
    await transport._send_chunk(sctp.InitChunk())
    await transport._send_chunk(sctp.CookieAckChunk())
    tags = [sctp.parse_packet(data)[2] for data in transport.transport.sent]
    assert tags == [0, 7]


async def test_lost_handshakes_are_repeated_soon(transport: Any) -> None:
    assert transport._rto == sctp_handshake.INITIAL_RTO_SECONDS == 0.5
    assert transport._rto * sctp.SCTP_MAX_INIT_RETRANS > 27


async def test_what_came_is_acknowledged_together_after_a_moment(transport: Any) -> None:
    for tsn in range(1, 9):
        await receive(transport, data(tsn))
    assert not transport.transport.sent
    ((delay, *_),) = transport._loop.timers
    assert delay <= 0.5  # RFC 9260, section 6.2
    await transport._loop.fire()
    ((sack,),) = packets(transport)
    assert sack.cumulative_tsn == 8


async def test_an_acknowledgement_rides_the_last_message_in_time(transport: Any) -> None:
    await receive(transport, data(1))
    for _ in range(6):
        transport._loop.now_seconds += 0.08
        await send(transport, reliable=False)
    assert [len(packet) for packet in packets(transport)] == [2, 1, 1, 1, 1, 1]
    assert packets(transport)[0][0].cumulative_tsn == 1  # nothing tells yet when the next leaves
    await receive(transport, data(2))
    for _ in range(6):
        transport._loop.now_seconds += 0.08
        await send(transport, reliable=False)
    assert [len(packet) for packet in packets(transport)[6:]] == [1, 1, 1, 2, 1, 1]
    assert kinds(transport)[9] == [sctp.SackChunk, sctp.DataChunk]


async def test_messages_of_one_turn_share_a_packet_up_to_its_size(transport: Any) -> None:
    for text in (b"one", b"two", bytes(1150), b"three"):
        await transport._send_chunk(data(size=len(text)))
    await settle()
    assert [len(packet) for packet in packets(transport)] == [2, 1, 1]
    assert all(len(packet) <= sctp.SCTP_MAX_PACKET_LENGTH for packet in transport.transport.sent)


async def test_other_chunks_leave_after_what_waits(transport: Any) -> None:
    await transport._send_chunk(data())
    await transport._send_chunk(sctp.AbortChunk())
    assert kinds(transport) == [[sctp.DataChunk], [sctp.AbortChunk]]


async def test_large_messages_are_acknowledged_at_once(transport: Any) -> None:
    await receive(transport, data(1, size=24))
    assert not transport.transport.sent
    await receive(transport, data(2, size=1100))
    assert kinds(transport) == [[sctp.SackChunk]]


async def test_gaps_are_told_at_once_only_where_a_lost_packet_will_be_repeated(
    transport: Any,
) -> None:
    await receive(transport, data(2))
    assert not transport.transport.sent
    await receive(transport, data(4, WHOLE))
    assert len(transport.transport.sent) == 1
    # Not with each packet ...
    await receive(transport, data(6))
    assert len(transport.transport.sent) == 1
    transport._loop.now_seconds += sctp_acknowledgements.URGENT_INTERVAL_SECONDS
    await receive(transport, data(8))
    assert len(transport.transport.sent) == 2
    # ... and not once all that is repeated has come.
    transport._loop.now_seconds += sctp_acknowledgements.ORDERED_SECONDS
    await receive(transport, data(10))
    assert len(transport.transport.sent) == 2


async def test_who_asks_for_an_acknowledgement_gets_it(transport: Any) -> None:
    await receive(transport, data(1, UNORDERED | sctp_acknowledgements.SACK_IMMEDIATELY))
    assert kinds(transport) == [[sctp.SackChunk]]


async def test_acknowledgements_are_asked_for_while_something_reliable_is_on_its_way(
    transport: Any,
) -> None:
    async def is_asked(*, reliable: bool) -> bool:
        chunk = await send(transport, reliable=reliable)
        return bool(chunk.flags & sctp_acknowledgements.SACK_IMMEDIATELY)

    assert not await is_asked(reliable=False)
    assert await is_asked(reliable=True)
    assert not await is_asked(reliable=False)  # too soon after the last
    transport._loop.now_seconds += sctp_acknowledgements.URGENT_INTERVAL_SECONDS
    assert await is_asked(reliable=False)
    await receive(transport, sack(transport._sent_queue[-1].tsn))
    transport._loop.now_seconds += sctp_acknowledgements.URGENT_INTERVAL_SECONDS
    assert not await is_asked(reliable=False)


async def test_who_repeats_is_told_again(transport: Any) -> None:
    for _ in range(2):
        await receive(transport, data(1, WHOLE))
    ((sack,),) = packets(transport)
    assert sack.duplicates == [1]


async def send(transport: Any, *, reliable: bool) -> Any:
    """Send a message and return its chunk."""
    before = len(transport._sent_queue)
    retransmits = None if reliable else 0
    await transport._send(
        1, sctp.WEBRTC_BINARY, b"abc", max_retransmits=retransmits, ordered=reliable
    )
    await settle()
    return transport._sent_queue[before]


def sack(last: Any, *gaps: tuple[Any, Any]) -> Any:
    """All up to `last` has come, and what lies between the chunks of each gap block."""
    chunk = sctp.SackChunk()
    chunk.cumulative_tsn = last
    chunk.gaps = [
        ((first.tsn - last) % 2**32, (second.tsn - last) % 2**32) for first, second in gaps
    ]
    return chunk


async def test_one_round_trip_settles_all_gaps_of_what_is_never_repeated(transport: Any) -> None:
    chunks = [await send(transport, reliable=False) for _ in range(6)]
    before = sctp.tsn_minus_one(chunks[0].tsn)
    # The first, third and fifth are missing.
    await receive(transport, sack(before, *((chunks[i], chunks[i]) for i in (1, 3, 5))))
    assert not transport._sent_queue
    assert transport._flight_size == 0
    message = await send(transport, reliable=False)
    assert kinds(transport)[-1] == [sctp.ForwardTsnChunk, sctp.DataChunk]
    forward, _ = packets(transport)[-1]
    assert forward.cumulative_tsn == chunks[5].tsn == sctp.tsn_minus_one(message.tsn)


async def test_what_was_overtaken_is_repeated_at_the_first_report(transport: Any) -> None:
    lost = await send(transport, reliable=True)
    transport._loop.now_seconds += sctp_recovery.REORDERING_SECONDS - 0.001
    close = await send(transport, reliable=False)
    before = sctp.tsn_minus_one(lost.tsn)
    await receive(transport, sack(before, (close, close)))
    assert lost._sent_count == 1  # perhaps only late
    transport._loop.now_seconds += 0.001
    later = await send(transport, reliable=False)
    await receive(transport, sack(before, (close, later)))
    assert lost._sent_count == 2
    assert lost.tsn in [c.tsn for c in packets(transport)[-1] if isinstance(c, sctp.DataChunk)]


async def test_what_is_not_heard_of_is_probed_before_the_window_closes(transport: Any) -> None:
    window = transport._cwnd
    chunk = await send(transport, reliable=True)
    timers = sorted(delay for delay, handle, *_ in transport._loop.timers if not handle.cancelled())
    assert timers == [sctp_recovery.PROBE_SECONDS, transport._rto]
    await transport._loop.fire(up_to_seconds=sctp_recovery.PROBE_SECONDS)
    assert chunk._sent_count == 2
    assert transport._cwnd == window
    await receive(transport, sack(chunk.tsn))
    assert all(handle.cancelled() for _, handle, *_ in transport._loop.timers)


async def test_nothing_reliable_on_its_way_leaves_the_timer_time(transport: Any) -> None:
    await send(transport, reliable=False)
    assert [delay for delay, *_ in transport._loop.timers] == [sctp_recovery.UNRELIABLE_RTO_SECONDS]


async def test_what_came_behind_a_gap_is_not_repeated(transport: Any) -> None:
    chunks = [await send(transport, reliable=True) for _ in range(3)]
    await receive(transport, sack(sctp.tsn_minus_one(chunks[0].tsn), (chunks[1], chunks[1])))
    transport._t3_expired()
    await settle()
    assert [chunk._sent_count for chunk in chunks] == [2, 1, 2]


async def test_what_was_given_up_rides_the_next_message_or_goes_alone(transport: Any) -> None:
    given_up = sctp.ForwardTsnChunk()
    given_up.cumulative_tsn, given_up.streams = 7, []
    await transport._send_chunk(given_up)
    await settle()
    assert not transport.transport.sent
    await transport._send_chunk(given_up)
    await transport._send_chunk(data())
    await settle()
    await transport._send_chunk(given_up)
    await transport._loop.fire()
    assert kinds(transport) == [[sctp.ForwardTsnChunk, sctp.DataChunk], [sctp.ForwardTsnChunk]]


async def test_nothing_leaves_after_the_end(transport: Any) -> None:
    await receive(transport, data(1))
    await transport._send_chunk(data())
    transport._set_state(transport.State.CLOSED)
    await transport._loop.fire()
    assert not transport.transport.sent


async def test_a_message_that_never_ends_ends_the_association(transport: Any) -> None:
    for tsn in range(1, 1200):
        chunk = data(tsn, sctp.SCTP_DATA_FIRST_FRAG if tsn == 1 else 0, 1000)
        chunk.stream_id = 1
        await transport._receive_data_chunk(chunk)
        if transport._association_state == transport.State.CLOSED:
            break
    assert tsn == sctp_limits.MAX_REASSEMBLY_BYTES // 1000 + 1
    assert not transport._inbound_streams
    assert kinds(transport)[-1] == [sctp.AbortChunk]


async def test_a_packet_that_breaks_the_rules_is_dropped(
    transport: Any, caplog: pytest.LogCaptureFixture
) -> None:
    two_inits: Any = Bundle((sctp.InitChunk(), sctp.InitChunk()))
    await transport._handle_data(sctp.serialize_packet(1, 2, 0, two_inits))
    assert caplog.messages == ["SCTP packet of 52 bytes dropped"]
