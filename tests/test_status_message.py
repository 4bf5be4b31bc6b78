"""The status of a party survives the channel; anything else is refused cleanly."""

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.status_message import PlayerStatus, pack_farewell, pack_status, parse_message
from shared.control_message import ByeReason
from shared.errors import BitstreamError


def test_statuses_and_farewells_come_back() -> None:
    status = PlayerStatus(present=True, life="alive", fps=24.9, audio_clock=(1, 2**32 - 1))
    assert parse_message(pack_status(status)) == status
    assert parse_message(pack_farewell(ByeReason.REPLACED)) is ByeReason.REPLACED


def test_what_is_not_known_is_left_out_and_unknown_keys_are_ignored() -> None:
    packed = pack_status(PlayerStatus(present=False))
    assert msgpack.unpackb(packed) == {"t": "status", "present": False}
    later = msgpack.packb({"t": "status", "present": True, "mood": "fine"})
    assert parse_message(later) == PlayerStatus(present=True)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=64))
def test_any_bytes_are_refused_cleanly(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        parse_message(data)
