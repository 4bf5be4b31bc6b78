"""A real TURN server (coturn) on loopback."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SECRET = "a secret between coturn and the receiver"


@dataclass(frozen=True)
class TurnServer:
    """Where it listens, and what it has said so far."""

    url: str
    log: Path


@asynccontextmanager
async def turn_server(folder: Path) -> AsyncIterator[TurnServer]:
    """Serve until the block is left; skips where there is none."""
    path = shutil.which("turnserver")
    if path is None:
        pytest.skip("needs coturn (apt-get install coturn)")
    port = _free_port()
    log = folder / "turn.log"
    settings = {
        "listening-ip": "127.0.0.1",
        "relay-ip": "127.0.0.1",
        "listening-port": port,
        "min-port": 50_000,
        "max-port": 50_200,
        "realm": "kilocall.test",
        "static-auth-secret": SECRET,
        "log-file": "stdout",
        "userdb": folder / "turndb",
        "pidfile": folder / "turn.pid",
    }
    flags = ("use-auth-secret", "allow-loopback-peers", "no-tls", "no-dtls", "no-cli", "verbose")
    lines = [*(f"{name}={value}" for name, value in settings.items()), *flags]
    (folder / "turn.conf").write_text("\n".join(lines) + "\n")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            path, "-c", str(folder / "turn.conf"), stdout=output, stderr=output
        )
        try:
            await _answers(port)
            yield TurnServer(f"turn:127.0.0.1:{port}", log)
        finally:
            process.terminate()
            await process.wait()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _answers(port: int) -> None:
    """Wait until it takes connections."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
