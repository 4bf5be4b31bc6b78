"""One sender, one receiver and a bad network between them, for call after call."""

import asyncio
import secrets
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from benchmarks.child import Child
from benchmarks.link import Link
from benchmarks.link_model import LinkConditions, LinkCount, LinkSnapshot
from benchmarks.tun_link import RECEIVER_ADDRESS, TunLink
from benchmarks.wire_job import CallJob, Word, hear, say
from benchmarks.wire_log import SentCall, ShownCall
from receiver.tokens import Grant, TokenAuthority
from sender.parameter_transport import TransportChoice
from shared.errors import ConfigError, KilocallError

OPEN_TIMEOUT_SECONDS = 60.0
"""Of trying; the last attempt may take its own time on top."""

_START_SECONDS = 180.0
"""The first start compiles numba's kernels."""

_SHOWN_SECONDS = 30.0
_END_SECONDS = 20.0
_LAST_ATTEMPT_SECONDS = 60.0
_LOOPBACK = "127.0.0.1"


class LaneError(KilocallError):
    """A call could not be made or measured; the message says why."""


class EmulatedLink(Protocol):
    """A `TunLink` or, where that is not allowed, a `Link`."""

    @property
    def first_udp_ns(self) -> int | None: ...

    def impair(self, conditions: LinkConditions, *, seed: int | None = None) -> None: ...

    def snapshot(self) -> LinkSnapshot: ...


def why_no_tun_link() -> str | None:
    """What this system lacks for a `TunLink`; None where it works."""
    try:
        TunLink(seed=0).close()
    except ConfigError as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True, eq=False)
class CallPlan:
    """One call to measure."""

    track: Path
    sound: Path | None
    transport: TransportChoice
    frames_per_message: int | None
    conditions: LinkConditions
    seed: int
    settle_seconds: float
    """From the change of the link's conditions to what is measured."""

    seconds: float
    """Measured."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredCall:
    """A call, and what the link carried while it was measured."""

    plan: CallPlan
    sent: SentCall
    shown: ShownCall
    start_ns: int
    """Monotonic: what is measured began."""

    end_ns: int
    forward: LinkCount
    """Of the time between."""

    reverse: LinkCount


@dataclass(frozen=True, slots=True)
class Opening:
    """How long it took to open both channels over a link bad from the start."""

    seconds: float | None
    """None: not within OPEN_TIMEOUT_SECONDS; attempts that failed are part of it."""

    signaling_seconds: float | None
    """Of these, until the first packet after the answer; None when there was none."""


class Lane:
    """Made by `start`; makes one call at a time."""

    def __init__(
        self,
        folder: Path,
        link: EmulatedLink,
        url: str,
        authority: TokenAuthority,
        sender: Child,
        receiver: Child,
        stack: AsyncExitStack,
    ) -> None:
        self._folder = folder
        self._link = link
        self._url = url
        self._authority = authority
        self._sender = sender
        self._receiver = receiver
        self._stack = stack
        self._calls = 0

    @classmethod
    async def start(cls, folder: Path, *, with_tun: bool) -> Self:
        """`folder` is for files between the processes.

        Raises ChildError, LaneError, ConfigError; everything started is ended by then.
        """
        secret = secrets.token_urlsafe(32)
        environment = {"KILOCALL_TOKEN_SECRET": secret}
        async with AsyncExitStack() as stack:
            tun: TunLink | None = None
            if with_tun:
                tun = TunLink(seed=0)
                stack.callback(tun.close)
            receiver = await _start_child(
                "benchmarks.wire_receiver",
                [_LOOPBACK if tun is None else RECEIVER_ADDRESS],
                environment,
                None if tun is None else tun.receiver_namespace,
            )
            stack.push_async_callback(receiver.stop)
            sender = await _start_child(
                "benchmarks.wire_sender", [], {}, None if tun is None else tun.sender_namespace
            )
            stack.push_async_callback(sender.stop)
            port = await _expect(receiver, Word.READY, _START_SECONDS)
            await _expect(sender, Word.READY, _START_SECONDS)
            link: EmulatedLink
            if tun is None:
                relay = Link(f"http://{_LOOPBACK}:{port}", seed=0)
                stack.push_async_callback(relay.close)
                await relay.start()
                link, url = relay, relay.url
            else:
                link, url = tun, f"http://{RECEIVER_ADDRESS}:{port}"
            authority = TokenAuthority(secret.encode())
            return cls(folder, link, url, authority, sender, receiver, stack.pop_all())

    async def close(self) -> None:
        await self._stack.aclose()

    async def measure(self, plan: CallPlan) -> MeasuredCall:
        """A call over a link that turns bad once there is a picture.

        Raises LaneError, ChildError: the lane is of no more use then.
        """
        job = self._job(plan)
        shown_log = self._folder / "shown.npz"
        self._link.impair(LinkConditions())
        self._sender.write_line(say(Word.CALL, job.pack()))
        await _expect(self._sender, Word.OPEN, OPEN_TIMEOUT_SECONDS + _LAST_ATTEMPT_SECONDS)
        await _expect(self._sender, Word.SHOWN, _SHOWN_SECONDS)
        self._link.impair(plan.conditions, seed=plan.seed)
        await asyncio.sleep(plan.settle_seconds)
        before, start_ns = self._link.snapshot(), time.monotonic_ns()
        await asyncio.sleep(plan.seconds)
        after, end_ns = self._link.snapshot(), time.monotonic_ns()
        # What is still under way arrives before the receiver is asked.
        await asyncio.sleep((2 * plan.conditions.delay_ms + plan.conditions.queue_ms) / 1e3)
        self._receiver.write_line(say(Word.COLLECT, str(shown_log)))
        await _expect(self._receiver, Word.DONE, _END_SECONDS)
        self._link.impair(LinkConditions())
        self._sender.write_line(say(Word.END))
        await _expect(self._sender, Word.DONE, _END_SECONDS)
        return MeasuredCall(
            plan=plan,
            sent=SentCall.load(Path(job.log)),
            shown=ShownCall.load(shown_log),
            start_ns=start_ns,
            end_ns=end_ns,
            forward=after.forward - before.forward,
            reverse=after.reverse - before.reverse,
        )

    async def open(self, plan: CallPlan) -> Opening:
        """Make a call over a link that is bad from the start, and end it."""
        job = self._job(plan)
        self._link.impair(plan.conditions, seed=plan.seed)
        self._sender.write_line(say(Word.CALL, job.pack()))
        word, detail = await _next(self._sender, OPEN_TIMEOUT_SECONDS + _LAST_ATTEMPT_SECONDS)
        first_ns = self._link.first_udp_ns
        self._link.impair(LinkConditions())
        start_ns = int(detail.split()[0])
        signaling = None if first_ns is None else (first_ns - start_ns) / 1e9
        if word is Word.FAILED:
            return Opening(None, signaling)
        self._sender.write_line(say(Word.END))
        while word not in (Word.DONE, Word.FAILED):
            word, _ = await _next(self._sender, _END_SECONDS)
        return Opening((int(detail.split()[1]) - start_ns) / 1e9, signaling)

    def _job(self, plan: CallPlan) -> CallJob:
        self._calls += 1
        # A room of its own: nothing of an earlier call is in the way.
        grant = Grant(room=f"call-{self._calls}", party="sender", publish=True, play=False)
        return CallJob(
            url=f"{self._url}/whip",
            token=self._authority.issue(grant, minutes=60),
            track=str(plan.track),
            sound=None if plan.sound is None else str(plan.sound),
            transport=plan.transport,
            frames_per_message=plan.frames_per_message,
            log=str(self._folder / "sent.npz"),
            timeout_seconds=OPEN_TIMEOUT_SECONDS,
        )


async def _start_child(
    module: str, arguments: list[str], environment: dict[str, str], namespace: str | None
) -> Child:
    if namespace is not None:
        module, arguments = "benchmarks.in_namespace", [namespace, module, *arguments]
    return await Child.start(module, arguments, environment, has_input=True)


async def _next(child: Child, timeout_seconds: float) -> tuple[Word, str]:
    try:
        async with asyncio.timeout(timeout_seconds):
            return hear(await child.next_line())
    except TimeoutError:
        raise LaneError(f"nothing of the {child.name} for {timeout_seconds:g} s") from None


async def _expect(child: Child, wanted: Word, timeout_seconds: float) -> str:
    word, detail = await _next(child, timeout_seconds)
    if word is not wanted:
        raise LaneError(f"{word.value} {detail}".strip())
    return detail
