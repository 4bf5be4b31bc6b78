"""A run of the wire benchmark: what fails is a row, what was measured is kept."""

import json
from pathlib import Path

import pytest
import typer

from benchmarks import wire
from benchmarks.link_model import LinkCount
from benchmarks.wire_actor import Actor
from benchmarks.wire_lane import CallPlan, Lane, LaneError, MeasuredCall, Opening
from benchmarks.wire_log import SentCall, SentLog, ShownCall, WatchedPlayer
from benchmarks.wire_plan import Cell, Sweep, WirePlan, link
from benchmarks.wire_run import WireRun
from sender.parameter_transport import TransportChoice
from shared.face_model import FaceModel
from tests.wire_recording import nodding_track

_CHANNEL = TransportChoice.DATA_CHANNEL
_PLAN = WirePlan(
    cells=(
        Cell(Sweep.LOSS, _CHANNEL, 1, link()),
        Cell(Sweep.LOSS, _CHANNEL, 2, link()),
        Cell(Sweep.VOICE_LOSS, _CHANNEL, None, link(), voice=True),
    ),
    calls_per_cell=2,
    call_seconds=4.0,
    opening_losses=(0.2,),
    opening_seeds=4,
    lanes=2,
)


class _FakeLane:
    """Calls with one frame a message succeed; with two the other process dies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def close(self) -> None:
        pass

    async def measure(self, plan: CallPlan) -> MeasuredCall:
        if plan.frames_per_message == 2:
            raise LaneError("a long story\nthe receiver ended with status 1")
        log = SentLog(0)
        for number in range(100):
            log.add_frame(number * 40_000_000, number % 100, number * 40_000_000)
        log.save(self._folder / "sent.npz")
        WatchedPlayer().save(self._folder / "shown.npz")
        return MeasuredCall(
            plan,
            SentCall.load(self._folder / "sent.npz"),
            ShownCall.load(self._folder / "shown.npz"),
            start_ns=0,
            end_ns=4_000_000_000,
            forward=LinkCount(packets=100, data_bytes=10_000),
            reverse=LinkCount(packets=40, data_bytes=2_000),
        )

    async def open(self, plan: CallPlan) -> Opening:
        return Opening(float(plan.seed), 0.1)


def _run() -> WireRun:
    actor = Actor(nodding_track(), Path("nod.mp4"), has_sound=False)
    return WireRun(_PLAN, [actor], FaceModel.load())


async def test_a_call_that_fails_is_a_row_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start(folder: Path, *, with_tun: bool) -> _FakeLane:
        return _FakeLane(folder)

    monkeypatch.setattr(Lane, "start", start)
    run = _run()
    shares: list[float] = []
    seen: list[int] = []

    def on_done(share: float) -> None:
        shares.append(share)
        seen.append(sum(r.scores is not None for r in run.cells) + len(run.openings))

    await run.make_calls(with_tun=False, folder=tmp_path, on_done=on_done)
    good, failing, silent = run.cells
    assert good.scores is not None
    assert good.scores.calls == 2
    assert good.scores.forward_bps == 8 * 10_000 / 4
    assert good.why is None
    assert (failing.scores, failing.why) == (None, "2 calls: the receiver ended with status 1")
    assert (silent.scores, silent.why) == (None, "no clip with sound")
    assert [(o.seeds, o.median_s, o.p95_s) for o in run.openings] == [(4, 3.0, 7.0)]
    assert shares == pytest.approx([(i + 1) / 8 for i in range(8)])
    assert seen[-1] == 2


async def test_lanes_that_never_start_end_the_calls_but_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = 0

    async def start(folder: Path, *, with_tun: bool) -> _FakeLane:
        nonlocal attempts
        attempts += 1
        raise OSError("no more processes")

    monkeypatch.setattr(Lane, "start", start)
    run = _run()
    shares: list[float] = []
    await run.make_calls(with_tun=False, folder=tmp_path, on_done=shares.append)
    assert attempts == 2 * 3
    assert run.cells[0].why == "2 calls: no more processes"
    assert run.openings[0].seeds == 0
    assert run.openings[0].why is not None
    assert shares[-1] == 1


def test_the_file_holds_what_was_measured_until_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wire.json"

    class _Interrupted(WireRun):
        async def make_calls(self, **given: object) -> None:
            self._openings[0].openings.append(Opening(1.5, 0.1))
            given["on_done"](0.1)  # type: ignore[operator]
            assert json.loads(path.read_text())["openings"][0]["median_s"] == 1.5
            raise KeyboardInterrupt

    track = nodding_track()
    monkeypatch.setattr(
        wire, "record_actors", lambda *_: ([Actor(track, Path("nod.mp4"), False)], {})
    )
    monkeypatch.setattr(wire, "WireRun", _Interrupted)
    (tmp_path / "nod.mp4").touch()
    with pytest.raises(typer.Exit) as end:
        wire.command(tmp_path, path, None, quick=True, codecs=True, bundle="warp")
    assert end.value.exit_code == 130
    found = json.loads(path.read_text())
    assert not found["finished"]
    assert found["openings"][0]["median_s"] == 1.5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["nod.mp4", "wire.json", "wire.png"]
