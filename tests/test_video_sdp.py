"""The answer bounds a publisher's video."""

from shared.webrtc.video_sdp import cap_video

LINES = (
    "v=0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 96",
    "c=IN IP4 0.0.0.0",
    "a=recvonly",
    "m=video 9 UDP/TLS/RTP/SAVPF 97",
    "c=IN IP4 0.0.0.0",
    "b=AS:9000",
    "a=recvonly",
)


def test_video_is_capped_after_its_connection_line_and_nothing_else_changes() -> None:
    capped = cap_video("\r\n".join(LINES) + "\r\n", 250_000)
    assert capped.endswith("\r\n")
    expected = [*LINES[:6], "b=AS:250", "b=TIAS:250000", "a=recvonly"]
    assert capped.splitlines() == expected


def test_without_video_nothing_changes() -> None:
    sdp = "\r\n".join(LINES[:4]) + "\r\n"
    assert cap_video(sdp, 250_000) == sdp
