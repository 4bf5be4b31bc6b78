"""A TURN server that is not there neither holds a call up for long nor goes unmentioned."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import aioice
import pytest

from shared.webrtc.aiortc import relay_gathering
from tests.adjusted import adjust
from tests.virtual_time import run_virtually

adjust()


@contextmanager
def _silent_server() -> Iterator[tuple[str, int]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()


async def _gather(server: tuple[str, int]) -> tuple[float, list[str]]:
    """Seconds that it took, kinds of candidates."""
    clock = asyncio.get_running_loop().time
    since = clock()
    connection = aioice.Connection(
        ice_controlling=True, turn_server=server, turn_username="u", turn_password="p"
    )
    try:
        await connection.gather_candidates()
        return clock() - since, [candidate.type for candidate in connection.local_candidates]
    finally:
        await connection.close()


def test_a_silent_server_costs_two_seconds_and_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def twice(server: tuple[str, int]) -> tuple[float, list[str]]:
        await _gather(server)
        return await _gather(server)

    with _silent_server() as server, caplog.at_level(logging.WARNING):
        took, kinds = run_virtually(twice(server))
    assert took == pytest.approx(relay_gathering.LIMIT_SECONDS, abs=0.1)
    assert set(kinds) == {"host"}
    assert [record.getMessage() for record in caplog.records] == [
        f"TURN server 127.0.0.1:{server[1]} gives no relay: no answer within 2 s"
    ]


def test_a_name_that_is_nobodys_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _, kinds = asyncio.run(_gather(("turn.invalid", 3478)))
    assert set(kinds) == {"host"}
    (record,) = caplog.records
    assert "TURN server turn.invalid:3478 gives no relay: " in record.getMessage()


def test_a_call_that_ends_while_it_gathers_blames_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def ended(server: tuple[str, int]) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await _gather(server)

    with _silent_server() as server, caplog.at_level(logging.WARNING):
        run_virtually(ended(server))
    assert not caplog.records
