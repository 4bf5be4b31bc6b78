"""Which addresses are used, and what strangers may do to an open port."""

import ipaddress
from typing import Any

import aioice.ice

MAX_WAITING_DATAGRAMS = 512
"""Received and not yet read by DTLS. Anybody may send to an open port; aioice keeps everything."""


def install() -> None:
    """IPv4 before IPv6, loopback where there is no network, and a bounded queue."""
    get_host_addresses = aioice.ice.get_host_addresses

    def host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        # IPv6 headers are 20 bytes longer, and pairs are tried in this order. aioice leaves
        # loopback out, so that without a network no call is possible at all.
        addresses = get_host_addresses(use_ipv4, use_ipv6) or ["127.0.0.1"]
        return sorted(addresses, key=lambda address: ipaddress.ip_address(address).version)

    aioice.ice.get_host_addresses = host_addresses
    protocol: Any = aioice.ice.StunProtocol
    datagram_received = protocol.datagram_received

    def _datagram_received(self: Any, data: bytes, addr: tuple[Any, ...]) -> None:
        # aiortc ends a connection over an empty datagram, whoever sent it.
        if data and self.receiver._queue.qsize() < MAX_WAITING_DATAGRAMS:
            datagram_received(self, data, addr)

    protocol.datagram_received = _datagram_received
