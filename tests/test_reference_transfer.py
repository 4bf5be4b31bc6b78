"""References in chunks: paced, whole or refused, bounded."""

import pytest

from shared.control_message import ReferenceBegin, ReferenceChunk, ReferenceEnd
from shared.errors import BitstreamError
from shared.image_header import ImageFormat
from shared.limits import REFERENCE_TRANSFER_TIMEOUT_NS
from shared.parameters import Crop
from shared.reference_transfer import (
    CHUNK_AROUND_BYTES,
    CHUNK_DURATION_NS,
    CHUNK_MIN_BYTES,
    ReceivedReference,
    ReferenceAssembler,
    ReferenceSender,
    image_digest,
)
from tests.test_codec import face

_DATA = bytes(range(256)) * 12


def _begin(data: bytes = _DATA) -> ReferenceBegin:
    return ReferenceBegin(
        set_id=1,
        reference_id=2,
        crop=Crop(0, 0, 256),
        frame_width=256,
        frame_height=256,
        parameters=face(0, 0),
        image_format=ImageFormat.WEBP,
        image_bytes=len(data),
    )


def _transfer(rate_bps: float) -> tuple[list[int], ReceivedReference, int]:
    """Sizes of the chunks, the reference and the time it took."""
    sender, assembler = ReferenceSender(_begin(), _DATA), ReferenceAssembler()
    sizes, now_ns = [], 0
    while True:
        message = sender.next_message(now_ns, rate_bps=rate_bps, buffered_bytes=0)
        assert sender.next_message(now_ns, rate_bps=rate_bps, buffered_bytes=0) is None
        match message:
            case ReferenceBegin():
                assembler.begin(message, now_ns)
            case ReferenceChunk():
                sizes.append(len(message.data))
                assembler.add(message, now_ns)
            case ReferenceEnd():
                assert sender.done
                return sizes, assembler.end(message, now_ns), now_ns
        now_ns += 5_000_000


def test_chunks_last_40_ms_of_the_rate() -> None:
    sizes, received, elapsed_ns = _transfer(100_000)
    assert set(sizes[:-1]) == {500 - CHUNK_AROUND_BYTES}
    assert received.data == _DATA
    assert received.begin.reference_id == 2
    assert elapsed_ns == (len(sizes) + 1) * CHUNK_DURATION_NS


def test_chunks_have_a_least_and_a_largest_size() -> None:
    sizes, _, elapsed_ns = _transfer(8000)
    assert sizes[0] == CHUNK_MIN_BYTES
    assert elapsed_ns > sum(sizes) * 1_000_000  # 8 kbit/s, headers included
    assert _transfer(1e9)[0] == [len(_DATA)]


def test_nothing_is_sent_while_something_waits() -> None:
    sender = ReferenceSender(_begin(), _DATA)
    assert sender.next_message(0, rate_bps=1e6, buffered_bytes=1) is None
    assert sender.next_message(0, rate_bps=1e6, buffered_bytes=0) is not None


def test_parts_out_of_place_are_refused() -> None:
    assembler = ReferenceAssembler()
    with pytest.raises(BitstreamError, match=r"^part of a reference that did not begin"):
        assembler.add(ReferenceChunk(0, b"1"), 0)
    with pytest.raises(BitstreamError, match=r"^part of a reference that did not begin"):
        assembler.end(ReferenceEnd(bytes(16)), 0)
    assembler.begin(_begin(), 0)
    with pytest.raises(BitstreamError, match=r"^chunk at 5, 0 is due$"):
        assembler.add(ReferenceChunk(5, b"1"), 0)
    assert not assembler.active


def test_too_many_too_few_and_other_bytes_are_refused() -> None:
    assembler = ReferenceAssembler()
    assembler.begin(_begin(b"123"), 0)
    with pytest.raises(
        BitstreamError, match=r"^reference of over 3 bytes, as many were announced$"
    ):
        assembler.add(ReferenceChunk(0, b"1234"), 0)
    assembler.begin(_begin(b"123"), 0)
    assembler.add(ReferenceChunk(0, b"12"), 0)
    with pytest.raises(BitstreamError, match=r"^reference of 2 bytes, 3 were announced$"):
        assembler.end(ReferenceEnd(image_digest(b"12")), 0)
    assembler.begin(_begin(b"123"), 0)
    assembler.add(ReferenceChunk(0, b"124"), 0)
    with pytest.raises(BitstreamError, match=r"^reference whose hash differs"):
        assembler.end(ReferenceEnd(image_digest(b"123")), 0)


def test_a_reference_that_takes_too_long_is_dropped() -> None:
    assembler = ReferenceAssembler()
    assembler.begin(_begin(), 0)
    assert not assembler.expire(REFERENCE_TRANSFER_TIMEOUT_NS)
    assert assembler.expire(REFERENCE_TRANSFER_TIMEOUT_NS + 1)
    assert not assembler.active


def test_a_new_begin_replaces_the_one_under_way() -> None:
    assembler = ReferenceAssembler()
    assembler.begin(_begin(), 0)
    assembler.add(ReferenceChunk(0, _DATA[:100]), 0)
    assembler.begin(_begin(b"abc"), 1)
    assembler.add(ReferenceChunk(0, b"abc"), 1)
    assert assembler.end(ReferenceEnd(image_digest(b"abc")), 1).data == b"abc"
