"""UDP ports of a range that a firewall lets in; aioice takes whichever the system gives."""

import asyncio
import errno
import logging
import random
from typing import Any

import aioice.ice

from shared.webrtc.port_range import PortRange

logger = logging.getLogger(__name__)

_range: PortRange | None = None


def limit_udp_ports(ports: PortRange | None) -> None:
    """Sockets of this process's connections that are opened from now on take ports of a range.

    None: any. Ports of TURN clients, which nobody has to let in, are left to the system. Where no
    port is free, a connection goes without the address, which one line in the log says.
    """
    global _range
    _range = ports


def install() -> None:
    """aioice opens its sockets through a loop that knows the range."""
    module: Any = aioice.ice
    module.asyncio = _Asyncio()


class _Asyncio:
    """The module as aioice sees it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    def get_running_loop(self) -> Any:
        loop = asyncio.get_running_loop()
        return loop if _range is None else _Loop(loop, _range)


class _Loop:
    """The running loop, whose sockets for any port take one of the range."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ports: PortRange) -> None:
        self._loop = loop
        self._ports = ports

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_datagram_endpoint(
        self, factory: Any, local_addr: tuple[str, int] | None = None, **others: Any
    ) -> Any:
        if local_addr is None or local_addr[1] != 0:
            return await self._loop.create_datagram_endpoint(factory, local_addr, **others)
        # From anywhere in the range: a port that was just left may still get a dead call's packets.
        candidates = list(self._ports)
        start = random.randrange(len(candidates))
        for port in (*candidates[start:], *candidates[:start]):
            try:
                return await self._loop.create_datagram_endpoint(
                    factory, (local_addr[0], port), **others
                )
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        logger.warning("no UDP port of %s is free on %s", self._ports, local_addr[0])
        raise OSError(errno.EADDRINUSE, f"no UDP port of {self._ports} is free")
