"""A bad network between two namespaces: the link sees every IP packet, and nothing passes it.

    sender's namespace [TUN] <--> this thread: loss, delay, rate, counts <--> [TUN] receiver's

Signalling over TCP suffers like the rest, as on a real link.
"""

import heapq
import os
import selectors
import threading
import time

from benchmarks.link_model import (
    LinkConditions,
    LinkDirection,
    LinkSnapshot,
    Traffic,
    udp_traffic,
)
from benchmarks.tun_device import TunDevice, make_tun_device

SENDER_ADDRESS = "10.99.0.1"
RECEIVER_ADDRESS = "10.99.0.2"

_QUEUE_LIMIT = 4096
"""Packets under way at once; more are dropped by the link itself."""

_MAX_PACKET_BYTES = 65_536
_PROTOCOL_TCP, _PROTOCOL_UDP = 6, 17


def traffic_of(packet: bytes) -> Traffic | None:
    """What an IP packet carries; None for what is no IPv4 packet of a call."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None  # the kernel's own router solicitations, for instance
    header_bytes = (packet[0] & 0x0F) * 4
    if packet[9] == _PROTOCOL_TCP:
        return Traffic.SIGNALING
    if packet[9] == _PROTOCOL_UDP:
        return udp_traffic(packet[header_bytes + 8 :])
    return None


class TunLink:
    """Clean until `impair` is called. Its methods may be called from any thread."""

    def __init__(self, *, seed: int) -> None:
        """Raises ConfigError where the system does not allow such a link."""
        self._sender = make_tun_device(SENDER_ADDRESS)
        try:
            self._receiver = make_tun_device(RECEIVER_ADDRESS)
        except BaseException:
            self._sender.close()
            raise
        self._lock = threading.Lock()
        self._forward = LinkDirection(seed=seed)
        self._reverse = LinkDirection(seed=seed + 1)
        self._strays = 0
        self._under_way: list[tuple[int, int, int, bytes]] = []
        """A heap of (arrival ns, number, descriptor to write to, packet)."""
        self._number = 0
        self._first_udp_ns: int | None = None
        self._flows: set[bytes] = set()
        """Addresses and ports of all UDP that was seen."""
        self._wake_out, self._wake_in = os.pipe()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self._thread.start()

    @property
    def sender_namespace(self) -> str:
        """For `benchmarks.in_namespace`."""
        return self._sender.namespace_path

    @property
    def receiver_namespace(self) -> str:
        return self._receiver.namespace_path

    @property
    def first_udp_ns(self) -> int | None:
        """Monotonic time of the first UDP packet of a call that began after `impair`: signalling
        was over then."""
        return self._first_udp_ns

    def impair(self, conditions: LinkConditions, *, seed: int | None = None) -> None:
        """Make the link bad from now on, both ways alike; with losses of another seed if told."""
        with self._lock:
            self._forward.impair(conditions, seed=seed)
            self._reverse.impair(conditions, seed=None if seed is None else seed + 1)
            self._first_udp_ns = None

    def snapshot(self) -> LinkSnapshot:
        with self._lock:
            return LinkSnapshot(self._forward.count, self._reverse.count, self._strays)

    def close(self) -> None:
        """Stop; the namespaces go with the last process in them."""
        os.close(self._wake_in)
        self._thread.join()
        os.close(self._wake_out)
        self._sender.close()
        self._receiver.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            ways = ((self._sender, self._receiver, True), (self._receiver, self._sender, False))
            for source, sink, is_forward in ways:
                way = (source, sink, self._forward if is_forward else self._reverse)
                selector.register(source.packets_fd, selectors.EVENT_READ, way)
            selector.register(self._wake_out, selectors.EVENT_READ, None)
            while True:
                for key, _ in selector.select(self._timeout_seconds()):
                    if key.data is None:
                        return
                    self._take_in(*key.data)
                self._deliver()

    def _timeout_seconds(self) -> float | None:
        if not self._under_way:
            return None
        return max(self._under_way[0][0] - time.monotonic_ns(), 0) / 1e9

    def _take_in(self, source: TunDevice, sink: TunDevice, direction: LinkDirection) -> None:
        while True:
            try:
                packet = os.read(source.packets_fd, _MAX_PACKET_BYTES)
            except BlockingIOError:
                return
            now_ns = time.monotonic_ns()
            traffic = traffic_of(packet)
            with self._lock:
                if traffic is None:
                    self._strays += 1
                    continue
                if traffic is not Traffic.SIGNALING:
                    self._note_flow(packet[12:24], now_ns)
                arrival_ns = direction.admit(len(packet), now_ns, traffic)
            if arrival_ns is not None and len(self._under_way) < _QUEUE_LIMIT:
                self._number += 1
                heapq.heappush(self._under_way, (arrival_ns, self._number, sink.packets_fd, packet))

    def _note_flow(self, flow: bytes, now_ns: int) -> None:
        if flow in self._flows:
            return  # what is left of an earlier call, as a rule
        self._flows |= {flow, flow[4:8] + flow[:4] + flow[10:12] + flow[8:10]}
        if self._first_udp_ns is None:
            self._first_udp_ns = now_ns

    def _deliver(self) -> None:
        now_ns = time.monotonic_ns()
        while self._under_way and self._under_way[0][0] <= now_ns:
            _, _, descriptor, packet = heapq.heappop(self._under_way)
            try:
                os.write(descriptor, packet)
            except OSError:
                self._strays += 1
