"""A network namespace with one cable to this one, for tests that pull the plug. Needs root."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

HOST_ADDRESS = "10.213.7.1"
_OTHER_ADDRESSES = ("10.213.7.2", "10.213.7.3")


@dataclass(frozen=True)
class Cable:
    """To the namespace `name`, whose only way out it is."""

    name: str

    def pull(self) -> None:
        """Nothing goes through any more."""
        _ip("link", "set", f"{self.name}-host", "down")

    def move(self) -> None:
        """As into another network: the far side gets another address."""
        before, after = (f"{address}/24" for address in _OTHER_ADDRESSES)
        _ip("-n", self.name, "addr", "del", before, "dev", "eth0")
        _ip("-n", self.name, "addr", "add", after, "dev", "eth0")
        _ip("-n", self.name, "route", "replace", "default", "via", HOST_ADDRESS)

    def plug_in(self) -> None:
        _ip("link", "set", f"{self.name}-host", "up")


@contextmanager
def namespace(name: str) -> Iterator[Cable]:
    """A namespace that reaches this one at HOST_ADDRESS; skips where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2 for a network namespace")
    _ip("netns", "add", name)
    try:
        _ip("link", "add", f"{name}-host", "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("addr", "add", f"{HOST_ADDRESS}/24", "dev", f"{name}-host")
        _ip("link", "set", f"{name}-host", "up")
        _ip("-n", name, "addr", "add", f"{_OTHER_ADDRESSES[0]}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", name, "link", "set", device, "up")
        _ip("-n", name, "route", "add", "default", "via", HOST_ADDRESS)
        yield Cable(name)
    finally:
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
