"""What our answers say about the video that a publisher may fall back to (RFC 4566, RFC 3890)."""


def cap_video(sdp: str, max_bps: int) -> str:
    """`sdp` with the bit rate of each of its videos bounded; unchanged without video.

    Browsers read AS (kbit/s, headers included) or TIAS (bit/s, without), so both are said.
    """
    lines: list[str] = []
    is_video = False
    for line in sdp.splitlines():
        if line.startswith("m="):
            is_video = line.startswith("m=video")
        if is_video and line.startswith("b="):
            continue
        lines.append(line)
        # The order of RFC 4566, section 5: m, i, c, b, then attributes.
        if is_video and line.startswith("c="):
            lines += [f"b=AS:{max_bps // 1000}", f"b=TIAS:{max_bps}"]
    return "\r\n".join(lines) + "\r\n"
