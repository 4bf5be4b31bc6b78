"""The receiving process of the wire benchmark: the receiver itself, painting nothing.

    link --> [uvicorn --> WhipSession --> PartyStream --> RenderEngine] --> blank pictures

`python -m benchmarks.wire_receiver HOST` serves WHIP and hears on standard input where to write
what the newest call showed (`benchmarks.wire_job`).
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.standard_input import input_lines
from benchmarks.wire_job import Word, hear, say
from benchmarks.wire_log import WatchedPlayer
from receiver.app import create_app
from receiver.calls import Calls
from receiver.party_stream import PartyStream
from receiver.player_status import StatusReporter
from receiver.published_stream import PublisherLink
from receiver.renderer import RenderEngine
from receiver.server import listen, serve
from receiver.tokens import TokenAuthority
from shared.channel import Channel
from shared.clock import SystemClock
from shared.face_model import FaceModel
from shared.features import Features
from shared.frame_input import FrameInput
from shared.metrics import Metrics
from shared.parameters import FloatArray, Image

_SIZE = 16


class BlankGenerator:
    """A generator that paints nothing, as fast as can be."""

    name = "blank"
    size = _SIZE
    channels = (Channel.MASK,)
    condition_size = (_SIZE, _SIZE)
    history = 0
    largest_batch = 1

    def __init__(self) -> None:
        self._blank = np.zeros((_SIZE, _SIZE, 3), np.uint8)

    def prepare(self, image: Image, conditions: FloatArray) -> Features:
        return Features({})

    def generate(
        self, features: Features, conditions: FloatArray, past_pncc: FloatArray | None = None
    ) -> Image:
        return self._blank

    def generate_batch(self, frames: Sequence[FrameInput]) -> list[Image]:
        return [self.generate(one.features, one.conditions, one.past_pncc) for one in frames]

    def close(self) -> None:
        """Holds nothing."""


class WatchedReceiver:
    """A receiver whose newest call is written down."""

    def __init__(self, authority: TokenAuthority) -> None:
        self._clock = SystemClock()
        self._metrics = Metrics()
        self.engine = RenderEngine(FaceModel.load(), BlankGenerator(), metrics=self._metrics)
        self.calls = Calls(
            open_stream=self._open_stream,
            describe=StatusReporter(clock=self._clock).describe,
            clock=self._clock,
            metrics=self._metrics,
        )
        self.app = create_app(self.calls, authority, self._metrics)
        self.player = WatchedPlayer()

    def _open_stream(self, link: PublisherLink) -> PartyStream:
        self.player = WatchedPlayer()
        return PartyStream(
            engine=self.engine,
            clock=self._clock,
            metrics=self._metrics,
            link=link,
            player=self.player,
        )


async def _run(host: str) -> None:
    receiver = WatchedReceiver(TokenAuthority(os.environ["KILOCALL_TOKEN_SECRET"].encode()))
    await asyncio.to_thread(receiver.engine.start)
    listener = listen(host, 0)
    listening = asyncio.create_task(_listen_to_input(receiver))

    async def before_stop() -> None:
        listening.cancel()
        await receiver.calls.close()
        await asyncio.to_thread(receiver.engine.close)

    await serve(
        receiver.app,
        listener,
        None,
        on_ready=lambda: print(say(Word.READY, str(listener.getsockname()[1])), flush=True),
        before_stop=before_stop,
    )


async def _listen_to_input(receiver: WatchedReceiver) -> None:
    async for line in input_lines():
        word, detail = hear(line)
        assert word is Word.COLLECT
        receiver.player.save(Path(detail))
        print(say(Word.DONE), flush=True)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1]))
