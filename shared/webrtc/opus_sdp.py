"""What our descriptions say about Opus: speech, mono, at a few kilobits (RFC 7587, section 6.1)."""

import re
from dataclasses import dataclass

_OPUS = re.compile(r"^a=rtpmap:(\d+) opus/48000/2\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OpusPreferences:
    """What the side that states them wants to receive."""

    bitrate_bps: int = 16_000
    """6000 to 510000; the other side's encoder stays at or below it."""

    packet_ms: int = 20
    """20, 40 or 60 ms of sound a packet."""


def prefer_opus(sdp: str, preferences: OpusPreferences) -> str:
    """`sdp` with Opus asked to be mono, sparing and packed by `packet_ms`; unchanged without Opus.

    aiortc writes no parameters of Opus and would not change what it sends by them, so the text
    is all there is to change.
    """
    match = _OPUS.search(sdp)
    if match is None:
        return sdp
    payload_type = match.group(1)
    parameters = (
        f"minptime=10;useinbandfec=1;usedtx=1;stereo=0;sprop-stereo=0"
        f";maxaveragebitrate={preferences.bitrate_bps}"
    )
    lines = [
        line
        for line in sdp.splitlines()
        if not line.startswith((f"a=fmtp:{payload_type} ", "a=ptime:"))
    ]
    index = next(i for i, line in enumerate(lines) if _OPUS.match(line))
    lines.insert(index + 1, f"a=fmtp:{payload_type} {parameters}")
    lines.insert(index + 2, f"a=ptime:{preferences.packet_ms}")
    return "\r\n".join(lines) + "\r\n"
