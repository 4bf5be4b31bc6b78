"""coturn as docker/compose.yaml starts it: the shipped configuration, on loopback."""

import asyncio
import os
import re
import shutil
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aioice.ice
import aioice.stun
import aioice.turn
import pytest
from aiortc import RTCConfiguration
from aiortc.rtcconfiguration import RTCIceTransportPolicy

from sender.whip_client import WhipClient
from shared.webrtc import peer
from shared.webrtc.turn_credentials import TurnSecret
from tests.integration.free_port import answers, free_port
from tests.integration.receiver_process import running_receiver, until

FOLDER = Path(__file__).parents[2] / "docker/coturn"
SECRET = "what coturn shares with the receiver"


@asynccontextmanager
async def _coturn(
    folder: Path, relay_address: str = "127.0.0.1", **variables: str
) -> AsyncIterator[tuple[int, Path]]:
    """(port on loopback, log) of one that runs until the block is left."""
    if shutil.which("turnserver") is None:
        pytest.skip("needs coturn (apt-get install coturn)")
    port = free_port(socket.SOCK_DGRAM)
    log = folder / "log"
    # Only where it listens differs from what is shipped.
    here = [f"--listening-port={port}", "--listening-ip=127.0.0.1", f"--relay-ip={relay_address}"]
    files = [f"--userdb={folder / 'turndb'}", f"--pidfile={folder / 'pid'}"]
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(folder), **variables}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *("sh", str(FOLDER / "start.sh"), *here, *files),
            env={"TURN_REALM": "kilocall.test", "TURN_SECRET": SECRET, **environment},
            stdout=output,
            stderr=output,
        )
        try:
            await answers(port)
            yield port, log
        finally:
            process.terminate()
            await process.wait()


async def _send_to(peer: str, port: int, secret: str = SECRET) -> None:
    """Allocate and bind a channel to a peer. Raises what the server refuses with."""
    turn = TurnSecret((f"turn:127.0.0.1:{port}",), secret, 600)
    (server,) = turn.servers("ann", now=time.time())
    transport, _ = await aioice.turn.create_turn_endpoint(
        asyncio.DatagramProtocol,
        server_addr=("127.0.0.1", port),
        username=server.username,
        password=server.credential,
    )
    try:
        internals: Any = transport
        inner = internals._TurnTransport__inner_protocol
        await inner.channel_bind(inner.channel_number, (peer, 9))
    finally:
        transport.close()
        await asyncio.sleep(0)


async def test_it_relays_for_those_with_credentials_and_to_nobodys_inside(tmp_path: Path) -> None:
    async with _coturn(tmp_path) as (port, log):
        await _send_to("8.8.8.8", port)
        for inside in ("10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "127.0.0.1"):
            with pytest.raises(aioice.stun.TransactionFailed, match="403"):
                await _send_to(inside, port)
        with pytest.raises(aioice.stun.TransactionFailed, match="401"):
            await _send_to("8.8.8.8", port, secret="another")
        said = log.read_text(errors="replace")
    # coturn goes on without what it does not understand.
    assert "Bad configuration" not in said
    assert "unrecognized" not in said
    ranges = re.findall(r"^denied-peer-ip=(.*)$", (FOLDER / "turnserver.conf").read_text(), re.M)
    assert all(f"Black listing: {one}\n" in said for one in ranges)
    assert SECRET not in said


async def test_one_address_inside_can_be_let_in(tmp_path: Path) -> None:
    async with _coturn(tmp_path, TURN_ALLOWED_PEER="10.1.2.3") as (port, _):
        await _send_to("10.1.2.3", port)
        with pytest.raises(aioice.stun.TransactionFailed, match="403"):
            await _send_to("10.1.2.4", port)


async def test_behind_nat_a_relay_reaches_the_receiver_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay's public address leads nowhere from here, as where NAT takes nothing back in."""
    address = next(iter(aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=False)), "127.0.0.1")
    if address.startswith("127."):
        pytest.skip("needs an address that is not loopback")
    # The party's connection is made before the receiver's.
    policies = iter((RTCIceTransportPolicy.RELAY, RTCIceTransportPolicy.ALL))
    monkeypatch.setattr(
        peer,
        "RTCConfiguration",
        lambda **given: RTCConfiguration(**given, iceTransportPolicy=next(policies)),
    )
    nat = {"TURN_EXTERNAL_IP": f"{_PUBLIC}/{address}", "TURN_ALLOWED_PEER": address}
    async with _coturn(tmp_path, address, **nat) as (port, _):
        turn = TurnSecret((f"turn:127.0.0.1:{port}",), SECRET, 600)
        async with (
            running_receiver(turn=turn) as receiver,
            await WhipClient.connect(
                f"{receiver.url}/whip",
                receiver.token("ann"),
                audio_track=None,
                on_control=lambda message: None,
                on_parameters=lambda message: None,
            ) as connection,
        ):
            offer = connection._peer.connection.localDescription.sdp
            candidates = re.findall(r"^a=candidate:.*$", offer, re.M)
            assert candidates
            assert all(f" {_PUBLIC} " in one and " typ relay " in one for one in candidates)
            connection.send_parameters(b"through the relay")
            await until(lambda: receiver.streams[0].parameters == [b"through the relay"])


_PUBLIC = "203.0.113.9"


async def test_it_does_not_begin_without_a_secret(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *("sh", str(FOLDER / "start.sh")),
        env={"PATH": os.environ["PATH"], "TURN_REALM": "kilocall.test"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode != 0
    assert b"TURN_SECRET" in said
