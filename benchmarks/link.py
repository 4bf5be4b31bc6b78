"""A bad network between sender and receiver, made of ordinary sockets; needs no root.

    sender --- offer --> [signalling proxy] --- offer, candidates replaced --> receiver
    sender <-- answer, candidates replaced ---- [signalling proxy] <-- answer --- receiver
    sender <== UDP ==> [far socket | loss, delay | near socket] <== UDP ==> receiver

Each side is told of the relay's sockets only, and the relay takes datagrams only from the one
address of each side that it knows, so nothing finds a direct path past it. Counting and
impairing happen per direction; the losses of a seed are the same in every run.
"""

import asyncio
import logging
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from urllib.parse import urlsplit

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.link_model import (
    IPV4_HEADER_BYTES,
    UDP_HEADER_BYTES,
    LinkConditions,
    LinkDirection,
    LinkSnapshot,
    udp_traffic,
)

logger = logging.getLogger(__name__)

Address = tuple[str, int]

_HOST = "127.0.0.1"
_QUEUE_LIMIT = 4096
"""Datagrams under way at once in one direction; more are dropped by the relay itself."""

_CANDIDATE = re.compile(
    r"a=candidate:(?P<foundation>\S+) (?P<component>\d+) (?P<transport>\S+) (?P<priority>\d+)"
    r" (?P<host>\S+) (?P<port>\d+) typ (?P<type>\S+)"
)
_FORWARDED_HEADERS = ("authorization", "content-type", "accept", "if-match")
_RETURNED_HEADERS = ("content-type", "location", "etag", "link", "accept-post", "allow")


def candidate_address(sdp: str) -> Address | None:
    """The IPv4 UDP host candidate that a side prefers, loopback before all others; or None."""
    best: tuple[bool, int, Address] | None = None
    for match in _CANDIDATE.finditer(sdp):
        host = match["host"]
        if match["transport"].lower() != "udp" or not re.fullmatch(r"[\d.]+", host):
            continue
        rank = (host.startswith("127."), int(match["priority"]), (host, int(match["port"])))
        best = rank if best is None else max(best, rank)
    return None if best is None else best[2]


def replace_candidates(sdp: str, address: Address) -> str:
    """The same description with one candidate for each media section: `address`."""
    lines: list[str] = []
    is_candidate_due = False
    for line in sdp.splitlines():
        if line.startswith("m="):
            is_candidate_due = True
        if not line.startswith("a=candidate:"):
            lines.append(line)
        elif is_candidate_due:
            lines.append(f"a=candidate:1 1 udp 2130706431 {address[0]} {address[1]} typ host")
            is_candidate_due = False
    return "\r\n".join(lines) + "\r\n"


class _Side(asyncio.DatagramProtocol):
    """One of the relay's two sockets: it hears one peer and speaks for the other."""

    def __init__(self, relay: "_Relay", *, is_forward: bool) -> None:
        self._relay = relay
        self._is_forward = is_forward
        self.peer: Address | None = None
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own datagram transports do not derive from its DatagramTransport.
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if addr != self.peer:
            self._relay.strays += 1
            return
        self._relay.forward(data, is_forward=self._is_forward)

    @property
    def address(self) -> Address:
        assert self.transport is not None
        host, port = self.transport.get_extra_info("sockname")[:2]
        return host, port

    def send(self, data: bytes) -> None:
        if self.transport is not None and self.peer is not None:
            self.transport.sendto(data, self.peer)


class _Relay:
    """Carries the datagrams of one session."""

    def __init__(self, forward: LinkDirection, reverse: LinkDirection) -> None:
        self._directions = {True: forward, False: reverse}
        self._under_way = 0
        self.first_ns: int | None = None
        self.strays = 0
        self.sender_side = _Side(self, is_forward=True)
        self.receiver_side = _Side(self, is_forward=False)

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        for side in (self.sender_side, self.receiver_side):
            await loop.create_datagram_endpoint(
                lambda side=side: side,  # type: ignore[misc]
                local_addr=(_HOST, 0),
                family=socket.AF_INET,
            )

    def forward(self, data: bytes, *, is_forward: bool) -> None:
        now_ns = time.monotonic_ns()
        self.first_ns = self.first_ns or now_ns
        arrival_ns = self._directions[is_forward].admit(
            IPV4_HEADER_BYTES + UDP_HEADER_BYTES + len(data), now_ns, udp_traffic(data)
        )
        if arrival_ns is None or self._under_way >= _QUEUE_LIMIT:
            return
        out = self.receiver_side if is_forward else self.sender_side
        if arrival_ns <= now_ns:
            out.send(data)
            return
        self._under_way += 1
        asyncio.get_running_loop().call_later((arrival_ns - now_ns) / 1e9, self._deliver, out, data)

    def _deliver(self, out: _Side, data: bytes) -> None:
        self._under_way -= 1
        out.send(data)

    def close(self) -> None:
        for side in (self.sender_side, self.receiver_side):
            if side.transport is not None:
                side.transport.close()
                side.transport = None


class Link:
    """A WHIP proxy and the media relay behind it. Clean until `impair` is called."""

    def __init__(self, receiver_url: str, *, seed: int) -> None:
        """`receiver_url` is the receiver's base, such as http://127.0.0.1:8080."""
        self._receiver_url = receiver_url.rstrip("/")
        self._forward = LinkDirection(seed=seed)
        self._reverse = LinkDirection(seed=seed + 1)
        self._relays: dict[str, _Relay] = {}
        self._strays = 0
        self._newest: _Relay | None = None
        self._client = httpx.AsyncClient(timeout=30, trust_env=False)
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.url = ""
        """Base of the proxy, set by `start`."""

    async def start(self) -> None:
        """Listen on a free loopback port; afterwards `url` takes the place of the receiver's."""
        # The socket queues connections from here on, served a moment later.
        listener = socket.create_server((_HOST, 0))
        self.url = f"http://{_HOST}:{listener.getsockname()[1]}"
        app = Starlette(
            routes=[Route("/{path:path}", self._handle, methods=["POST", "DELETE", "OPTIONS"])]
        )
        config = uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False)
        self._server = _QuietServer(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))

    def impair(self, conditions: LinkConditions, *, seed: int | None = None) -> None:
        """Make the link bad from now on, both ways alike; with losses of another seed if told."""
        self._forward.impair(conditions, seed=seed)
        self._reverse.impair(conditions, seed=None if seed is None else seed + 1)

    @property
    def first_udp_ns(self) -> int | None:
        """Monotonic time of the newest session's first datagram: signalling was over then."""
        return None if self._newest is None else self._newest.first_ns

    def snapshot(self) -> LinkSnapshot:
        strays = self._strays + sum(relay.strays for relay in self._relays.values())
        return LinkSnapshot(self._forward.count, self._reverse.count, strays)

    async def close(self) -> None:
        """Stop listening and relaying. May be called twice, or without `start`."""
        for relay in self._relays.values():
            relay.close()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
            self._server = self._serving = None
        await self._client.aclose()

    async def _handle(self, request: Request) -> Response:
        body = await request.body()
        if request.method != "POST":
            response = await self._pass_on(request, body)
            if request.method == "DELETE":
                self._end(request.url.path)
            return response
        relay = _Relay(self._forward, self._reverse)
        offer = body.decode(errors="replace")
        relay.sender_side.peer = candidate_address(offer)
        if relay.sender_side.peer is None:
            # Not for the link to judge: the receiver says what is wrong with the offer.
            return await self._pass_on(request, body)
        await relay.open()
        response = await self._pass_on(
            request, replace_candidates(offer, relay.receiver_side.address).encode()
        )
        answer = bytes(response.body).decode(errors="replace")
        relay.receiver_side.peer = candidate_address(answer)
        if response.status_code != 201 or relay.receiver_side.peer is None:
            relay.close()
            return response
        self._newest = relay
        self._relays[urlsplit(response.headers.get("location", "")).path] = relay
        logger.info("link: %s <-> %s", relay.sender_side.peer, relay.receiver_side.peer)
        headers = {
            name: response.headers[name] for name in _RETURNED_HEADERS if name in response.headers
        }
        return Response(
            replace_candidates(answer, relay.sender_side.address), status_code=201, headers=headers
        )

    async def _pass_on(self, request: Request, body: bytes) -> Response:
        headers = {
            name: request.headers[name] for name in _FORWARDED_HEADERS if name in request.headers
        }
        try:
            answer = await self._client.request(
                request.method,
                self._receiver_url + request.url.path,
                params=request.url.query,
                content=body,
                headers=headers,
            )
        except httpx.HTTPError as error:
            return Response(f"receiver not reached: {error}", status_code=502)
        returned = {
            name: answer.headers[name] for name in _RETURNED_HEADERS if name in answer.headers
        }
        return Response(answer.content, status_code=answer.status_code, headers=returned)

    def _end(self, path: str) -> None:
        relay = self._relays.pop(path, None)
        if relay is not None:
            self._strays += relay.strays
            relay.close()


class _QuietServer(uvicorn.Server):
    """A server inside another program: signals are that program's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
