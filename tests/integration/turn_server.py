"""A real TURN server (coturn) on loopback."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.free_port import answers, free_port

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
    port = free_port(socket.SOCK_DGRAM)
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
            await answers(port)
            yield TurnServer(f"turn:127.0.0.1:{port}", log)
        finally:
            process.terminate()
            await process.wait()
