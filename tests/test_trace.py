"""Traces come back as they were written, also while they are still being written."""

import asyncio
import contextlib
import math
from pathlib import Path

import pytest

from shared.errors import ArtifactError
from shared.metrics import Metrics, Stage
from shared.trace import TraceReader, TraceRecord, write_trace
from shared.webrtc.wire_counter import WireCounter
from tests.fakes import FakeClock


def _record() -> TraceRecord:
    metrics = Metrics()
    metrics.observe_ms(Stage.TRACK, 5.0)
    metrics.count("frames_in", increment=3)
    metrics.count("frames_dropped", "late")
    metrics.set_gauge("delay_ms", 41.5)
    wire = WireCounter()
    wire.sent(b"\x16hello", 28)
    return TraceRecord(123456789, metrics.snapshot(), wire.snapshot())


def test_a_record_comes_back_equal() -> None:
    record = _record()
    assert "\n" not in record.pack()
    assert TraceRecord.parse(record.pack()) == record
    bare = TraceRecord(1, Metrics().snapshot(), None)
    assert TraceRecord.parse(bare.pack()) == bare


def test_counters_are_found_by_name_and_label() -> None:
    record = _record()
    assert record.counter("frames_in") == 3
    assert record.counter("frames_dropped", "late") == 1
    assert record.counter("nothing") == 0
    assert record.counters("frames_dropped") == {"late": 1}


@pytest.mark.parametrize("line", ["", "{}", "[1]", "null", '{"time_ns":1,"wire":3}', "{", "\x00"])
def test_anything_else_is_refused(line: str) -> None:
    with pytest.raises(ArtifactError, match="no trace record: "):
        TraceRecord.parse(line)


def test_a_stage_that_never_ran_stays_away() -> None:
    assert all(not math.isnan(s.p50_ms) for s in _record().metrics.stages.values())


def test_a_line_half_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    reader = TraceReader(path)
    assert reader.poll() is None
    line = _record().pack()
    path.write_text(line[:20])
    assert reader.poll() is None
    path.write_text(line + "\n" + line[:5])
    assert reader.poll() == _record()
    assert len(reader.records) == 1


async def test_the_writer_ends_with_the_last_state(tmp_path: Path) -> None:
    metrics = Metrics()
    path = tmp_path / "trace.jsonl"
    task = asyncio.create_task(
        write_trace(path, metrics=metrics, clock=FakeClock(), wire=lambda: None)
    )
    await asyncio.sleep(0)
    metrics.count("frames_in")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    reader = TraceReader(path)
    last = reader.poll()
    assert last is not None
    assert last.counter("frames_in") == 1
    assert reader.records[0].counter("frames_in") == 0
