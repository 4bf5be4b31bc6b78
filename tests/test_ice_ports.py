"""Media on the ports that a firewall lets in."""

import logging
import socket
from collections.abc import Iterator

import aioice
import pytest

from shared.errors import ConfigError
from shared.webrtc.aiortc.ice_ports import limit_udp_ports
from shared.webrtc.port_range import PortRange
from tests.adjusted import adjust

adjust()


@pytest.fixture(autouse=True)
def _any_port_afterwards() -> Iterator[None]:
    yield
    limit_udp_ports(None)


@pytest.fixture(autouse=True)
def _loopback_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **use: ["127.0.0.1"])


def _two_free_ports() -> PortRange:
    """Neighbours that nobody holds."""
    for port in range(20_000, 30_000, 2):
        with (
            socket.socket(type=socket.SOCK_DGRAM) as first,
            socket.socket(type=socket.SOCK_DGRAM) as second,
        ):
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return PortRange(port, port + 1)
    raise AssertionError("no two free ports")


async def test_sockets_take_free_ports_of_the_range_and_give_them_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ports = _two_free_ports()
    limit_udp_ports(ports)
    for _ in range(2):
        connections = [aioice.Connection(ice_controlling=True) for _ in range(3)]
        with caplog.at_level(logging.WARNING):
            for connection in connections:
                await connection.gather_candidates()
        taken = [[one.port for one in connection.local_candidates] for connection in connections]
        assert sorted(taken[0] + taken[1]) == list(ports)
        assert taken[2] == []
        assert caplog.messages == [f"no UDP port of {ports} is free on 127.0.0.1"]
        caplog.clear()
        for connection in connections:
            await connection.close()


async def test_without_a_range_any_port_serves() -> None:
    ports = _two_free_ports()
    limit_udp_ports(ports)
    limit_udp_ports(None)
    connections = [aioice.Connection(ice_controlling=True) for _ in range(3)]
    for connection in connections:
        await connection.gather_candidates()
        assert len(connection.local_candidates) == 1
    for connection in connections:
        await connection.close()


def test_a_range_is_two_ports() -> None:
    assert list(PortRange.parse("40000-40002")) == [40_000, 40_001, 40_002]
    assert str(PortRange.parse("40000-40000")) == "40000-40000"


@pytest.mark.parametrize("text", ["", "40000", "40001-40000", "80-90", "40000-65536", "1e4-2e4"])
def test_what_is_no_range_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PortRange.parse(text)
    assert str(caught.value) == (
        f"UDP ports {text!r}, FIRST-LAST from 1024 to 65535 are allowed: 40000-40999"
    )
