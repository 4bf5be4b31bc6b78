"""Messages of the parameters channel: exact bytes, and safety against any others.

The vectors are rewritten by `KILOCALL_REWRITE_VECTORS=1 pytest tests/test_parameter_message.py`,
together with a new BITSTREAM_VERSION.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codec import FaceDecoder, FaceEncoder
from shared.errors import BitstreamError
from shared.parameter_message import (
    BITSTREAM_VERSION,
    MessageKind,
    message_kind,
    parse_parameter_message,
)
from shared.parameters import FaceParameters
from shared.quantization import quantize_parameters
from shared.receiver_report import ReceiverReport

_VECTORS = Path(__file__).parent / "vectors" / f"parameters_v{BITSTREAM_VERSION}.json"


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
    """Messages of one, two and three frames; each from the base two messages before."""
    encoder, decoder = FaceEncoder(first_sequence=65_533), FaceDecoder()
    frames = _frames()
    messages = []
    reports = []
    for index, count in enumerate([2, 2, 1, 3, 2, 2, 1, 3, 2, 2]):
        taken, frames = frames[:count], frames[count:]
        messages.append(encoder.encode(taken, set_id=7, hold=index == 6))
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
                "frames": [
                    {
                        "capture_time": frame.capture_time,
                        "symbols": quantize_parameters(frame).tolist(),
                    }
                    for frame in result.frames
                ],
            }
            for message, result in zip(messages, decoded, strict=True)
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
        for frame, expected in zip(decoded.frames, entry["frames"], strict=True):
            assert frame.capture_time == expected["capture_time"]
            assert quantize_parameters(frame).tolist() == expected["symbols"]


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=80), st.sampled_from([0x21, 0x22, 0x23, 0x29, 0x2A, 0x2B, 0x2E, None]))
def test_any_bytes_parse_or_are_refused(data: bytes, first: int | None) -> None:
    if first is not None:
        data = bytes([first]) + data
    decoder = FaceDecoder()
    try:
        decoded = decoder.decode(data)
    except BitstreamError:
        assert decoder.held() is None
        return
    for frame in decoded.frames:
        assert np.isfinite(frame.vector).all()
        assert np.abs(frame.expression).max() <= 8.0
        assert np.abs(frame.rotation).max() <= np.pi
        assert frame.translation[2] == 0.0


def test_every_truncation_parses_or_is_refused() -> None:
    for message in _messages():
        for length in range(len(message)):
            try:
                parse_parameter_message(message[:length])
            except BitstreamError:
                continue
            assert length >= 3


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "parameter message of 0 bytes, 3 to 256 are allowed"),
        (bytes(257), "parameter message of 257 bytes, 3 to 256 are allowed"),
        (b"\x61\0\0", "parameter message version 3, this side reads 1"),
        (b"\x39\0\0", "parameter message kind 3, 0 to 2 are allowed"),
        (b"\x20\0\0", "0 frames, 1 to 3 are allowed"),
        (b"\x30\0\0", "a receiver report, face parameters were expected"),
    ],
)
def test_refusals(data: bytes, text: str) -> None:
    with pytest.raises(BitstreamError) as error:
        parse_parameter_message(data)
    assert str(error.value) == text
