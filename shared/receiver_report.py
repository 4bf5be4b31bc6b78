"""What the receiver holds and how the link is; also the ping. Rides the `parameters` channel."""

import struct
from dataclasses import dataclass

from shared.errors import BitstreamError
from shared.parameter_message import BITSTREAM_VERSION, MessageKind, message_kind

HELD_BITS = 32

_LAYOUT = struct.Struct(">BHIHBB")
REPORT_BYTES = _LAYOUT.size
_FIRST_BYTE = BITSTREAM_VERSION << 5 | MessageKind.REPORT << 3


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """Sent a few times a second while parameter messages arrive.

    The round trip, as the sender computes it: time since it sent message `newest`, less
    `delay_ms`. Reports may come late, twice or never.
    """

    newest: int
    """Sequence number of the newest message that the receiver holds, 0..65535."""

    held: int
    """Bit i, 0..31: it also holds message newest - 1 - i."""

    delay_ms: int
    """From the arrival of `newest` to this report, 0..65535; saturates."""

    loss: float
    """Share of the messages lost since the last report, 0..1, in steps of 1/255."""

    jitter_ms: int
    """Interarrival jitter (RFC 3550, 6.4.1), 0..255; saturates."""

    def pack(self) -> bytes:
        """REPORT_BYTES bytes."""
        return _LAYOUT.pack(
            _FIRST_BYTE,
            self.newest,
            self.held,
            min(self.delay_ms, 0xFFFF),
            round(min(max(self.loss, 0.0), 1.0) * 255),
            min(self.jitter_ms, 0xFF),
        )

    @classmethod
    def parse(cls, data: bytes) -> "ReceiverReport":
        """Read a report; longer ones of later senders are read as far as known.

        Raises BitstreamError for bytes that are none.
        """
        kind = message_kind(data)
        if kind is not MessageKind.REPORT:
            raise BitstreamError("face parameters, a receiver report was expected")
        if len(data) < REPORT_BYTES:
            raise BitstreamError(
                f"receiver report of {len(data)} bytes, at least {REPORT_BYTES} are needed"
            )
        _, newest, held, delay_ms, loss, jitter_ms = _LAYOUT.unpack_from(data)
        return cls(
            newest=newest, held=held, delay_ms=delay_ms, loss=loss / 255, jitter_ms=jitter_ms
        )
