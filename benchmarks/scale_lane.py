"""One receiver process, and as many calls to it as are asked for, each sent and watched.

senders, one process --> receiver, one process --> viewers, one process; all over loopback
"""

import asyncio
import secrets
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.call_moments import load_moments
from benchmarks.child import Child
from benchmarks.process_usage import ProcessUsage, read_usage
from benchmarks.wire_job import CallJob, Word, hear, say
from receiver.tokens import Grant, TokenAuthority
from sender.parameter_transport import TransportChoice
from shared.errors import KilocallError
from shared.trace import TRACE_PERIOD_SECONDS, TraceReader, TraceRecord

_START_SECONDS = 180.0
"""The first start compiles numba's kernels."""

_CONNECT_SECONDS = 60.0
_ANSWER_SECONDS = 20.0
_LATE_SECONDS = 0.3
"""After the time that is measured, for pictures that were due in it."""

_TOKEN_MINUTES = 24 * 60
_MOST_ROOMS = 1000


class ScaleError(KilocallError):
    """A call could not be made or measured; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class PlayedTrack:
    """What a sender replays: files for another process."""

    track: Path
    """Of a `RecordedTrack`."""

    fps: float
    sound: Path | None


@dataclass(frozen=True, slots=True, eq=False)
class LoadUsage:
    """Of the three processes at one moment."""

    receiver: ProcessUsage
    senders: ProcessUsage
    viewers: ProcessUsage


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredLoad:
    """Some seconds of so many calls."""

    start_ns: int
    """Monotonic."""

    end_ns: int

    dues: list[NDArray[np.int64]]
    """(T, 2) of each call: capture time in ticks modulo 2^32, and monotonic ns at which its
    picture was due. Reaches beyond start and end."""

    pictures: list[NDArray[np.int64]]
    """(P, 2) likewise: capture time, and monotonic ns at which the picture was complete at its
    viewer."""

    before: LoadUsage
    after: LoadUsage
    trace: tuple[TraceRecord, TraceRecord]
    """Of the receiver; of about the same time."""


class ScaleLane:
    """Made by `start`. Calls can be added, and all end together."""

    def __init__(
        self,
        folder: Path,
        url: str,
        authority: TokenAuthority,
        children: tuple[Child, Child, Child],
        stack: AsyncExitStack,
    ) -> None:
        self._folder = folder
        self._url = url
        self._authority = authority
        self._receiver, self._senders, self._viewers = children
        self._stack = stack
        self._trace = TraceReader(folder / "receiver.jsonl")
        self.calls = 0

    @classmethod
    async def start(cls, folder: Path, generator: str) -> Self:
        """`folder` is for files between the processes.

        Raises ChildError, ScaleError; everything started is ended by then.
        """
        secret = secrets.token_urlsafe(32)
        environment = {
            "KILOCALL_TOKEN_SECRET": secret,
            "KILOCALL_GENERATOR": generator,
            "KILOCALL_TRACE": str(folder / "receiver.jsonl"),
            "KILOCALL_MAX_ROOMS": str(_MOST_ROOMS),
        }
        async with AsyncExitStack() as stack:
            receiver = await Child.start(
                "benchmarks.scale_receiver", [], environment, has_input=True
            )
            stack.push_async_callback(receiver.stop)
            senders = await Child.start("benchmarks.scale_sender", [], {}, has_input=True)
            stack.push_async_callback(senders.stop)
            port = await _expect(receiver, Word.READY, _START_SECONDS)
            url = f"http://127.0.0.1:{port}"
            viewers = await Child.start(
                "benchmarks.scale_viewer", [f"{url}/whep"], {}, has_input=True
            )
            stack.push_async_callback(viewers.stop)
            await _expect(senders, Word.READY, _START_SECONDS)
            await _expect(viewers, Word.READY, _START_SECONDS)
            children = receiver, senders, viewers
            return cls(folder, url, TokenAuthority(secret.encode()), children, stack.pop_all())

    async def close(self) -> None:
        await self._stack.aclose()

    async def add_call(self, played: PlayedTrack) -> None:
        """Returns when the receiver holds the call's reference. Raises ScaleError, ChildError."""
        room = f"call-{self.calls}"
        viewer = Grant(room=room, party="viewer", publish=False, play=True)
        self._viewers.write_line(
            say(Word.CALL, self._authority.issue(viewer, minutes=_TOKEN_MINUTES))
        )
        await _expect(self._viewers, Word.OPEN, _CONNECT_SECONDS)
        sender = Grant(room=room, party="sender", publish=True, play=False)
        job = CallJob(
            url=f"{self._url}/whip",
            token=self._authority.issue(sender, minutes=_TOKEN_MINUTES),
            track=str(played.track),
            sound=None if played.sound is None else str(played.sound),
            transport=TransportChoice.AUTO,
            frames_per_message=None,
            log=str(self._folder / f"sent-{self.calls}.npz"),
            timeout_seconds=_CONNECT_SECONDS,
        )
        self._senders.write_line(say(Word.CALL, job.pack()))
        await _expect(self._senders, Word.SHOWN, 2 * _CONNECT_SECONDS)
        self.calls += 1

    async def measure(self, seconds: float) -> MeasuredLoad:
        """What the calls there are cost. Raises ScaleError, ChildError."""
        await self._collect()
        trace_before = await self._newest_trace()
        before, start_ns = self._usage(), time.monotonic_ns()
        await asyncio.sleep(seconds)
        after, end_ns = self._usage(), time.monotonic_ns()
        trace_after = await self._newest_trace()
        await asyncio.sleep(_LATE_SECONDS)
        dues, pictures = await self._collect()
        if len(dues) != self.calls or len(pictures) != self.calls:
            raise ScaleError(f"{len(dues)} parties came to the receiver, {self.calls} calls made")
        return MeasuredLoad(
            start_ns=start_ns,
            end_ns=end_ns,
            dues=dues,
            pictures=pictures,
            before=before,
            after=after,
            trace=(trace_before, trace_after),
        )

    async def _collect(self) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
        """(dues, pictures) of each call since they were collected last."""
        found = []
        for name, child in (("dues", self._receiver), ("pictures", self._viewers)):
            path = self._folder / f"{name}.npz"
            child.write_line(say(Word.COLLECT, str(path)))
            await _expect(child, Word.DONE, _ANSWER_SECONDS)
            found.append(load_moments(path))
        return found[0], found[1]

    async def _newest_trace(self) -> TraceRecord:
        """A record written from now on."""
        now_ns = time.monotonic_ns()
        async with asyncio.timeout(_ANSWER_SECONDS):
            while True:
                found = self._trace.poll()
                if found is not None and found.time_ns >= now_ns:
                    return found
                await asyncio.sleep(TRACE_PERIOD_SECONDS / 5)

    def _usage(self) -> LoadUsage:
        return LoadUsage(
            receiver=_usage_of(self._receiver),
            senders=_usage_of(self._senders),
            viewers=_usage_of(self._viewers),
        )


def _usage_of(child: Child) -> ProcessUsage:
    usage = read_usage(child.pid)
    if usage is None:
        raise ScaleError(f"the {child.name} is gone")
    return usage


async def _expect(child: Child, wanted: Word, timeout_seconds: float) -> str:
    try:
        async with asyncio.timeout(timeout_seconds):
            word, detail = hear(await child.next_line())
    except TimeoutError:
        raise ScaleError(f"nothing of the {child.name} for {timeout_seconds:g} s") from None
    if word is not wanted:
        raise ScaleError(f"{child.name}: {word.value} {detail}".rstrip())
    return detail
