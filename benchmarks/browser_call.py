"""One call on this machine whose sender is a page in Chromium, watched by our player.

Chromium, its camera a film --> receiver process --> our player
"""

import asyncio
import secrets
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.child import Child
from benchmarks.chromium import ARGUMENTS, camera_arguments, find_chromium
from benchmarks.demo_call import DemoError
from benchmarks.played_call import PlayedCall
from benchmarks.player import Player
from benchmarks.watched_page import SCRIPT, SeenPage, read_page
from benchmarks.whep_client import WhepClient
from receiver.tokens import Grant, TokenAuthority
from shared.clock import SystemClock
from shared.trace import TraceReader, TraceRecord

_FOLLOWED_SECONDS = 60.0
"""For the page to load its networks and follow the face, on a machine with other things to do."""

_FIRST_PICTURE_SECONDS = 45.0
_POLL_SECONDS = 0.25
_ROOM = "measured"


def why_no_browser() -> str | None:
    """What is missing for a page that sends; None: nothing."""
    if find_chromium() is None:
        return "no Chromium found: install it, or name one by KILOCALL_CHROMIUM"
    if find_spec("playwright") is None:
        return "Playwright is not installed: pip install playwright"
    return None


@dataclass(frozen=True, slots=True, eq=False)
class BrowserCallResult:
    """What the call left behind."""

    receiver: list[TraceRecord]
    call: PlayedCall
    page: SeenPage
    browser: str


class BrowserCall:
    """Runs one call."""

    def __init__(self, film: Path, folder: Path, *, generator: str, seconds: float) -> None:
        """`film`: the camera's, `folder` takes the trace; `seconds` from the first picture on."""
        self._film = film
        self._folder = folder
        self._generator = generator
        self._seconds = seconds
        self._secret = secrets.token_urlsafe(32)
        self._authority = TokenAuthority(self._secret.encode())
        self._trace = TraceReader(folder / "receiver.jsonl")

    async def run(self) -> BrowserCallResult:
        """Raises ChildError, DemoError, SignalingError; everything started is ended by then."""
        from playwright.async_api import Error  # of the developer's extra

        try:
            return await self._run()
        except Error as error:
            raise DemoError(f"the browser: {str(error).splitlines()[0]}") from error

    async def _run(self) -> BrowserCallResult:
        from playwright.async_api import async_playwright

        path = find_chromium()
        assert path is not None, "why_no_browser is asked first"
        async with AsyncExitStack() as stack:
            receiver = await self._start_receiver()
            stack.push_async_callback(receiver.stop)
            url = (await receiver.next_line()).rsplit(" ", 1)[1]
            player = Player(SystemClock())
            stack.callback(player.close)
            viewer = await WhepClient.connect(
                f"{url.rstrip('/')}/whep",
                self._token("viewer", publish=False),
                on_video=player.on_video,
                on_audio=player.on_audio,
            )
            stack.push_async_callback(viewer.close)
            playwright = await stack.enter_async_context(async_playwright())
            browser = await playwright.chromium.launch(
                executable_path=path, args=[*ARGUMENTS, *camera_arguments(self._film)]
            )
            stack.push_async_callback(browser.close)
            page = await browser.new_page()
            await self._enter(page, f"{url}#token={self._token('sender', publish=True)}")
            started = time.monotonic()
            first_picture: float | None = None
            while first_picture is None or time.monotonic() - first_picture < self._seconds:
                await asyncio.sleep(_POLL_SECONDS)
                if not receiver.is_running:
                    await receiver.failed()
                if player.needs_key_picture:
                    await viewer.request_key_picture()
                if first_picture is None and player.call.pictures:
                    first_picture = time.monotonic()
                if first_picture is None and time.monotonic() - started > _FIRST_PICTURE_SECONDS:
                    raise DemoError(
                        f"no rebuilt picture {_FIRST_PICTURE_SECONDS:g} s after the page went in"
                    )
            seen = await read_page(page)
            version = f"Chromium {browser.version}"
            self._trace.poll()
            return BrowserCallResult(self._trace.records, player.close(), seen, version)

    async def _start_receiver(self) -> Child:
        arguments = ["--host", "127.0.0.1", "--port", "0", "--generator", self._generator]
        arguments += ["--trace", str(self._folder / "receiver.jsonl"), "--draw-capture-time"]
        return await Child.start("receiver", arguments, {"KILOCALL_TOKEN_SECRET": self._secret})

    async def _enter(self, page: Any, link: str) -> None:
        from playwright.async_api import TimeoutError as PageTimeoutError

        await page.add_init_script(SCRIPT)
        await page.goto(link)
        try:
            await page.wait_for_selector("#retake:enabled", timeout=_FOLLOWED_SECONDS * 1000)
        except PageTimeoutError:
            raise DemoError(f"the page followed no face in {_FOLLOWED_SECONDS:g} s") from None
        await page.click("#join")

    def _token(self, party: str, *, publish: bool) -> str:
        grant = Grant(room=_ROOM, party=party, publish=publish, play=True)
        return self._authority.issue(grant, minutes=60)
