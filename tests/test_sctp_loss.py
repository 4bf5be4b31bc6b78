"""Minutes of a call's messages through two associations and a link that loses, in virtual time."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiortc.rtcsctptransport as sctp
import pytest
from aiortc import RTCDataChannel, RTCDataChannelParameters

from shared.webrtc.aiortc.sctp_packets import run_later
from shared.webrtc.channel import CONTROL, PARAMETERS, Channel, ChannelKind
from tests.adjusted import adjust
from tests.virtual_time import run_virtually

adjust()

HEADER_BYTES = 20 + 8 + 13 + 16
"""IP, UDP and a record of ChaCha20-Poly1305."""


class _Path:
    """Stands where SCTP expects its DTLS transport; loses what leaves."""

    state = "connected"

    def __init__(self, role: str, seed: int) -> None:
        self._role = role
        self._chance = random.Random(seed)
        self.other: _Path | None = None
        self.loss = 0.0
        self.sent_bytes = 0
        self.largest_bytes = 0
        self.receiver: Any = None

    def _register_data_receiver(self, receiver: Any) -> None:
        self.receiver = receiver

    def _unregister_data_receiver(self, receiver: Any) -> None:
        self.receiver = None

    async def _send_data(self, data: bytes) -> None:
        self.sent_bytes += len(data) + HEADER_BYTES
        self.largest_bytes = max(self.largest_bytes, len(data))
        if self._chance.random() >= self.loss:
            asyncio.get_running_loop().call_later(0.03, self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        run_later(lambda: self._hand_over(data))

    async def _hand_over(self, data: bytes) -> None:
        if self.other is not None and self.other.receiver is not None:
            await self.other.receiver._handle_data(data)


@dataclass
class Heard:
    """What the receiving side got, and what the sending side could not send."""

    parameters: int = 0
    control: list[bytes] = field(default_factory=list)
    dropped: int = 0
    waited_seconds: list[float] = field(default_factory=list)
    """From the first byte of each reference to its arrival."""

    forward_bps: float = 0.0
    back_bps: float = 0.0
    most_outstanding: int = 0
    largest_bytes: int = 0


def _channel(association: Any, kind: ChannelKind, on_message: Callable[[bytes], None]) -> Channel:
    parameters = RTCDataChannelParameters(
        label=kind.label, ordered=kind.ordered, maxRetransmits=kind.max_retransmits
    )
    return _wrap(RTCDataChannel(association, parameters), kind, on_message)


def _wrap(channel: Any, kind: ChannelKind, on_message: Callable[[bytes], None]) -> Channel:
    return Channel(
        channel,
        kind,
        on_message=on_message,
        on_breach=pytest.fail,
        on_open=lambda: None,
        on_close=lambda: None,
    )


async def _call(loss: float, seconds: float, seed: int) -> Heard:
    """25 messages of 15 B a second, reports of 11 B back, 3.6 KB of reference every 6 s."""
    clock = asyncio.get_running_loop().time
    heard = Heard()
    paths = _Path("server", seed), _Path("client", seed + 1)
    paths[0].other, paths[1].other = paths[1], paths[0]
    here, there = (sctp.RTCSctpTransport(path) for path in paths)  # type: ignore[arg-type]
    reports: list[Channel] = []

    def on_parameters(message: bytes) -> None:
        heard.parameters += 1

    def on_channel(channel: RTCDataChannel) -> None:
        if channel.label == PARAMETERS.label:
            reports.append(_wrap(channel, PARAMETERS, on_parameters))
        else:
            _wrap(channel, CONTROL, heard.control.append)

    there.on("datachannel", on_channel)
    control = _channel(here, CONTROL, lambda message: None)
    parameters = _channel(here, PARAMETERS, lambda message: None)
    capabilities = sctp.RTCSctpCapabilities(maxMessageSize=65536)
    await asyncio.gather(here.start(capabilities, 5000), there.start(capabilities, 5000))
    while not (control.is_open and parameters.is_open):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    for path in paths:
        path.loss = loss
        path.sent_bytes = 0

    async def send_parameters() -> None:
        while True:
            parameters.send(bytes(15))
            heard.most_outstanding = max(heard.most_outstanding, len(here._sent_queue))
            await asyncio.sleep(0.04)

    async def send_reports() -> None:
        while True:
            await asyncio.sleep(0.33)
            reports[0].send(bytes(11))

    async def send_references() -> None:
        while True:
            began, before = clock(), len(heard.control)
            for _ in range(12):
                while control.buffered_bytes > 0:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                control.send(bytes(300))
                await asyncio.sleep(0.04)
            while len(heard.control) < before + 12:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            heard.waited_seconds.append(clock() - began)
            await asyncio.sleep(max(0.0, 6 - (clock() - began)))

    tasks = [
        asyncio.create_task(work()) for work in (send_parameters, send_reports, send_references)
    ]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    heard.dropped = parameters.dropped + reports[0].dropped
    heard.forward_bps, heard.back_bps = (8 * path.sent_bytes / seconds for path in paths)
    heard.largest_bytes = max(path.largest_bytes for path in paths)
    await here.stop()
    await there.stop()
    return heard


@pytest.fixture
def virtual_aiortc(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiortc measures round trips by the wall clock."""
    loop_time = SimpleNamespace(time=lambda: asyncio.get_running_loop().time())
    monkeypatch.setattr(sctp, "time", loop_time)


@pytest.mark.usefixtures("virtual_aiortc")
@pytest.mark.parametrize(
    ("loss", "forward_kbps", "back_kbps", "reference_seconds"),
    [(0.0, 26.5, 3.7, 0.6), (0.1, 27.5, 4.2, 1.2), (0.3, 30, 5.5, 4), (0.5, 33, 12, 10)],
)
def test_a_minute_under_loss_costs_little_and_delays_nothing_for_long(
    loss: float, forward_kbps: float, back_kbps: float, reference_seconds: float
) -> None:
    heard = run_virtually(_call(loss, 60, seed=3))
    assert abs(heard.parameters / 1500 - (1 - loss)) < 0.06
    assert heard.dropped <= (0 if loss <= 0.3 else 75)
    assert heard.forward_bps < forward_kbps * 1000
    assert heard.back_bps < back_kbps * 1000
    assert max(heard.waited_seconds) < reference_seconds
    assert heard.most_outstanding < 500
    assert heard.largest_bytes <= sctp.SCTP_MAX_PACKET_LENGTH
