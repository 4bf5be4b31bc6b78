"""Two real peers call each other through the relay, and only through the relay."""

import asyncio
import socket

import httpx
import pytest
import uvicorn
from aiortc import RTCPeerConnection, RTCSessionDescription
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.link import Link, candidate_address, replace_candidates
from benchmarks.link_model import LinkConditions

_SDP = (
    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"
    "a=candidate:1 1 tcp 2130706431 192.0.2.2 9 typ host\r\n"
    "a=candidate:2 1 udp 2130706430 fd00::2 4001 typ host\r\n"
    "a=candidate:3 1 udp 2130706420 192.0.2.2 4002 typ host\r\n"
    "a=candidate:4 1 udp 100 127.0.0.1 4003 typ host\r\na=end-of-candidates\r\n"
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n"
    "a=candidate:3 1 udp 2130706420 192.0.2.2 4002 typ host\r\n"
)


def test_the_loopback_candidate_is_preferred() -> None:
    assert candidate_address(_SDP) == ("127.0.0.1", 4003)
    assert candidate_address(_SDP.replace("127.0.0.1", "abcd.local")) == ("192.0.2.2", 4002)
    assert candidate_address("v=0\r\n") is None


def test_candidates_are_replaced_once_a_section() -> None:
    replaced = replace_candidates(_SDP, ("127.0.0.1", 5000))
    assert replaced.count("a=candidate:") == 2
    assert replaced.count("a=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host\r\n") == 2
    assert "192.0.2.2" not in replaced
    assert "a=end-of-candidates\r\n" in replaced


class _Echo:
    """A WHIP-like end: answers offers and echoes whatever comes on a data channel."""

    def __init__(self) -> None:
        self.connections: list[RTCPeerConnection] = []
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = Starlette(
            routes=[
                Route("/whip", self._post, methods=["POST"]),
                Route("/whip/one", self._delete, methods=["DELETE"]),
            ]
        )
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        self._task = asyncio.create_task(self._server._serve([listener]))
        self.deleted = False

    async def _post(self, request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer right":
            return Response("token not valid", status_code=401)
        connection = RTCPeerConnection()
        self.connections.append(connection)

        @connection.on("datachannel")
        def on_channel(channel) -> None:  # type: ignore[no-untyped-def]
            channel.on("message", channel.send)

        offer = (await request.body()).decode()
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        headers = {"location": "/whip/one", "content-type": "application/sdp"}
        answer = connection.localDescription.sdp
        return Response(answer, status_code=201, headers=headers)

    async def _delete(self, _request: Request) -> Response:
        self.deleted = True
        return Response(status_code=200)

    async def close(self) -> None:
        for connection in self.connections:
            await connection.close()
        self._server.should_exit = True
        await self._task


async def test_a_call_flows_through_the_relay_and_suffers_there() -> None:
    echo = _Echo()
    link = Link(echo.url, seed=7)
    await link.start()
    caller = RTCPeerConnection()
    try:
        channel = caller.createDataChannel("parameters", ordered=False, maxRetransmits=0)
        opened = asyncio.Event()
        echoed: asyncio.Queue[bytes] = asyncio.Queue()
        channel.on("open", opened.set)
        channel.on("message", echoed.put_nowait)
        await caller.setLocalDescription(await caller.createOffer())
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(
                f"{link.url}/whip",
                content=caller.localDescription.sdp,
                headers={"authorization": "Bearer right", "content-type": "application/sdp"},
            )
            assert answer.status_code == 201
            assert answer.headers["location"] == "/whip/one"
            await caller.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            await asyncio.wait_for(opened.wait(), 10)

            channel.send(b"clean")
            assert await asyncio.wait_for(echoed.get(), 5) == b"clean"
            before = link.snapshot()
            assert before.forward.packets > 0
            assert before.reverse.packets > 0
            assert before.forward.lost == before.reverse.lost == 0

            link.impair(LinkConditions(loss=0.5, delay_ms=5))
            for number in range(60):
                channel.send(number.to_bytes(1, "big"))
                await asyncio.sleep(0.005)
            received = 0
            while True:
                try:
                    await asyncio.wait_for(echoed.get(), 0.3)
                except TimeoutError:
                    break
                received += 1
            # Each way halves: a quarter of 60 comes back.
            assert 3 <= received <= 35
            after = link.snapshot()
            assert after.forward.lost > 0
            assert after.reverse.lost > 0

            link.impair(LinkConditions())
            assert (await client.delete(f"{link.url}/whip/one")).status_code == 200
            assert echo.deleted
    finally:
        await caller.close()
        await link.close()
        await echo.close()


async def test_a_refusal_comes_through_unchanged() -> None:
    echo = _Echo()
    link = Link(echo.url, seed=7)
    await link.start()
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{link.url}/whip", content=_SDP)
            assert (answer.status_code, answer.text) == (401, "token not valid")
    finally:
        await link.close()
        await echo.close()


async def test_an_unreachable_receiver_is_a_502() -> None:
    link = Link("http://127.0.0.1:1", seed=7)
    await link.start()
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{link.url}/whip", content=_SDP)
            assert answer.status_code == 502
            assert answer.text.startswith("receiver not reached:")
    finally:
        await link.close()


async def test_closing_twice_or_unstarted_is_harmless() -> None:
    link = Link("http://127.0.0.1:1", seed=7)
    await link.close()
    await link.close()


@pytest.mark.parametrize("text", ["", "a=candidate:\r\n", "a=candidate:1 1 udp x y z typ host"])
def test_nonsense_has_no_address(text: str) -> None:
    assert candidate_address(text) is None
