"""What rides in RTCP is found again, and nothing else is taken for it."""

import pytest
from aiortc.rtp import RtcpPacket, RtcpReceiverInfo, RtcpRrPacket
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.webrtc.rtcp_app import APP_DATA_MAX_BYTES, find_app, pack_app

REPORT = bytes(
    RtcpRrPacket(
        ssrc=1,
        reports=[
            RtcpReceiverInfo(
                ssrc=2, fraction_lost=0, packets_lost=0, highest_sequence=3, jitter=4, lsr=5, dlsr=6
            )
        ],
    )
)


def test_the_bytes_are_those_of_section_6_7() -> None:
    assert pack_app(7, b"abcde").hex() == "83cc0004" + "00000007" + b"KILO".hex() + (
        b"abcde\0\0\0".hex()
    )


@given(data=st.binary(max_size=APP_DATA_MAX_BYTES))
@settings(deadline=None, max_examples=100)
def test_what_rides_is_found_behind_a_report_which_aiortc_still_reads(data: bytes) -> None:
    compound = REPORT + pack_app(2**32 - 1, data)
    assert find_app(compound) == data
    assert find_app(pack_app(1, data)) == data
    assert [type(packet) for packet in RtcpPacket.parse(compound)] == [RtcpRrPacket]


@pytest.mark.parametrize(
    "compound",
    [
        b"",
        REPORT,
        REPORT[:-1],
        pack_app(1, b"abcd")[:-1],
        pack_app(1, b"abcd").replace(b"KILO", b"KILL"),
        b"\x00" + pack_app(1, b"abcd")[1:],
        b"\xa0" + pack_app(1, b"abcd")[1:],  # padded: not as we write it
        b"\x84" + pack_app(1, b"abcd")[1:],  # filled up with a whole word
        pack_app(1, b"ab")[:2] + b"\x00\x02" + pack_app(1, b"ab")[4:12],  # no data to fill up
        pack_app(1, bytes(64))[:2] + b"\x00\x14" + pack_app(1, bytes(64))[4:] + bytes(8),
    ],
    ids=range(10),
)
def test_other_bytes_are_not_ours(compound: bytes) -> None:
    assert find_app(compound) is None


@given(compound=st.binary(max_size=200))
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_safe(compound: bytes) -> None:
    for data in (compound, REPORT + compound, b"\x80\xcc" + compound):
        found = find_app(data)
        assert found is None or len(found) <= APP_DATA_MAX_BYTES
