"""Caddy with docker/Caddyfile before a real receiver; without TLS, which needs a real name."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from receiver.room_routes import RoomPolicy
from tests.integration.free_port import answers, free_port
from tests.integration.receiver_process import running_receiver

CADDYFILE = Path(__file__).parents[2] / "docker/Caddyfile"


@asynccontextmanager
async def _caddy(folder: Path, receiver: str) -> AsyncIterator[str]:
    """Where it listens."""
    command = shutil.which("caddy")
    if command is None:
        pytest.skip("needs Caddy (apt-get install caddy)")
    text = CADDYFILE.read_text()
    assert "127.0.0.1:8080" in text
    (folder / "Caddyfile").write_text(text.replace("127.0.0.1:8080", receiver))
    url = f"http://127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        *(command, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")),
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "KILOCALL_DOMAIN": url,
            "ACME_EMAIL": "operator@example.org",
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await answers(int(url.rpartition(":")[2]))
        yield url
    finally:
        process.terminate()
        await process.wait()


async def test_calls_go_through_it_and_what_is_inside_does_not(tmp_path: Path) -> None:
    policy = RoomPolicy(creation="loopback")
    async with (
        running_receiver(policy=policy) as receiver,
        _caddy(tmp_path, receiver.url.removeprefix("http://")) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        page = await client.get("/")
        assert page.status_code == 200
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        assert page.headers["strict-transport-security"] == "max-age=31536000"
        assert (await client.get("/healthz")).json()["status"] == "ok"
        assert (await client.get("/metrics")).status_code == 404
        options = await client.options(
            "/whip", headers={"Authorization": f"Bearer {receiver.token('ann')}"}
        )
        assert options.status_code == 204
        assert options.headers["accept-post"] == "application/sdp"
        # To the receiver the whole world now comes from loopback, which is no reason to trust it.
        assert (await client.post("/rooms")).status_code == 403
        async with httpx.AsyncClient(base_url=receiver.url) as near:
            assert (await near.post("/rooms")).status_code == 201
