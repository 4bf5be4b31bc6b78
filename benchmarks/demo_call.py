"""One call on this machine: receiver, sender, and who watches.

sender process --> [link] --> receiver process --> browser, or our player (headless)
"""

import asyncio
import os
import secrets
import sys
import time
import webbrowser
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live

from benchmarks.child import Child
from benchmarks.demo_settings import DemoSettings
from benchmarks.link import Link
from benchmarks.link_model import LinkSnapshot
from benchmarks.live_table import live_table
from benchmarks.played_call import PlayedCall
from benchmarks.player import Player
from benchmarks.process_usage import read_usage
from benchmarks.whep_client import WhepClient, WhepConnection
from receiver.status_message import PlayerStatus
from receiver.tokens import Grant, TokenAuthority
from sender.settings import InputKind
from shared.clock import SystemClock
from shared.errors import KilocallError
from shared.trace import TraceReader, TraceRecord
from shared.webrtc.wire_counter import WireSnapshot

FIRST_PICTURE_SECONDS = 30.0
_POLL_SECONDS = 0.25
_ROOM = "demo"


def has_browser() -> bool:
    """Whether there is a browser with a window; a text browser would take over the terminal."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


class DemoError(KilocallError):
    """The demo cannot go on."""


@dataclass(frozen=True, slots=True, eq=False)
class CallResult:
    """What a headless call left behind."""

    sender: list[TraceRecord]
    receiver: list[TraceRecord]
    hop: list[tuple[int, WireSnapshot]]
    call: PlayedCall
    recording: Path
    """The sender's; in a folder that goes away with the caller's."""

    ticks_at_zero: int
    """The capture clock at monotonic time 0, modulo 2^32."""

    own_bytes: int | None
    """Of the receiver, at the end, what belongs to no file."""

    rss_bytes: int | None
    generator: str
    link: LinkSnapshot | None


class DemoCall:
    """Runs one call, until its time is over or the task that runs it is cancelled."""

    def __init__(self, settings: DemoSettings, folder: Path, console: Console) -> None:
        """`folder` takes traces and the recording."""
        self._settings = settings
        self._folder = folder
        self._console = console
        self._secret = secrets.token_urlsafe(32)
        self._authority = TokenAuthority(self._secret.encode())
        self._sender_trace = TraceReader(folder / "sender.jsonl")
        self._receiver_trace = TraceReader(folder / "receiver.jsonl")
        self._status: PlayerStatus | None = None
        self._hop: list[tuple[int, WireSnapshot]] = []
        self._link: Link | None = None

    async def run(self) -> CallResult | None:
        """None when nothing was measured, as it was watched in a browser.

        Raises ChildError, DemoError, SignalingError; everything started is ended by then.
        """
        async with AsyncExitStack() as stack:
            receiver = await self._start_receiver()
            stack.push_async_callback(receiver.stop)
            url = await receiver.announced_url()
            whip_url = url
            if self._settings.conditions is not None:
                self._link = Link(url, seed=self._settings.seed)
                stack.push_async_callback(self._link.close)
                await self._link.start()
                whip_url = self._link.url
            if not self._settings.headless:
                self._open_browser(url)
                sender = await self._start_sender(whip_url)
                stack.push_async_callback(sender.stop)
                await self._watch(receiver, sender, None)
                return None
            clock = SystemClock()
            player = Player(clock)
            stack.callback(player.close)
            viewer = await WhepClient.connect(
                f"{url}/whep",
                self._token("viewer", publish=False, play=True),
                on_video=player.on_video,
                on_audio=player.on_audio,
                on_status=self._on_status,
            )
            stack.push_async_callback(viewer.close)
            sender = await self._start_sender(whip_url)
            stack.push_async_callback(sender.stop)
            await self._watch(receiver, sender, (player, viewer))
            self._note_hop(viewer)
            await sender.stop()
            call = player.close()
            await viewer.close()
            rss_bytes = receiver.resident_bytes()
            usage = read_usage(receiver.pid)
            await receiver.stop()
            self._sender_trace.poll()
            self._receiver_trace.poll()
            return CallResult(
                sender=self._sender_trace.records,
                receiver=self._receiver_trace.records,
                hop=self._hop,
                call=call,
                recording=self._folder / "driving.mp4",
                ticks_at_zero=clock.ticks_at(0),
                own_bytes=None if usage is None else usage.own_bytes,
                rss_bytes=rss_bytes,
                generator=self._settings.bundle,
                link=None if self._link is None else self._link.snapshot(),
            )

    async def _start_receiver(self) -> Child:
        arguments = ["--host", "127.0.0.1", "--port", "0", "--generator", self._settings.bundle]
        arguments += ["--trace", str(self._folder / "receiver.jsonl")]
        if self._settings.headless:
            arguments.append("--draw-capture-time")
        return await Child.start("receiver", arguments, {"KILOCALL_TOKEN_SECRET": self._secret})

    async def _start_sender(self, url: str) -> Child:
        settings = self._settings
        arguments = ["--url", f"{url}/whip", "--trace", str(self._folder / "sender.jsonl")]
        match settings.input:
            case InputKind.VIDEO:
                arguments += ["--video", str(settings.video and settings.video.resolve())]
            case InputKind.PORTRAIT:
                arguments.append("--portrait")
            case InputKind.CAMERA:
                arguments.append("--camera")
                if settings.camera_name is not None:
                    arguments += ["--camera-name", settings.camera_name]
                arguments += [] if settings.microphone else ["--no-audio"]
        if settings.frames_per_message is not None:
            arguments += ["--frames-per-message", str(settings.frames_per_message)]
        arguments += ["--transport", settings.transport.value]
        if settings.headless:
            arguments += ["--record", str(self._folder / "driving.mp4")]
        token = self._token("sender", publish=True, play=False)
        return await Child.start("sender", arguments, {"KILOCALL_TOKEN": token})

    def _token(self, party: str, *, publish: bool, play: bool) -> str:
        grant = Grant(room=_ROOM, party=party, publish=publish, play=play)
        return self._authority.issue(grant, minutes=24 * 60)

    def _open_browser(self, url: str) -> None:
        token = self._token("viewer", publish=False, play=True)
        # In the fragment, which browsers send to nobody.
        page = f"{url}/#token={token}"
        opened = has_browser() and webbrowser.open(page)
        self._console.print(
            "The call plays in your browser; Ctrl-C ends it."
            if opened
            else f"Open this page to see the call (Ctrl-C ends it):\n{page}",
            soft_wrap=True,
        )

    def _on_status(self, status: PlayerStatus) -> None:
        self._status = status

    async def _watch(
        self, receiver: Child, sender: Child, viewing: tuple[Player, WhepConnection] | None
    ) -> None:
        """Follow the call to its end. Raises ChildError when a process ends before."""
        failures = [
            asyncio.create_task(child.failed(), name=child.name) for child in (receiver, sender)
        ]
        started = time.monotonic()
        first_picture: float | None = None
        try:
            with Live(console=self._console, auto_refresh=False) as live:
                while True:
                    for failure in failures:
                        if failure.done():
                            failure.result()
                    self._sender_trace.poll()
                    self._receiver_trace.poll()
                    now = time.monotonic()
                    if viewing is None:
                        first_picture = first_picture or started
                    else:
                        player, viewer = viewing
                        await self._tend(player, viewer)
                        if first_picture is None and player.call.pictures:
                            first_picture = now
                            if self._link is not None and self._settings.conditions is not None:
                                self._link.impair(self._settings.conditions)
                        if first_picture is None and now - started > FIRST_PICTURE_SECONDS:
                            raise DemoError(self._why_no_picture())
                    if self._console.is_terminal:
                        live.update(
                            live_table(
                                self._sender_trace.records,
                                self._receiver_trace.records,
                                self._hop,
                            ),
                            refresh=True,
                        )
                    seconds = self._settings.seconds
                    if seconds is not None and first_picture and now - first_picture >= seconds:
                        return
                    await asyncio.wait(
                        failures, timeout=_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
        finally:
            for failure in failures:
                failure.cancel()
            await asyncio.gather(*failures, return_exceptions=True)

    async def _tend(self, player: Player, viewer: WhepConnection) -> None:
        self._note_hop(viewer)
        if player.needs_key_picture:
            await viewer.request_key_picture()

    def _note_hop(self, viewer: WhepConnection) -> None:
        self._hop.append((time.monotonic_ns(), viewer.wire.snapshot()))

    def _why_no_picture(self) -> str:
        status = self._status
        if status is None or not status.present:
            seen = "the sender did not reach the receiver"
        elif status.state != "tracked":
            seen = f"the sender sees no face it can follow ({status.state})"
        else:
            seen = "the receiver got no reference picture"
        return f"no rebuilt picture after {FIRST_PICTURE_SECONDS:g} s: {seen}"
