"""Messages of the parameters channel: exact bytes, and safety against any others.

The vectors are rewritten by `KILOCALL_REWRITE_VECTORS=1 pytest tests/test_parameter_message.py`,
together with a new BITSTREAM_VERSION.
"""

import contextlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codec import FaceDecoder, FaceEncoder
from shared.codec_tables import BITSTREAM_VERSION
from shared.entropy import RangeDecoder, RangeEncoder
from shared.errors import BitstreamError, MissingBaseError
from shared.parameter_message import (
    BASE_DISTANCE_MAX,
    MessageKind,
    decode_base_distance,
    encode_base_distance,
    header_sequence,
    message_kind,
    pack_header,
)
from shared.parameters import FaceParameters
from shared.quantization import Precision, quantize_parameters
from shared.receiver_report import ReceiverReport

_VECTORS = Path(__file__).parent / "vectors" / f"parameters_v{BITSTREAM_VERSION}.json"
_PLAN = [(2, 1), (2, 1), (1, 1), (3, 1), (2, 2), (2, 2), (1, 2), (3, 0), (2, 0), (2, 0)]
"""New frames and precision of each message."""

_REPEATING = (2, 5, 8)
"""Messages that begin with the frame before."""


def _frames() -> list[FaceParameters]:
    """A walk made of integers: the same on every machine."""
    state, place = 12345, [0] * 35
    frames = []
    for index in range(36):
        for parameter in range(34):
            state = (state * 1_103_515_245 + 12_345) % 2**31
            place[parameter] += (state >> 16) % 257 - 128
        vector = np.array(place, np.float32) / np.float32(1024)
        vector[28:34] *= np.float32(0.125)
        frames.append(
            FaceParameters.from_vector(vector, capture_time=(2**32 - 9000 + 3600 * index) % 2**32)
        )
    return frames


def _messages() -> list[bytes]:
    """Of one, two and three frames and three precisions; each from the base two messages before."""
    encoder, decoder = FaceEncoder(first_sequence=65_533), FaceDecoder()
    frames = _frames()
    messages = []
    reports = []
    taken: list[FaceParameters] = []
    for index, (count, precision) in enumerate(_PLAN):
        repeated = taken[-1:] if index in _REPEATING else []
        taken, frames = frames[:count], frames[count:]
        encoder.precision = Precision(precision)
        message = encoder.encode(
            [*repeated, *taken], set_id=7, hold=index == 6, repeated=len(repeated)
        )
        messages.append(message)
        decoder.decode(messages[-1])
        newest, held = decoder.held() or (0, 0)
        reports.append(ReceiverReport(newest, held, delay_ms=0, transit_ms=0))
        if index >= 1:
            encoder.acknowledge(reports[index - 1])
    return messages


def test_bytes_are_those_of_the_vectors() -> None:
    messages = _messages()
    if os.environ.get("KILOCALL_REWRITE_VECTORS") == "1":
        decoder = FaceDecoder()
        decoded = [decoder.decode(message) for message in messages]
        entries = [
            {
                "message": message.hex(),
                "sequence": result.sequence,
                "set_id": result.set_id,
                "hold": result.hold,
                "intra": result.intra,
                "precision": precision,
                "frames": [
                    {
                        "capture_time": frame.capture_time,
                        "symbols": quantize_parameters(frame, Precision(precision)).tolist(),
                    }
                    for frame in result.frames
                ],
            }
            for message, result, (_, precision) in zip(messages, decoded, _PLAN, strict=True)
        ]
        _VECTORS.write_text(json.dumps(entries, indent=1) + "\n")
    entries = json.loads(_VECTORS.read_text())
    assert [message.hex() for message in messages] == [entry["message"] for entry in entries]


def test_vectors_decode_to_their_symbols() -> None:
    decoder = FaceDecoder()
    for entry in json.loads(_VECTORS.read_text()):
        decoded = decoder.decode(bytes.fromhex(entry["message"]))
        assert decoded.sequence == entry["sequence"]
        assert decoded.set_id == entry["set_id"]
        assert decoded.hold is entry["hold"]
        assert decoded.intra is entry["intra"]
        precision = Precision(entry["precision"])
        for frame, expected in zip(decoded.frames, entry["frames"], strict=True):
            assert frame.capture_time == expected["capture_time"]
            assert quantize_parameters(frame, precision).tolist() == expected["symbols"]


def _assert_valid(frames: tuple[FaceParameters, ...]) -> None:
    for frame in frames:
        assert np.isfinite(frame.vector).all()
        assert np.abs(frame.expression).max() <= 8.0
        assert np.abs(frame.rotation).max() <= np.pi
        assert frame.translation[2] == 0.0


_HEADERS = st.sampled_from([b"", b"\x40", b"\x47", b"\x48", b"\x48\x01", b"\x4f"])


@settings(deadline=None, max_examples=150)
@given(_HEADERS, st.binary(max_size=80))
def test_any_bytes_are_frames_or_refused(header: bytes, rest: bytes) -> None:
    decoder = FaceDecoder()
    try:
        decoded = decoder.decode(header + rest)
    except BitstreamError:
        assert decoder.held() is None
        return
    _assert_valid(decoded.frames)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**13 - 1), st.binary(max_size=60))
def test_any_bytes_from_a_base_are_frames_or_refused(header: int, rest: bytes) -> None:
    """After a real message, whose sequence number the bytes may name as their base."""
    decoder = FaceDecoder()
    decoder.decode(_MESSAGES[0])
    before = decoder.held()
    try:
        decoded = decoder.decode((BITSTREAM_VERSION << 13 | header).to_bytes(2, "big") + rest)
    except BitstreamError:
        assert decoder.held() == before
        return
    _assert_valid(decoded.frames)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 9), st.integers(0, 300), st.integers(1, 255))
def test_any_damaged_byte_makes_frames_or_is_refused(which: int, place: int, change: int) -> None:
    decoder = FaceDecoder()
    for message in _MESSAGES[:which]:
        decoder.decode(message)
    damaged = bytearray(_MESSAGES[which])
    damaged[place % len(damaged)] ^= change
    with contextlib.suppress(BitstreamError):
        _assert_valid(decoder.decode(bytes(damaged)).frames)


def test_every_truncation_is_frames_or_refused() -> None:
    for which, message in enumerate(_MESSAGES):
        for length in range(len(message)):
            decoder = FaceDecoder()
            for earlier in _MESSAGES[:which]:
                decoder.decode(earlier)
            before = decoder.held()
            try:
                _assert_valid(decoder.decode(message[:length]).frames)
            except BitstreamError:
                assert decoder.held() == before


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "parameter message of 0 bytes, 2 to 256 are allowed"),
        (bytes(257), "parameter message of 257 bytes, 2 to 256 are allowed"),
        (b"\x21\0\0", "parameter message version 1, this side reads 2"),
        (b"\x61\0\0", "parameter message version 3, this side reads 2"),
        (b"\x58\0\0", "parameter message kind 3, 0 to 2 are allowed"),
        (b"\x50\0\0", "a receiver report, face parameters were expected"),
    ],
)
def test_refusals(data: bytes, text: str) -> None:
    with pytest.raises(BitstreamError) as error:
        header_sequence(data)
    assert str(error.value) == text


def test_a_predicted_message_without_any_before() -> None:
    with pytest.raises(MissingBaseError, match=r"^predicted from a message that is not held: none"):
        FaceDecoder().decode(b"\x48\0\x12\x34")


@pytest.mark.parametrize("kind", MessageKind)
def test_a_header_says_what_it_was_told(kind: MessageKind) -> None:
    header = pack_header(kind, 65_535)
    assert message_kind(header) is kind
    if kind is not MessageKind.REPORT:
        assert header_sequence(header) == 2047


def test_each_base_distance_comes_back() -> None:
    for distance in range(1, BASE_DISTANCE_MAX + 1):
        encoder = RangeEncoder()
        encode_base_distance(encoder, distance)
        assert decode_base_distance(RangeDecoder(encoder.finish())) == distance


_MESSAGES = _messages()
