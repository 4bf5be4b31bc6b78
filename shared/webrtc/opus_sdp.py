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

    The sound's RTP header extensions (stream name, loudness) go too: they cost 8 bytes a packet
    and tell nothing here. aiortc writes no parameters of Opus and would not change what it sends
    by them, so the text is all there is to change.
    """
    match = _OPUS.search(sdp)
    if match is None:
        return sdp
    payload_type = match.group(1)
    parameters = (
        f"minptime=10;useinbandfec=1;usedtx=1;stereo=0;sprop-stereo=0"
        f";maxaveragebitrate={preferences.bitrate_bps}"
    )
    lines: list[str] = []
    kind = ""
    for line in sdp.splitlines():
        if line.startswith("m="):
            kind = line[2:].partition(" ")[0]
        if line.startswith((f"a=fmtp:{payload_type} ", "a=ptime:")):
            continue
        if kind == "audio" and line.startswith("a=extmap:"):
            continue
        lines.append(line)
    index = next(i for i, line in enumerate(lines) if _OPUS.match(line))
    lines.insert(index + 1, f"a=fmtp:{payload_type} {parameters}")
    lines.insert(index + 2, f"a=ptime:{preferences.packet_ms}")
    return "\r\n".join(lines) + "\r\n"
