"""The picture's hop: its rate, and pictures that stand alone."""

from typing import Any

import aiortc.codecs.h264
import aiortc.codecs.vpx
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


async def request_key_picture(connection: RTCPeerConnection) -> None:
    """Send a picture loss indication (RFC 4585, section 6.3.1) for each video that comes in."""
    for receiver in connection.getReceivers():
        internals: Any = receiver
        if internals._RTCRtpReceiver__kind == "video":
            for ssrc in internals._RTCRtpReceiver__remote_streams:
                await internals._send_rtcp_pli(ssrc)
