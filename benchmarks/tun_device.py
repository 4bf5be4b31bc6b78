"""A network namespace of its own with nothing in it but a TUN device.

Linux, root and /dev/net/tun are needed. The namespace has no name: it goes away with the last
process in it and the last descriptor of it, whatever happens to the program that made it.
Names and numbers: linux/if_tun.h, linux/sockios.h, network_namespaces(7).
"""

import ctypes
import fcntl
import os
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigError

MTU = 1500

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_SIOCSIFADDR, _SIOCSIFNETMASK = 0x8916, 0x891C
_IFF_UP = 0x1
_NAME = b"link0"
_NETMASK = "255.255.255.0"
_DISABLE_IPV6 = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")


@dataclass(frozen=True, slots=True)
class TunDevice:
    """Both descriptors belong to whoever made it."""

    namespace_fd: int
    packets_fd: int
    """Non-blocking: one IP packet a read and a write."""

    @property
    def namespace_path(self) -> str:
        """Where another process of this user can open the namespace."""
        return f"/proc/{os.getpid()}/fd/{self.namespace_fd}"

    def close(self) -> None:
        os.close(self.packets_fd)
        os.close(self.namespace_fd)


def make_tun_device(address: str) -> TunDevice:
    """A namespace whose one way out is a device with this IPv4 address, in a /24.

    Raises ConfigError, saying what is lacking.
    """
    made: list[TunDevice | OSError] = []

    def make() -> None:
        try:
            made.append(_make(address))
        except OSError as error:
            made.append(error)

    # A thread moves alone into the namespace, and ends there.
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        error = made[0]
        raise ConfigError(
            f"no network namespace with a TUN device: {error.strerror or error}; Linux, root and "
            "/dev/net/tun are needed"
        ) from error
    return made[0]


def enter_namespace(path: str) -> None:
    """Move the calling thread, and the threads that it will start, into a namespace."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("setns", descriptor, _CLONE_NEWNET)
    finally:
        os.close(descriptor)


def _make(address: str) -> TunDevice:
    _call("unshare", _CLONE_NEWNET)
    with suppress(OSError):  # a kernel without IPv6
        _DISABLE_IPV6.write_text("1")
    packets = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(packets, _TUNSETIFF, struct.pack("16sH22x", _NAME, _IFF_TUN | _IFF_NO_PI))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            _configure(control, _SIOCSIFADDR, address)
            _configure(control, _SIOCSIFNETMASK, _NETMASK)
            _bring_up(control, _NAME)
            _bring_up(control, b"lo")
        namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        os.close(packets)
        raise
    return TunDevice(namespace, packets)


def _configure(control: socket.socket, request: int, address: str) -> None:
    sockaddr = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
    fcntl.ioctl(control, request, struct.pack("16s16s8x", _NAME, sockaddr))


def _bring_up(control: socket.socket, name: bytes) -> None:
    found = fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16sH22x", name, 0))
    (flags,) = struct.unpack_from("16xH", found)
    fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", name, flags | _IFF_UP))


def _call(function: str, *arguments: int) -> None:
    """A call of the C library; Python has these two from 3.12 on only."""
    library = ctypes.CDLL(None, use_errno=True)
    try:
        status = getattr(library, function)(*arguments)
    except AttributeError:
        raise OSError(0, f"this system has no {function}") from None
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
