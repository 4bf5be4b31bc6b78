"""A parameter message on its way from the encoder to the wire."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EncodedMessage:
    """What the analysis thread hands to the event loop."""

    data: bytes
    sequence: int
    """0..65535, as reports will name it."""

    capture_time: int
    """Of its last frame, 90 kHz ticks modulo 2^32."""

    frame_count: int
    """1..3, a repeated one among them."""

    hold: bool
    """The last one before a pause."""
