"""What the receiver holds and when it came; also the ping. Rides the `parameters` channel."""

import math
import struct
from dataclasses import dataclass

from shared.codec_tables import BITSTREAM_VERSION
from shared.errors import BitstreamError
from shared.parameter_message import MessageKind, message_kind

HELD_BITS = 32
TRANSIT_BITS = 16

_LAYOUT = struct.Struct(">BHIHHB")
REPORT_BYTES = _LAYOUT.size
_LEAST_BPS = 500.0
_STEPS_PER_OCTAVE = 16
"""Of the rate's byte: 500 bit/s to 30 Mbit/s in steps of 4.4 %."""

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

    received_bps: float = 0.0
    """All that came lately, sound and headers included, to 2 %: what the link carries when it
    carries all that it can. 0: not known."""

    def pack(self) -> bytes:
        """REPORT_BYTES bytes."""
        return _LAYOUT.pack(
            _FIRST_BYTE,
            self.newest,
            self.held,
            min(self.delay_ms, 0xFFFF),
            self.transit_ms % (1 << TRANSIT_BITS),
            _rate_code(self.received_bps),
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
        _, newest, held, delay_ms, transit_ms, code = _LAYOUT.unpack_from(data)
        received_bps = _LEAST_BPS * 2.0 ** ((code - 1) / _STEPS_PER_OCTAVE) if code else 0.0
        return cls(newest, held, delay_ms, transit_ms, received_bps)


def _rate_code(rate_bps: float) -> int:
    """0, or 1..255 in logarithmic steps; saturates."""
    if rate_bps <= 0:
        return 0
    code = 1 + round(_STEPS_PER_OCTAVE * math.log2(max(rate_bps / _LEAST_BPS, 1.0)))
    return min(code, 0xFF)
