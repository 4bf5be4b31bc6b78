"""The system's Chromium, driven by Playwright, and the processes of a call that it watches."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from benchmarks.child import Child
from benchmarks.chromium import ARGUMENTS, find_chromium
from receiver.tokens import Grant, TokenAuthority
from shared.shipped_generators import WARP

SECRET = "a secret of the page's tests, long enough"


def chromium_path() -> str:
    """The browser; skips the test where there is none."""
    path = find_chromium()
    if path is None:
        pytest.skip("needs Chromium (apt-get install chromium, or KILOCALL_CHROMIUM)")
    return path


@dataclass
class Browser:
    """A page and what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)
    """Errors on its console and those that nobody caught."""


@asynccontextmanager
async def browser_page(*, width: int = 1100, height: int = 800) -> AsyncIterator[Browser]:
    """A fresh page that accepts self-signed certificates and wants a click before sound."""
    path = chromium_path()
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS])
        context = await chromium.new_context(
            ignore_https_errors=True, viewport={"width": width, "height": height}
        )
        browser = Browser(await context.new_page())
        browser.page.on(
            "console",
            lambda message: (
                browser.problems.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )
        browser.page.on("pageerror", lambda error: browser.problems.append(str(error)))
        try:
            yield browser
        finally:
            await chromium.close()


@asynccontextmanager
async def launched_page(*arguments: str) -> AsyncIterator[Page]:
    """A page of a browser that was started with these arguments besides the usual ones."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=chromium_path(), args=[*ARGUMENTS, *arguments]
        )
        try:
            yield await chromium.new_page()
        finally:
            await chromium.close()


@dataclass
class ServedCall:
    """A receiver in a process of its own."""

    url: str
    receiver: Child
    environment: dict[str, str]

    def link(self) -> str:
        """The page's address for a viewer."""
        grant = Grant(room="call", party="viewer", publish=False, play=True)
        token = TokenAuthority(SECRET.encode()).issue(grant, minutes=10)
        return f"{self.url}#token={token}"

    @asynccontextmanager
    async def sender(self, *arguments: str, party: str = "face") -> AsyncIterator[Child]:
        """A sender that publishes to the receiver."""
        grant = Grant(room="call", party=party, publish=True, play=False)
        token = TokenAuthority(SECRET.encode()).issue(grant, minutes=10)
        child = await Child.start(
            "sender",
            ["--url", f"{self.url}whip", "--token", token, "--insecure", *arguments],
            self.environment,
        )
        try:
            yield child
        finally:
            await child.stop()


@asynccontextmanager
async def served_call(
    folder: Path, *arguments: str, generator: str = WARP
) -> AsyncIterator[ServedCall]:
    """A receiver on a free port of loopback, its state in `folder`, until the block is left."""
    environment = {
        "KILOCALL_TOKEN_SECRET": SECRET,
        "KILOCALL_STATE_FOLDER": str(folder),
        "KILOCALL_GENERATOR": generator,
    }
    receiver = await Child.start("receiver", ["--port", "0", *arguments], environment)
    try:
        ready = await receiver.next_line()
        yield ServedCall(ready.rsplit(" ", 1)[1], receiver, environment)
    finally:
        await receiver.stop()


def call_link(
    call: ServedCall, party: str, *, minutes: float = 10, now: float | None = None
) -> str:
    """The page's address for a party that both publishes and plays."""
    grant = Grant(room="call", party=party, publish=True, play=True)
    token = TokenAuthority(SECRET.encode()).issue(grant, minutes=minutes, now=now)
    return f"{call.url}#token={token}"
