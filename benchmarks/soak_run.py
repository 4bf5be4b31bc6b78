"""One long call between the product's own processes, read every few seconds.

sender, --video in a loop --> receiver --> viewer, in this process, which decodes nothing
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.child import Child
from benchmarks.process_usage import read_usage
from benchmarks.soak_sample import SoakReading, SoakSample, sample_between
from benchmarks.vp8 import Vp8Assembler
from benchmarks.whep_client import WhepClient
from receiver.tokens import Grant, TokenAuthority
from shared.errors import BitstreamError, KilocallError
from shared.trace import TraceReader, TraceRecord
from shared.webrtc.aiortc.rtp_tap import RtpArrival

_FIRST_PICTURE_SECONDS = 30.0
_POLL_SECONDS = 0.25
_ROOM = "soak"


class SoakError(KilocallError):
    """The call could not be made, or ended by itself."""


@dataclass(frozen=True, slots=True)
class SoakSettings:
    """One soak."""

    video: Path
    """Plays in a loop, with its sound."""

    bundle: str
    seconds: float
    """From the first picture on."""

    period_seconds: float
    """Between two readings."""


@dataclass(slots=True)
class SoakRun:
    """What was found so far."""

    samples: list[SoakSample] = field(default_factory=list)
    ended: str | None = None
    """What ended the call before its time; None while it runs, and for one that was whole."""


class _CountingViewer:
    """Counts complete pictures."""

    def __init__(self) -> None:
        self._assembler = Vp8Assembler()
        self.pictures = 0

    def on_video(self, packet: RtpArrival) -> None:
        with contextlib.suppress(BitstreamError):  # a picture that never came
            self.pictures += self._assembler.push(packet) is not None


class _Trace:
    """The newest record of a trace; older ones are forgotten, as a soak may last days."""

    def __init__(self, path: Path) -> None:
        self._reader = TraceReader(path)
        self.newest: TraceRecord | None = None

    def poll(self) -> None:
        self.newest = self._reader.poll() or self.newest
        self._reader.records.clear()


class Soak:
    """Makes one call and reads it."""

    def __init__(
        self, settings: SoakSettings, folder: Path, run: SoakRun, on_sample: Callable[[], None]
    ) -> None:
        """`folder` is for traces; `on_sample` hears of each sample that was added to `run`."""
        self._settings = settings
        self._run = run
        self._on_sample = on_sample
        self._secret = secrets.token_urlsafe(32)
        self._authority = TokenAuthority(self._secret.encode())
        self._paths = folder / "receiver.jsonl", folder / "sender.jsonl"
        self._traces = _Trace(self._paths[0]), _Trace(self._paths[1])
        self._viewer = _CountingViewer()

    async def make(self) -> None:
        """Until the time is over. Raises SoakError, ChildError, SignalingError; everything started
        is ended by then, and the run says why."""
        try:
            async with AsyncExitStack() as stack:
                receiver = await Child.start(
                    "receiver", self._receiver_arguments(), {"KILOCALL_TOKEN_SECRET": self._secret}
                )
                stack.push_async_callback(receiver.stop)
                url = await receiver.announced_url()
                viewer = await WhepClient.connect(
                    f"{url}/whep",
                    self._token("viewer", publish=False),
                    on_video=self._viewer.on_video,
                    on_audio=lambda packet: None,
                )
                stack.push_async_callback(viewer.close)
                sender = await Child.start(
                    "sender",
                    self._sender_arguments(url),
                    {"KILOCALL_TOKEN": self._token("sender", publish=True)},
                )
                stack.push_async_callback(sender.stop)
                await self._watch(receiver, sender)
        except KilocallError as error:
            self._run.ended = str(error)
            raise
        except asyncio.CancelledError:
            self._run.ended = "interrupted"
            raise

    def _receiver_arguments(self) -> list[str]:
        found = ["--host", "127.0.0.1", "--port", "0", "--generator", self._settings.bundle]
        return [*found, "--trace", str(self._paths[0])]

    def _sender_arguments(self, url: str) -> list[str]:
        video = str(self._settings.video.resolve())
        return ["--url", f"{url}/whip", "--trace", str(self._paths[1]), "--video", video]

    def _token(self, party: str, *, publish: bool) -> str:
        grant = Grant(room=_ROOM, party=party, publish=publish, play=not publish)
        return self._authority.issue(grant, minutes=self._settings.seconds / 60 + 60)

    async def _watch(self, receiver: Child, sender: Child) -> None:
        """Read both until the time is over or one of them ends."""
        failures = [asyncio.create_task(child.failed()) for child in (receiver, sender)]
        reading = asyncio.create_task(self._read_on(receiver, sender))
        try:
            await asyncio.wait([*failures, reading], return_when=asyncio.FIRST_COMPLETED)
            for task in (*failures, reading):
                if task.done():
                    task.result()
        finally:
            for task in (*failures, reading):
                task.cancel()
            await asyncio.gather(*failures, reading, return_exceptions=True)

    async def _read_on(self, receiver: Child, sender: Child) -> None:
        await self._first_picture()
        last = self._read(receiver, sender)
        origin_ns = last.receiver.time_ns
        number = 0
        while (number + 1) * self._settings.period_seconds <= self._settings.seconds + 1e-6:
            number += 1
            due_ns = origin_ns + round(number * self._settings.period_seconds * 1e9)
            await asyncio.sleep(max(due_ns - time.monotonic_ns(), 0) / 1e9)
            reading = self._read(receiver, sender)
            self._run.samples.append(sample_between(last, reading, origin_ns=origin_ns))
            last = reading
            self._on_sample()

    async def _first_picture(self) -> None:
        """Until pictures come and both traces have begun."""
        try:
            async with asyncio.timeout(_FIRST_PICTURE_SECONDS):
                while not self._viewer.pictures or not all(t.newest for t in self._traces):
                    await asyncio.sleep(_POLL_SECONDS)
                    for trace in self._traces:
                        trace.poll()
        except TimeoutError:
            raise SoakError(
                f"no picture after {_FIRST_PICTURE_SECONDS:g} s: {self._settings.video} "
                "needs a face that can be followed"
            ) from None

    def _read(self, receiver: Child, sender: Child) -> SoakReading:
        for trace in self._traces:
            trace.poll()
        traces = tuple(trace.newest for trace in self._traces)
        usages = read_usage(receiver.pid), read_usage(sender.pid)
        if usages[0] is None or usages[1] is None or traces[0] is None or traces[1] is None:
            raise SoakError("receiver or sender is gone")
        return SoakReading(
            receiver=usages[0],
            sender=usages[1],
            receiver_trace=traces[0],
            sender_trace=traces[1],
            pictures=self._viewer.pictures,
        )
