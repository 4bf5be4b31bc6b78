"""What the receiver holds and when it came; also the ping. Rides the `parameters` channel."""

import struct
from dataclasses import dataclass

from shared.errors import BitstreamError
from shared.parameter_message import BITSTREAM_VERSION, MessageKind, message_kind

HELD_BITS = 32
TRANSIT_BITS = 16

_LAYOUT = struct.Struct(">BHIHH")
REPORT_BYTES = _LAYOUT.size
_FIRST_BYTE = BITSTREAM_VERSION << 5 | MessageKind.REPORT << 3


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """Sent a few times a second while parameter messages arrive.

    The sender computes the round trip (time since it sent `newest`, less `delay_ms`), losses
    (the zeros of `held`) and how the way's delay changes (`transit_ms`, less its own time from
    capture to sending). Reports may come late, twice or never.
    """

    newest: int
    """Sequence number of the newest message that the receiver holds, 0..65535."""

    held: int
    """Bit i, 0..31: it also holds message newest - 1 - i."""

    delay_ms: int
    """From the arrival of `newest` to this report, 0..65535; saturates."""

    transit_ms: int
    """Arrival of `newest` minus capture of its last frame, both clocks as they are, so only
    differences mean anything; modulo 2**16."""

    def pack(self) -> bytes:
        """REPORT_BYTES bytes."""
        return _LAYOUT.pack(
            _FIRST_BYTE,
            self.newest,
            self.held,
            min(self.delay_ms, 0xFFFF),
            self.transit_ms % (1 << TRANSIT_BITS),
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
        _, newest, held, delay_ms, transit_ms = _LAYOUT.unpack_from(data)
        return cls(newest=newest, held=held, delay_ms=delay_ms, transit_ms=transit_ms)
