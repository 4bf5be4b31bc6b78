"""The picture's hop: its rate, and pictures that stand alone."""

from typing import Any

import aiortc.codecs.h264
import aiortc.codecs.vpx
import av
from aiortc import RTCPeerConnection


def limit_video_bitrate(maximum_bps: int) -> None:
    """Cap the video encoders of this process that are created from now on.

    They start at the cap and obey the viewer's REMB below it, down to a half.
    """
    modules: tuple[Any, ...] = (aiortc.codecs.vpx, aiortc.codecs.h264)
    for module in modules:
        module.MIN_BITRATE = maximum_bps // 2
        module.DEFAULT_BITRATE = maximum_bps
        module.MAX_BITRATE = maximum_bps


class VideoEncoder:
    """VP8 as a session's sender encodes it, for measurements."""

    def __init__(self) -> None:
        self._encoder = aiortc.codecs.vpx.Vp8Encoder()

    def encode(self, frame: av.VideoFrame) -> list[bytes]:
        """Payloads of a picture's packets; `frame` is of yuv420p, with its time."""
        payloads, _ = self._encoder.encode(frame, force_keyframe=False)
        return payloads


async def request_key_picture(connection: RTCPeerConnection) -> None:
    """Send a picture loss indication (RFC 4585, section 6.3.1) for each video that comes in."""
    for receiver in connection.getReceivers():
        internals: Any = receiver
        if internals._RTCRtpReceiver__kind == "video":
            for ssrc in internals._RTCRtpReceiver__remote_streams:
                await internals._send_rtcp_pli(ssrc)
