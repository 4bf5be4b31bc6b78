"""The link between two namespaces carries, loses and counts; elsewhere it says what it needs."""

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.link_model import LinkConditions, Traffic
from benchmarks.tun_link import RECEIVER_ADDRESS, TunLink, traffic_of
from shared.errors import ConfigError


@pytest.fixture
def link() -> Iterator[TunLink | None]:
    """None where the system does not allow one, which is what is tested then."""
    try:
        made = TunLink(seed=3)
    except ConfigError as error:
        assert str(error).endswith("Linux, root and /dev/net/tun are needed")  # noqa: PT017
        yield None
        return
    yield made
    made.close()


def _packet(protocol: int, payload: bytes) -> bytes:
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, protocol, 0, b"aaaa", b"bbbb")
    return header + (b"12345678" if protocol == 17 else b"") + payload


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (_packet(17, b"\x16rest"), Traffic.DATA),
        (_packet(17, b"\x80rest"), Traffic.AUDIO),
        (_packet(17, b"\x00rest"), Traffic.CONNECTION),
        (_packet(17, b""), Traffic.CONNECTION),
        (_packet(6, b""), Traffic.SIGNALING),
        (_packet(1, b"ping"), None),
        (b"\x60" + bytes(60), None),
        (b"", None),
    ],
)
def test_packets_are_told_apart(packet: bytes, expected: Traffic | None) -> None:
    assert traffic_of(packet) is expected


_ECHO = f"""
import socket, sys
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own.bind(("{RECEIVER_ADDRESS}", 7000))
print("ready", flush=True)
while True:
    data, peer = own.recvfrom(2000)
    own.sendto(data, peer)
"""

_ASK = f"""
import socket, sys, time
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own.settimeout(4)
begun = time.monotonic()
for number in range(int(sys.argv[1])):
    own.sendto(bytes([22]) * 72, ("{RECEIVER_ADDRESS}", 7000))
got = 0
try:
    while got < int(sys.argv[1]):
        own.recvfrom(2000)
        got += 1
        last = time.monotonic() - begun
except TimeoutError:
    pass
print(got, round(1000 * last) if got else -1)
"""


def _run(namespace: str, path: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.in_namespace", namespace, path.stem, *arguments]
    root = str(Path(__file__).parent.parent)
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": f"{root}:{path.parent}", "PATH": ""},
    )


def test_packets_cross_suffer_and_are_counted(link: TunLink | None, tmp_path: Path) -> None:
    if link is None:
        return
    sender_namespace = link.sender_namespace
    (tmp_path / "echo_peer.py").write_text(_ECHO)
    (tmp_path / "ask_peer.py").write_text(_ASK)

    def ask(count: int) -> tuple[int, int]:
        with _run(sender_namespace, tmp_path / "ask_peer.py", str(count)) as process:
            output, _ = process.communicate(timeout=20)
        got, milliseconds = output.split()
        return int(got), int(milliseconds)

    with _run(link.receiver_namespace, tmp_path / "echo_peer.py") as echo:
        try:
            assert echo.stdout is not None
            assert echo.stdout.readline() == "ready\n"
            assert ask(20)[0] == 20
            clean = link.snapshot()
            # 20 of IP, 8 of UDP, 72 of data.
            assert clean.forward.data_bytes == clean.reverse.data_bytes == 20 * 100
            assert clean.forward.lost == 0
            assert clean.forward.audio_bytes == clean.forward.signaling_bytes == 0

            link.impair(LinkConditions(loss=0.5), seed=5)
            got, _ = ask(200)
            assert 20 <= got <= 85  # a quarter comes back
            lossy = link.snapshot()
            forward, reverse = lossy.forward - clean.forward, lossy.reverse - clean.reverse
            assert forward.packets == 200
            assert forward.packets - forward.lost == reverse.packets
            assert reverse.packets - reverse.lost == got

            # 20 packets of 100 bytes each way at 40 kbit/s: 400 ms, and 2 x 20 ms on the way.
            link.impair(LinkConditions(delay_ms=20, rate_bps=40_000, queue_ms=1000))
            got, milliseconds = ask(20)
            assert got == 20
            assert milliseconds >= 440
        finally:
            echo.kill()
