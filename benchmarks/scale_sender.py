"""The sending process of the scale benchmark: many senders that replay what was tracked before.

`python -m benchmarks.scale_sender` hears its calls on standard input (`benchmarks.wire_job`); they
go on beside each other until one END ends them all.
"""

import asyncio

from benchmarks.standard_input import input_lines
from benchmarks.wire_job import CallJob, Word, hear, say
from benchmarks.wire_sender import RecordedCall
from shared.errors import SignalingError
from shared.face_model import FaceModel

_POLL_SECONDS = 0.02


async def _serve() -> None:
    model = FaceModel.load()
    ended = asyncio.Event()
    _print(say(Word.READY))
    async with asyncio.TaskGroup() as calls:
        async for line in input_lines():
            word, detail = hear(line)
            if word is Word.END:
                break
            assert word is Word.CALL
            calls.create_task(_make_call(CallJob.parse(detail), model, ended))
        ended.set()
    _print(say(Word.DONE))


async def _make_call(job: CallJob, model: FaceModel, ended: asyncio.Event) -> None:
    call = RecordedCall(job, model)
    try:
        connection = await call.connect()
    except SignalingError as error:
        _print(say(Word.FAILED, str(error)))
        return
    async with connection, call.playing(connection):
        while not call.is_shown and not ended.is_set():  # noqa: ASYNC110 - counted by a thread
            await asyncio.sleep(_POLL_SECONDS)
        _print(say(Word.SHOWN))
        await ended.wait()


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
