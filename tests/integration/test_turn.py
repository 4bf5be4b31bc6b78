"""Through a real TURN server alone, both ends with credentials made for their connection."""

import functools
from pathlib import Path

import httpx
import pytest
from aiortc import RTCConfiguration
from aiortc.rtcconfiguration import RTCIceTransportPolicy

from sender.whip_client import WhipClient, WhipConnection
from shared.errors import SignalingError
from shared.webrtc import peer
from shared.webrtc.ice_servers import IceServer, parse_links
from shared.webrtc.turn_credentials import TurnSecret
from tests.integration.receiver_process import RunningReceiver, running_receiver, until
from tests.integration.turn_server import SECRET, turn_server

_LIFETIME_SECONDS = 600


@pytest.fixture(autouse=True)
def _relay_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends live in this process: neither has a candidate but the server's."""
    monkeypatch.setattr(
        peer,
        "RTCConfiguration",
        functools.partial(RTCConfiguration, iceTransportPolicy=RTCIceTransportPolicy.RELAY),
    )


async def _publish(
    receiver: RunningReceiver, control: list[bytes], *, timeout_seconds: float = 15
) -> WhipConnection:
    return await WhipClient.connect(
        f"{receiver.url}/whip",
        receiver.token("ann"),
        audio_track=None,
        on_control=control.append,
        on_parameters=lambda message: None,
        timeout_seconds=timeout_seconds,
    )


async def test_channels_open_through_the_server_with_the_credentials_of_the_link_header(
    tmp_path: Path,
) -> None:
    async with turn_server(tmp_path) as server:
        turn = TurnSecret((f"{server.url}?transport=udp",), SECRET, _LIFETIME_SECONDS)
        control: list[bytes] = []
        async with (
            running_receiver(turn=turn) as receiver,
            await _publish(receiver, control) as connection,
        ):
            (given,) = connection.ice_servers
            assert given.username.endswith(":ann")
            connection.send_parameters(b"through the relay")
            await until(lambda: receiver.streams[0].parameters == [b"through the relay"])
            (session,) = receiver.calls.sessions
            for end in (session.peer.connection, connection._peer.connection):
                candidates = [
                    line
                    for line in end.localDescription.sdp.splitlines()
                    if line.startswith("a=candidate:")
                ]
                assert candidates
                assert all(" typ relay " in line for line in candidates)
        assert server.log.read_text(errors="replace").count("ALLOCATE processed, success") >= 2


async def test_with_another_secret_there_is_no_way_through_and_the_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with turn_server(tmp_path) as server:
        turn = TurnSecret((server.url,), "not the server's", _LIFETIME_SECONDS)
        async with running_receiver(turn=turn) as receiver:
            with pytest.raises(SignalingError) as caught:
                await _publish(receiver, [], timeout_seconds=3)
            assert caught.value.status == 504
        host = server.url.removeprefix("turn:")
        (told,) = {line for line in caplog.messages if line.startswith("TURN server")}
        assert told.startswith(f"TURN server {host} gives no relay: STUN transaction failed (401")
        assert "ALLOCATE processed, success" not in server.log.read_text(errors="replace")


async def test_each_answer_carries_credentials_of_its_party_beside_the_static_servers() -> None:
    turn = TurnSecret(("turn:127.0.0.1:9",), SECRET, _LIFETIME_SECONDS)
    static = IceServer("stun:stun.example.net")
    async with running_receiver(ice_servers=(static,), turn=turn) as receiver:
        usernames = []
        async with httpx.AsyncClient() as client:
            for party in ("ann", "bob"):
                answer = await client.options(
                    f"{receiver.url}/whep",
                    headers={"Authorization": f"Bearer {receiver.token(party)}"},
                )
                first, second = parse_links(answer.headers.get_list("link"))
                assert first == static
                assert second.url == "turn:127.0.0.1:9"
                usernames.append(second.username.partition(":")[2])
            unknown = await client.options(f"{receiver.url}/whep")
            assert "link" not in unknown.headers
        assert usernames == ["ann", "bob"]
