"""Prometheus with docker/prometheus, asking a real receiver."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.free_port import answers, free_port
from tests.integration.receiver_process import running_receiver

FOLDER = Path(__file__).parents[2] / "docker/prometheus"
_DUE_SECONDS = 20


@asynccontextmanager
async def _prometheus(folder: Path, receiver: str) -> AsyncIterator[httpx.AsyncClient]:
    """Its API, with the shipped files; it asks every second, and the receiver of the test."""
    command = shutil.which("prometheus")
    if command is None:
        pytest.skip("needs Prometheus (apt-get install prometheus)")
    port = free_port()
    text = (FOLDER / "prometheus.yml").read_text()
    for shipped, here in (("15s", "1s"), ("127.0.0.1:8080", receiver), ("9090", str(port))):
        assert shipped in text
        text = text.replace(shipped, here)
    (folder / "prometheus.yml").write_text(text)
    shutil.copy(FOLDER / "rules.yml", folder)
    process = await asyncio.create_subprocess_exec(
        command,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await answers(port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1") as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


async def _query(api: httpx.AsyncClient, expression: str) -> dict[str, float]:
    """Values by instance."""
    answer = await api.get("/query", params={"query": expression})
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return {one["metric"].get("instance", ""): float(one["value"][1]) for one in found}


@pytest.mark.slow
async def test_it_scrapes_the_receiver_and_alerts(tmp_path: Path) -> None:
    async with running_receiver() as receiver:
        target = receiver.url.removeprefix("http://")
        async with _prometheus(tmp_path, target) as api:
            await _until(api, 'kilocall_refused_total{reason="503"}', {target: 0.0})
            receiver.metrics.count("refused", "503")
            await _until(api, 'kilocall_refused_total{reason="503"}', {target: 1.0})
            assert await _query(api, f'up{{instance="{target}"}}') == {target: 1.0}
            memory = await _query(api, f'process_resident_memory_bytes{{instance="{target}"}}')
            assert memory[target] > 1e7
            await _until(api, 'ALERTS{alertname="CallsRefused", alertstate="firing"}', {"": 1.0})
            rules = (await api.get("/rules")).json()["data"]["groups"][0]["rules"]
            assert {rule["health"] for rule in rules} == {"ok"}


async def _until(api: httpx.AsyncClient, expression: str, expected: dict[str, float]) -> None:
    async with asyncio.timeout(_DUE_SECONDS):
        while await _query(api, expression) != expected:  # noqa: ASYNC110 - its API has no event
            await asyncio.sleep(0.1)
