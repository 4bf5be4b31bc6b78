"""The receiving process of the scale benchmark: the receiver itself, whose ticks are noted.

    senders --> [WhipSession --> PartyStream --> RenderEngine --> WhepSession] --> viewers

Everything in brackets is the product's own code, settings from KILOCALL_* included.
`python -m benchmarks.scale_receiver` hears on standard input where to write when pictures were
due since it was asked last (`benchmarks.wire_job`).
"""

import asyncio
import os
from pathlib import Path

from benchmarks.call_moments import Moment, save_moments
from benchmarks.standard_input import input_lines
from benchmarks.wire_job import Word, hear, say
from receiver.concealment import ShownFace
from receiver.frame_player import FramePlayer
from receiver.pipeline import ReceiverPipeline
from receiver.server import listen, serve
from receiver.settings import ReceiverSettings
from receiver.tokens import TokenAuthority


class DuePlayer(FramePlayer):
    """A player that notes when each of its ticks was due."""

    def __init__(self) -> None:
        super().__init__()
        self.dues: list[Moment] = []
        """Of each tick since they were saved."""

    def tick(self, now_ns: int) -> tuple[int, ShownFace] | None:
        found = super().tick(now_ns)
        if found is not None:
            time, shown = found
            self.dues.append((shown.parameters.capture_time, self.playout.due_ns(time)))
        return found


class NotedPlayers:
    """The players of all parties, in the order in which they came."""

    def __init__(self) -> None:
        self._players: list[DuePlayer] = []

    def make(self) -> DuePlayer:
        player = DuePlayer()
        self._players.append(player)
        return player

    def save(self, path: Path) -> None:
        """Write what was noted, and forget it."""
        save_moments(path, [player.dues for player in self._players])
        for player in self._players:
            player.dues.clear()


async def _run() -> None:
    settings = ReceiverSettings.read(host="127.0.0.1", port=0)
    authority = TokenAuthority(os.environ["KILOCALL_TOKEN_SECRET"].encode())
    players = NotedPlayers()
    pipeline = ReceiverPipeline(settings, authority, make_player=players.make)
    await pipeline.start()
    listener = listen(settings.host, settings.port)
    listening = asyncio.create_task(_listen_to_input(players))

    async def before_stop() -> None:
        listening.cancel()
        await pipeline.close()

    await serve(
        pipeline.app,
        listener,
        None,
        on_ready=lambda: print(say(Word.READY, str(listener.getsockname()[1])), flush=True),
        before_stop=before_stop,
    )


async def _listen_to_input(players: NotedPlayers) -> None:
    async for line in input_lines():
        word, detail = hear(line)
        assert word is Word.COLLECT
        players.save(Path(detail))
        print(say(Word.DONE), flush=True)


if __name__ == "__main__":
    asyncio.run(_run())
