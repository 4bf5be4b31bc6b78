"""What an operating point costs on the wire, headers and upkeep included. Pure."""

from sender.operating_point import PRECISIONS, OperatingPoint

DATA_HEADER_BYTES = 85
"""IP 20, UDP 8, DTLS 13 and 16, SCTP 12, DATA 16; SCTP pads to four bytes."""

AUDIO_HEADER_BYTES = 44
"""IP 20, UDP 8, RTP 12, SRTP 4: no header extension is negotiated."""

MESSAGE_HEADER_BYTES = 6
"""With what the first frame takes more, as it is predicted from further back."""

IN_BAND_BYTES = 4
"""Around a message inside an Opus packet."""

UPKEEP_BPS = 800.0
"""Checks of the path, and acknowledgements of the receiver's reports."""

AUDIO_UPKEEP_BPS = 400.0
"""RTCP."""

FRAME_BYTES = 5.5
"""Of a frame inside a message, until some were seen."""

_PRECISION_SHARE = 0.6
"""Of a frame's bytes that the next coarser precision takes."""

_MEMORY = 0.98
_MOST_EXCESS = 2.0
_EXCESS_RISE = 0.2
_EXCESS_FALL = 0.002
"""Of an observation; half a minute of a still face unlearns little."""


class WireCost:
    """Predicts rates from the sizes of the messages so far."""

    def __init__(self, *, has_sound: bool) -> None:
        self._has_sound = has_sound
        self._frame_bytes = FRAME_BYTES
        self._excess = 1.0
        self.is_in_band = False
        """Whether messages ride in the packets of sound."""

    def observe_message(self, size: int, frame_count: int, point: OperatingPoint) -> None:
        """A message of a moving face was made; one of a pause says nothing."""
        fine = max(size - MESSAGE_HEADER_BYTES, 1) / frame_count / _share(point)
        self._frame_bytes += (fine - self._frame_bytes) * (1 - _MEMORY)

    def observe_rate(self, sent_bps: float, point: OperatingPoint) -> None:
        """What really was sent a second, references apart.

        More than predicted (IPv6, a relay's headers) raises all predictions; less is a still
        face and says nothing.
        """
        ratio = max(sent_bps * self._excess / self.bps(point), 1.0)
        weight = _EXCESS_RISE if ratio > self._excess else _EXCESS_FALL
        self._excess += (min(ratio, _MOST_EXCESS) - self._excess) * weight

    def bps(self, point: OperatingPoint) -> float:
        """Bits a second of a moving, speaking face."""
        frame_bytes = self._frame_bytes * _share(point)
        messages = point.frame_rate_hz / point.frames_per_message
        size = MESSAGE_HEADER_BYTES + frame_bytes * (point.frames_per_message + point.repeated)
        around = IN_BAND_BYTES if self.is_in_band else DATA_HEADER_BYTES + 1.5
        total = UPKEEP_BPS + 8 * messages * (size + around)
        if self._has_sound:
            total += AUDIO_UPKEEP_BPS + point.audio_bitrate_bps
            total += 8e3 / point.audio_packet_ms * AUDIO_HEADER_BYTES
        return total * self._excess


def _share(point: OperatingPoint) -> float:
    return float(_PRECISION_SHARE ** (point.precision - PRECISIONS[0]))
