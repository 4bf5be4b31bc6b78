"""An atheris target: `python tests/fuzz_codec.py -max_total_time=60` tries bytes on the decoder.

Each input is a call: the messages of a valid one up to some point, then messages cut from the
input. Whatever comes is a frame in range or a BitstreamError, and what was refused changes nothing.
"""

import copy
import sys
from pathlib import Path

import atheris
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["shared.codec", "shared.frame_chain", "shared.entropy"]):
    from shared.codec import FaceDecoder, FaceEncoder
    from shared.errors import BitstreamError
    from shared.parameters import FaceParameters
    from shared.receiver_report import ReceiverReport


def _valid_call() -> list[bytes]:
    random = np.random.default_rng(1)
    encoder, decoder = FaceEncoder(first_sequence=65_530), FaceDecoder()
    messages = []
    for number in range(12):
        frames = [
            FaceParameters.from_vector(
                random.normal(size=35).astype(np.float32) * 0.3,
                capture_time=3600 * (3 * number + index),
            )
            for index in range(number % 3 + 1)
        ]
        messages.append(encoder.encode(frames, set_id=1))
        decoder.decode(messages[-1])
        newest, held = decoder.held() or (0, 0)
        encoder.acknowledge(ReceiverReport(newest, held, delay_ms=0, transit_ms=0))
    return messages


def _decoders() -> list[FaceDecoder]:
    """That have received 0, 1, 2 ... messages of the call."""
    decoders = [FaceDecoder()]
    for message in _valid_call():
        decoders.append(copy.deepcopy(decoders[-1]))
        decoders[-1].decode(message)
    return decoders


_DECODERS = _decoders()


def decode_anything(data: bytes) -> None:
    """One input: how much of the call comes first, then length and bytes of each message."""
    source = atheris.FuzzedDataProvider(data)
    decoder = copy.deepcopy(_DECODERS[source.ConsumeIntInRange(0, len(_DECODERS) - 1)])
    for _ in range(8):
        before = decoder.held()
        header = bytes([0x40 | source.ConsumeIntInRange(0, 31)])
        message = header + source.ConsumeBytes(source.ConsumeIntInRange(0, 60))
        try:
            decoded = decoder.decode(message)
        except BitstreamError:
            assert decoder.held() == before
            continue
        for frame in decoded.frames:
            assert np.isfinite(frame.vector).all()
            assert np.abs(frame.expression).max() <= 8.0
            assert np.abs(frame.rotation).max() <= np.pi


if __name__ == "__main__":
    atheris.Setup(sys.argv, decode_anything)
    atheris.Fuzz()
