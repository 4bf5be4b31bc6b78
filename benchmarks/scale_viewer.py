"""The watching process of the scale benchmark: many viewers that date pictures and decode none.

    RTP of the picture hop --> a picture is complete --> its RTP time, by the stream's sender
    reports --> capture time

`python -m benchmarks.scale_viewer URL` hears on standard input the tokens of the calls to watch,
and where to write what came since it was asked last (`benchmarks.wire_job`).
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from benchmarks.call_moments import Moment, save_moments
from benchmarks.standard_input import input_lines
from benchmarks.vp8 import Vp8Assembler
from benchmarks.whep_client import WhepClient, WhepConnection
from benchmarks.wire_job import Word, hear, say
from shared.errors import BitstreamError, SignalingError
from shared.webrtc.aiortc.rtp_tap import RtpArrival


class DatingViewer:
    """Notes when each picture was complete."""

    def __init__(self) -> None:
        self._assembler = Vp8Assembler()
        self._pictures: list[tuple[int, int]] = []
        """(RTP timestamp, monotonic ns of the last packet)."""

    def on_video(self, packet: RtpArrival) -> None:
        """A packet of the picture hop; its receiver's datagrams are stamped as they come."""
        with contextlib.suppress(BitstreamError):  # counts as a picture that never came
            if self._assembler.push(packet) is not None:
                self._pictures.append((packet.timestamp, packet.arrival_ns))

    def take(self, connection: WhepConnection) -> list[Moment]:
        """When what came was complete; nothing before the first sender report."""
        clock = connection.video_clock
        found = [
            (capture_time, arrival_ns)
            for timestamp, arrival_ns in self._pictures
            if (capture_time := clock.capture_time(timestamp)) is not None
        ]
        self._pictures.clear()
        return found


async def _serve(url: str) -> None:
    viewers: list[tuple[DatingViewer, WhepConnection]] = []
    print(say(Word.READY), flush=True)
    try:
        async for line in input_lines():
            word, detail = hear(line)
            if word is Word.COLLECT:
                found = [viewer.take(connection) for viewer, connection in viewers]
                save_moments(Path(detail), found)
                print(say(Word.DONE), flush=True)
                continue
            assert word is Word.CALL
            viewer = DatingViewer()
            try:
                connection = await WhepClient.connect(
                    url, detail, on_video=viewer.on_video, on_audio=lambda packet: None
                )
            except SignalingError as error:
                print(say(Word.FAILED, str(error)), flush=True)
                continue
            viewers.append((viewer, connection))
            print(say(Word.OPEN), flush=True)
    finally:
        for _, connection in viewers:
            await connection.close()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
