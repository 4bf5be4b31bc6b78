"""The whole sender against a receiver that writes down what it gets, over real WebRTC."""

import asyncio
from pathlib import Path

import pytest

from sender.pipeline import SenderPipeline
from sender.settings import SenderSettings
from shared.codec import FaceDecoder
from shared.control_message import (
    Bye,
    ByeReason,
    ControlMessage,
    FaceState,
    Hello,
    Mode,
    ReferenceBegin,
    ReferenceChunk,
    ReferenceEnd,
    ReferenceHeld,
    pack_control,
    parse_control,
)
from shared.errors import BitstreamError, SignalingError
from shared.parameters import FaceParameters
from shared.receiver_report import ReceiverReport
from shared.reference_image import decode_reference_image
from shared.reference_transfer import ReceivedReference, ReferenceAssembler
from tests.integration.receiver_process import (
    RecordingStream,
    RunningReceiver,
    running_receiver,
    until,
)
from tests.portrait_clip import write_portrait_clip


def settings(receiver: RunningReceiver, **given: object) -> SenderSettings:
    return SenderSettings.read(
        url=f"{receiver.url}/whip", token=receiver.token("ann"), **{"input": "portrait", **given}
    )


def heard(stream: RecordingStream) -> list[ControlMessage]:
    return [parse_control(message) for message in stream.control]


def references(stream: RecordingStream) -> list[ReceivedReference]:
    assembler, whole = ReferenceAssembler(), []
    for message in heard(stream):
        match message:
            case ReferenceBegin():
                assembler.begin(message, 0)
            case ReferenceChunk():
                assembler.add(message, 0)
            case ReferenceEnd():
                whole.append(assembler.end(message, 0))
    return whole


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_portrait_arrives_with_its_reference_and_says_goodbye() -> None:
    async with running_receiver() as receiver:
        pipeline = SenderPipeline(settings(receiver))
        task = asyncio.create_task(pipeline.run())
        await until(lambda: receiver.streams and references(receiver.streams[0]), seconds=20)
        (stream,) = receiver.streams
        reference = references(stream)[0]
        stream.link.send_control(pack_control(ReferenceHeld(0, 0)))
        await until(lambda: len(stream.parameters) >= 10, seconds=20)
        decoder = FaceDecoder()
        frames: list[FaceParameters] = []
        for message in list(stream.parameters):
            frames += decoder.decode(message).frames
        held = decoder.held()
        assert held is not None
        report = ReceiverReport(held[0], held[1], delay_ms=0, transit_ms=0)
        stream.link.send_parameters(report.pack())
        count = len(stream.parameters)
        await until(lambda: len(stream.parameters) >= count + 10, seconds=20)
        intra = [decoder.decode(message).intra for message in list(stream.parameters)[count:]]
        await stop(task)
        await until(lambda: stream.closed)

    messages = heard(stream)
    assert isinstance(messages[0], Hello)
    assert messages[-1] == Bye(ByeReason.LEFT)
    assert any(isinstance(m, Mode) and m.face is FaceState.TRACKED for m in messages)
    assert reference.begin.identity is not None
    image = decode_reference_image(reference.data, reference.begin.image_format)
    assert image.shape == (256, 256, 3)
    assert len(frames) >= 20
    assert not all(intra)  # predicted from what was reported as held
    counters = pipeline.metrics.snapshot().counters
    assert counters["references_held", ""] == 1


async def test_a_file_sends_its_sound_on_the_pictures_clock(tmp_path: Path) -> None:
    clip = write_portrait_clip(tmp_path / "clip.mp4", frames=25, sound=True)
    async with running_receiver() as receiver:
        pipeline = SenderPipeline(settings(receiver, input="video", video=clip))
        task = asyncio.create_task(pipeline.run())
        await until(
            lambda: (
                receiver.streams
                and len(receiver.streams[0].audio) > 20
                and len(receiver.streams[0].parameters) > 8
            ),
            seconds=20,
        )
        (stream,) = receiver.streams
        await stop(task)
    frames = [
        frame for message in stream.parameters[:4] for frame in decode(message) if frame is not None
    ]
    apart = abs(frames[0] - stream.audio[0].capture_time) / 90_000
    assert apart < 2.0  # one clock: the first report and the first message are this near
    assert {packet.duration for packet in stream.audio} == {960}
    assert any(isinstance(m, Mode) and not m.muted for m in heard(stream))


def decode(message: bytes) -> list[int]:
    try:
        return [frame.capture_time for frame in FaceDecoder().decode(message).frames]
    except BitstreamError:
        return []


async def test_it_calls_again_and_starts_over_when_the_receiver_ends_the_session() -> None:
    async with running_receiver() as receiver:
        pipeline = SenderPipeline(settings(receiver))
        task = asyncio.create_task(pipeline.run())
        await until(lambda: receiver.streams and references(receiver.streams[0]), seconds=20)
        receiver.streams[0].link.send_control(pack_control(Bye(ByeReason.TIMEOUT)))
        await until(
            lambda: len(receiver.streams) == 2 and references(receiver.streams[1]), seconds=20
        )
        await until(lambda: len(receiver.streams[1].parameters) > 2, seconds=20)
        again = receiver.streams[1]
        await stop(task)
    assert isinstance(heard(again)[0], Hello)
    assert references(again)[0].begin.identity is not None
    assert FaceDecoder().decode(again.parameters[0]).intra


async def test_a_place_taken_by_another_ends_it() -> None:
    async with running_receiver() as receiver:
        task = asyncio.create_task(SenderPipeline(settings(receiver)).run())
        await until(lambda: receiver.streams and receiver.streams[0].control, seconds=20)
        receiver.streams[0].link.send_control(pack_control(Bye(ByeReason.REPLACED)))
        with pytest.raises(SignalingError, match="another sender took this party's place"):
            await asyncio.wait_for(task, 10)


async def test_a_wrong_token_is_not_tried_twice() -> None:
    async with running_receiver() as receiver:
        wrong = SenderSettings.read(url=f"{receiver.url}/whip", token="x", input="portrait")
        pipeline = SenderPipeline(wrong)
        with pytest.raises(SignalingError, match="the token is wrong or expired"):
            await asyncio.wait_for(pipeline.run(), 10)
    assert ("reconnects", "") not in pipeline.metrics.snapshot().counters
