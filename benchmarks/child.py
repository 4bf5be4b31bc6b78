"""A process of ours that a benchmark starts, follows and ends."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from shared.errors import KilocallError

_KEPT_LINES = 200
_LINE_LIMIT_BYTES = 64 * 1024
_CLEAR_ERROR = re.compile(r"(?:kilocall|error): (.+)")
"""How our processes say in their last line why they end."""

READY_SECONDS = 180.0
"""The first start compiles numba's kernels, which takes a slow machine its time."""

STOP_TIMEOUT_SECONDS = 8.0


class ChildError(KilocallError):
    """A child ended by itself, or did not come up; the benchmark ends with its text."""


class Child:
    """Started by `Child.start`; `stop` ends it and waits."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._output: asyncio.Queue[str] = asyncio.Queue(_KEPT_LINES)
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read(process.stdout, is_output=True)),
            asyncio.create_task(self._read(process.stderr, is_output=False)),
        ]

    @classmethod
    async def start(
        cls,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        has_input: bool = False,
    ) -> Self:
        """Run `python -m module arguments`; `environment` is added to this process's own.

        `has_input`: `write_line` reaches its standard input.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "benchmarks.leash", str(os.getpid()), module, *arguments),
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            limit=_LINE_LIMIT_BYTES,
            cwd=Path(__file__).parent.parent,
            env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
            # Ctrl-C is for the benchmark alone, which then ends its children in order.
            start_new_session=True,
        )
        return cls(module, process)

    async def _read(self, stream: asyncio.StreamReader, *, is_output: bool) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # a line beyond the limit
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            self._lines.append(text)
            if is_output and not self._output.full():
                self._output.put_nowait(text)

    def write_line(self, text: str) -> None:
        """A line for its standard input, which it was started with. One that ended hears nothing;
        `next_line` says so."""
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")

    async def next_line(self) -> str:
        """The next line of its standard output. Raises ChildError when it ends before."""
        line = asyncio.create_task(self._output.get())
        ended = asyncio.create_task(self.failed())
        done, _ = await asyncio.wait({line, ended}, return_when=asyncio.FIRST_COMPLETED)
        if line in done:
            ended.cancel()
            return line.result()
        line.cancel()
        return ended.result()  # which raises

    async def announced_url(self) -> str:
        """The first address on its standard output, without a slash at its end.

        Raises ChildError when it ends before, or is not ready in time.
        """
        try:
            async with asyncio.timeout(READY_SECONDS):
                while True:
                    if match := re.search(r"https?://\S+", await self.next_line()):
                        return match[0].rstrip("/")
        except TimeoutError:
            raise ChildError(f"the {self.name} was not ready after {READY_SECONDS:g} s") from None

    async def failed(self) -> str:
        """Waits until it ends; raises ChildError then, whatever its exit status."""
        status = await self._process.wait()
        await asyncio.gather(*self._readers)
        lines = [line for line in self._lines if line]
        if lines and (clear := _CLEAR_ERROR.match(lines[-1])):
            raise ChildError(clear[1])
        tail = "\n".join(lines[-15:]) if lines else "without a word"
        raise ChildError(f"the {self.name} ended with status {status}:\n{tail}")

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def resident_bytes(self) -> int | None:
        """Largest resident memory so far (where only the present one is known, that)."""
        status = Path(f"/proc/{self._process.pid}/status")
        if status.exists():
            for line in status.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
            return None
        found = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self._process.pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        return int(found) * 1024 if found else None

    async def stop(self) -> int:
        """SIGTERM, then SIGKILL for one that does not listen; its exit status."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_SECONDS)
        except TimeoutError:
            self._process.kill()
            status = await self._process.wait()
        await asyncio.gather(*self._readers)
        return status

    @property
    def lines(self) -> list[str]:
        """The newest lines of both its outputs, oldest first."""
        return list(self._lines)
