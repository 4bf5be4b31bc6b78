"""Parameters inside the sound over real aiortc, with and without loss."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.link import Link
from benchmarks.link_model import LinkConditions
from sender.encoded_message import EncodedMessage
from sender.parameter_transport import ParameterTransport, TransportChoice
from sender.whip_client import WhipClient
from shared.clock import SystemClock
from shared.codec import FaceDecoder, FaceEncoder
from shared.errors import BitstreamError
from shared.in_band import Transport, embed
from shared.metrics import Metrics
from shared.receiver_report import ReceiverReport
from shared.webrtc.audio import OpusPacket, OpusPacketTrack
from tests.faces import face_parameters
from tests.integration.receiver_process import running_receiver, until
from tests.opus_voice import encoded

PACKET_MS = 60


@asynccontextmanager
async def open_link(url: str) -> AsyncIterator[Link]:
    link = Link(url, seed=4)
    await link.start()
    try:
        yield link
    finally:
        await link.close()


async def test_parameters_arrive_and_reports_come_back_beside_the_sound() -> None:
    track = OpusPacketTrack()
    heard: list[bytes] = []
    start = SystemClock().now_ticks()
    async with (
        running_receiver() as receiver,
        await WhipClient.connect(
            f"{receiver.url}/whip",
            receiver.token("ann"),
            audio_track=track,
            on_control=lambda message: None,
            on_parameters=heard.append,
        ) as connection,
    ):
        (stream,) = receiver.streams
        before = connection.wire.snapshot()
        sound = encoded("20")[:25]
        for number, payload in enumerate(sound):
            message = bytes([number]) * 14
            packet = embed(payload, [message])
            track.put(OpusPacket(packet, 960, (start + 1800 * number) % 2**32))
            await asyncio.sleep(0.02)
        await until(lambda: len(stream.parameters) == len(sound))
        assert stream.link.send_beside_sound(b"a report")
        await until(lambda: heard)
        assert stream.parameters == [bytes([number]) * 14 for number in range(len(sound))]
        assert set(stream.transports) == {Transport.IN_BAND}
        # Byte for byte as the encoder made them; the first may come before the first report.
        assert [packet.payload for packet in stream.audio] == sound[-len(stream.audio) :]
        assert heard == [b"a report"]
        (session,) = receiver.calls.sessions
        assert session.parameter_transport is Transport.IN_BAND  # type: ignore[attr-defined]
        counters = receiver.metrics.snapshot().counters
        assert counters["parameter_messages", "inband"] == len(sound)
        wire = connection.wire.snapshot() - before
        # The channels rest; at most their last acknowledgement is still on its way.
        assert wire.data_sent.packets + wire.data_received.packets <= 2


@pytest.mark.parametrize("loss", [0.0, 0.3])
async def test_a_call_in_the_sound_goes_on_under_loss(loss: float) -> None:
    clock = SystemClock()
    track = OpusPacketTrack()
    metrics = Metrics()
    transport = ParameterTransport(TransportChoice.IN_BAND, metrics=metrics)
    transport.receiver_reads(1)
    encoder, decoder = FaceEncoder(), FaceDecoder()
    acknowledged: list[int] = []

    def on_report(data: bytes) -> None:
        report = ReceiverReport.parse(data)
        acknowledged.append(report.newest)
        encoder.acknowledge(report)

    async with (
        running_receiver() as receiver,
        open_link(receiver.url) as link,
        await WhipClient.connect(
            f"{link.url}/whip",
            receiver.token("ann"),
            audio_track=track,
            on_control=lambda message: None,
            on_parameters=on_report,
        ) as connection,
    ):
        (stream,) = receiver.streams
        link.impair(LinkConditions(loss=loss))
        frames: list[int] = []
        decoded = 0
        sent: list[int] = []
        lost_bases = 0
        before = connection.wire.snapshot()
        sound = encoded("60", bitrate_bps=8_000, seconds=3.6)
        for number, payload in enumerate(sound):
            now_ticks = clock.now_ticks()
            sent.append(now_ticks)
            face = face_parameters(
                rotation=(0, 0.2 * math.sin(number / 5), 0), capture_time=now_ticks
            )
            data = encoder.encode([face], set_id=0)
            message = EncodedMessage(data, number, now_ticks, 1, hold=False)
            for direct in transport.take(message, clock.now_ns()):
                connection.send_parameters(direct.data)
            packet = OpusPacket(payload, 2880, now_ticks)
            track.put(transport.load(packet, clock.now_ns()).packet)
            await asyncio.sleep(PACKET_MS / 1e3)
            for arrived in stream.parameters[decoded:]:
                try:
                    frames += [one.capture_time for one in decoder.decode(arrived).frames]
                except BitstreamError:
                    lost_bases += 1
            decoded = len(stream.parameters)
            held = decoder.held()
            if held is not None and number % 8 == 0:
                report = ReceiverReport(*held, delay_ms=0, transit_ms=0)
                stream.link.send_beside_sound(report.pack())
        wire = connection.wire.snapshot() - before
    delivered = len(frames) / len(sent)
    assert lost_bases == 0
    assert abs(delivered - (1 - loss)) < 0.2
    assert 2 <= len(acknowledged) <= 8
    in_band = metrics.snapshot().counters["transport_messages", "inband"]
    assert in_band >= len(sent) - 5  # the first message and intra ones go on the channel
    assert wire.data_sent.packets <= 12
