"""Parameter messages inside Opus packets: what is found again, and what is no message."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import BitstreamError
from shared.in_band import (
    IN_BAND_MESSAGE_MAX_BYTES,
    count_that_fit,
    crc8,
    embed,
    extract,
)
from shared.limits import IN_BAND_MAX_BYTES
from shared.opus_padding import add_padding, split_padding

OPUS = bytes([9 << 3]) + b"voice"


def padded(*padding: int) -> bytes:
    return add_padding(OPUS, bytes(padding))


def signed(*covered: int) -> bytes:
    """A packet whose checksum is right whatever it covers."""
    return padded(*covered, crc8(bytes(covered)))


def test_the_checksum_is_the_catalogues() -> None:
    assert crc8(b"123456789") == 0xDF
    assert crc8(b"") == 0


def test_the_bytes_are_pinned() -> None:
    packet = embed(OPUS, [b"ab", b"c"])
    assert packet.hex() == "4b4107" + b"voice".hex() + "f4026162016329"
    assert len(embed(OPUS, [b"ab"])) == len(OPUS) + 2 + 5


def test_messages_fit_up_to_64_bytes_of_padding() -> None:
    largest = bytes(IN_BAND_MESSAGE_MAX_BYTES)
    assert len(split_padding(embed(OPUS, [largest])).padding or b"") == IN_BAND_MAX_BYTES
    assert extract(embed(OPUS, [largest])).messages == (largest,)
    assert count_that_fit([IN_BAND_MESSAGE_MAX_BYTES, 1]) == 1
    assert count_that_fit([IN_BAND_MESSAGE_MAX_BYTES + 1]) == 0
    assert count_that_fit([20, 20, 19]) == 3
    assert count_that_fit([20, 20, 20]) == 2
    assert count_that_fit([]) == 0


MESSAGES = st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=2)


@given(messages=MESSAGES, frame=st.binary(max_size=60))
@settings(deadline=None, max_examples=200)
def test_what_was_put_in_comes_out(messages: list[bytes], frame: bytes) -> None:
    packet = bytes([9 << 3]) + frame
    found = extract(embed(packet, messages))
    assert (found.payload, found.messages, found.damaged) == (packet, tuple(messages), False)


def test_a_packet_without_ours_stays_as_it_came() -> None:
    for packet in (OPUS, padded(), padded(0, 0, 0), padded(0xF5, 1, 2), b"", b"\xff"):
        found = extract(packet)
        assert (found.payload, found.messages, found.damaged) == (packet, (), False)


@pytest.mark.parametrize(
    "packet",
    [
        padded(0xF4),
        signed(0xF4),  # no message
        padded(0xF4, 1, 7, 0),  # checksum
        signed(0xF4, 0),  # an empty message
        signed(0xF4, 2, 7),  # longer than the padding
        signed(0xF4, 1, 7, 9),  # the second one is
        signed(0xF4, 200, *range(60)),
        signed(0xF4, 62, *range(62)),  # 65 bytes in all
    ],
    ids=range(8),
)
def test_a_lie_is_no_message_and_the_sound_stays_as_it_came(packet: bytes) -> None:
    found = extract(packet)
    assert (found.payload, found.messages, found.damaged) == (packet, (), True)


@pytest.mark.parametrize("bit", range(8))
def test_each_wrong_bit_is_noticed(bit: int) -> None:
    packet = embed(OPUS, [b"twelve bytes", b"and ten"])
    start = packet.index(b"\xf4") + 1
    for index in range(start, len(packet)):
        wrong = bytearray(packet)
        wrong[index] ^= 1 << bit
        found = extract(bytes(wrong))
        assert (found.messages, found.damaged) == ((), True)


def test_a_packet_cut_anywhere_yields_no_message() -> None:
    packet = embed(OPUS, [b"twelve bytes", b"and ten"])
    for end in range(len(packet)):
        with contextlib.suppress(BitstreamError):
            assert extract(packet[:end]).messages == ()


@given(payload=st.binary(max_size=120), toc=st.integers(0, 255))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_a_packet_or_refused(payload: bytes, toc: int) -> None:
    for packet in (payload, bytes([toc | 3, 0x41, len(payload) // 2, *b"abc", 0xF4]) + payload):
        with contextlib.suppress(BitstreamError):
            found = extract(packet)
            assert len(found.payload) + sum(map(len, found.messages)) <= len(packet)
            assert sum(map(len, found.messages)) < IN_BAND_MAX_BYTES
