"""The GPU benchmark: floors, targets, rows that are missing, and a whole run on the CPU."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.figures import Figure, gather
from benchmarks.gpu_bare import main
from benchmarks.gpu_plan import BACK_ENDS, GpuPlan, quick_plan
from benchmarks.gpu_run import measure, steps
from benchmarks.gpu_tables import result_tables, targets
from benchmarks.gpu_targets import Target, printed_roof, strength
from benchmarks.result_file import ResultFile
from benchmarks.roofline import Roof, Work
from shared.errors import ConfigError
from shared.number_format import NumberFormat

ROOT = Path(__file__).parent.parent


def test_the_floor_is_the_longer_of_arithmetic_and_memory() -> None:
    roof = Roof(tflops=100, gbps=1000)
    assert Work(macs=212e9, bytes_moved=1e8).floor_ms(roof) == pytest.approx(4.24)
    assert Work(macs=1e9, bytes_moved=3e9).floor_ms(roof) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("gpu", "reference", "expected"),
    [
        ("NVIDIA H200", "H200", 1.0),
        ("NVIDIA H100 80GB HBM3", "H200", 3350 / 4800),
        ("NVIDIA H100 PCIe", "H200", 2000 / 4800),
        ("NVIDIA L40S", "L40", 1.0),  # twice the rate, the same memory
        ("NVIDIA A100-SXM4-80GB", "L40", 312 / 181),
        ("Tesla T4", "L40", 65 / 181),
    ],
)
def test_gpus_are_as_strong_as_their_weaker_side(gpu: str, reference: str, expected: float) -> None:
    assert strength(gpu, None, reference) == pytest.approx(expected)


def test_an_unknown_gpu_is_as_strong_as_it_was_measured() -> None:
    assert printed_roof("Some GPU 9000") is None
    assert strength("Some GPU 9000", None, "L40") is None
    assert strength("Some GPU 9000", Roof(181, 432), "L40") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("found", "at_most", "verdict"),
    [
        (3.0, True, "met"),
        (3.1, True, "MISSED"),
        (3.0, False, "met"),
        (2.9, False, "MISSED"),
        (None, True, "not measured: no GPU"),
    ],
)
def test_targets_are_met_or_missed(found: float | None, at_most: bool, verdict: str) -> None:
    assert Target("ms", 3.0, found, at_most, "no GPU").verdict() == verdict


def figures_of(plan: GpuPlan, values: dict[str, float]) -> dict[str, Figure]:
    """Those of a run in which all is missing save `values`."""
    run = measure(plan, lambda _: None)
    return gather([run.values | values], why=run.why)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="needs torch (requirements/export.txt)")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_every_row_says_so() -> None:
    plan = GpuPlan()
    figures = figures_of(plan, {})
    assert len(figures) > 1000
    assert all(one.median is None and "no GPU" in (one.why or "") for one in figures.values())
    roof, times, calls, asked = result_tables(plan, figures, "")
    assert len(times.rows) == 3 * 2 * (1 + len(BACK_ENDS))
    for table in (roof, times, calls):
        assert all("(1)" in row for row in table.rows)
        assert table.notes[-1].startswith("(1) no GPU that torch")
    assert all(row[3].startswith("not measured: no GPU") for row in asked.rows)


@pytest.mark.usefixtures("no_gpu")
def test_what_was_measured_is_drawn_and_what_was_not_is_named(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib (extra bench)")
    from benchmarks.gpu_plot import draw

    plan = GpuPlan(networks=("base", "base-half"))
    known = {f"gpu/base/fp16/eager/batch{batch}/ms": 5.0 * batch for batch in plan.batches}
    figures = figures_of(plan, known)
    draw(plan, figures, "", tmp_path / "gpu.png")
    assert (tmp_path / "gpu.png").stat().st_size > 10_000


@pytest.mark.usefixtures("no_gpu")
def test_targets_are_scaled_and_take_the_best_back_end() -> None:
    plan = GpuPlan(number_formats=(NumberFormat.FLOAT16,))
    figures = figures_of(
        plan,
        {
            "gpu/base/fp16/eager/batch1/ms": 6.0,
            "gpu/base/fp16/eager/batch1/over_floor": 5.0,
            "gpu/base/fp16/compile-graph/batch1/ms": 4.0,
            "gpu/base/fp16/compile-graph/batch1/over_floor": 3.3,
            "gpu/base/fp16/compile-graph/batch8/over_floor": 2.0,
            "gpu/base-half/fp16/graph/streams": 25.0,
        },
    )
    found = targets(plan, figures, "NVIDIA H100 80GB HBM3")
    assert [one.found for one in found] == [4.0, 25.0, 2.0, None]
    assert found[0].allowed == pytest.approx(3 * 4800 / 3350)
    assert found[1].allowed == 64  # 30 times 3.9: more than are simulated
    assert [one.is_met for one in found] == [True, False, True, None]


def test_nonsense_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="network 'lit', known are lite, base, base-half"):
        GpuPlan(networks=("lit",))
    with pytest.raises(ConfigError, match="back end 'jit', known are eager, graph"):
        GpuPlan(back_ends=("jit",))
    with pytest.raises(ConfigError, match="batches 2, 1, rising numbers from 1 are expected"):
        GpuPlan(batches=(2, 1))
    with pytest.raises(ConfigError, match="batches from 2, one frame is always measured"):
        GpuPlan(batches=(2, 4))
    (tmp_path / "file").touch()
    assert main(["--json", str(tmp_path / "file" / "a.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["--device", "tpu"]) == 2
    assert "device 'tpu', cuda or cpu is possible" in capsys.readouterr().err


def test_a_run_goes_on_where_no_back_end_runs_and_tells_as_often_as_was_said() -> None:
    pytest.importorskip("torch", reason="needs torch (requirements/export.txt)")
    plan = GpuPlan(
        device="cpu",
        networks=("base-half",),
        number_formats=(NumberFormat.FLOAT32,),
        batches=(1, 2),
        back_ends=("graph", "tensorrt"),
    )
    told: list[str] = []
    run = measure(quick_plan(plan), told.append)
    assert len(told) == steps(quick_plan(plan))
    assert run.why["gpu_on_cpu/base-half/fp32/graph/batch2/ms"] == "a CUDA graph needs a GPU"
    place = "gpu_on_cpu/base-half/fp32"
    assert (run.values[f"{place}/batch2/floor_ms"] or 0) > 0
    assert run.why[f"{place}/tensorrt/calls64/p99_ms"] == "TensorRT needs a GPU"
    assert run.why[f"{place}/best/streams"] == "no back end ran"


_OTHERS = (
    "typer", "rich", "cv2", "onnx", "onnxruntime", "pydantic", "pydantic_settings", "aiortc", "av",
    "fastapi", "PIL", "msgpack", "matplotlib", "prometheus_client", "jwt", "httpx",
)  # fmt: skip
"""What the project installs beside torch, triton, numba and numpy."""


@pytest.mark.slow
def test_it_runs_where_only_torch_is(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs torch (requirements/export.txt)")
    path = tmp_path / "gpu.json"
    arguments = [
        "--device", "cpu", "--quick", "--network", "base-half", "--format", "fp32",
        "--batch", "1", "--back-end", "eager", "--back-end", "onnxruntime", "--json", str(path),
    ]  # fmt: skip
    program = (
        "import runpy, sys\n"
        f"for name in {_OTHERS!r}: sys.modules[name] = None\n"
        f"sys.argv = ['gpu_bare', *{arguments!r}]\n"
        "runpy.run_module('benchmarks.gpu_bare', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "| base-half fp32 eager | " in done.stdout
    result = ResultFile.load(path)
    assert (result.benchmark, result.quick) == ("gpu", True)
    place = "gpu_on_cpu/base-half/fp32"
    assert (result.figures[f"{place}/eager/batch1/ms"].median or 0) > 0
    for name in ("batch1/floor_ms", "eager/calls64/p99_ms", "eager/streams", "best/streams"):
        assert result.figures[f"{place}/{name}"].median is not None
    missing = result.figures[f"{place}/onnxruntime/batch1/ms"]
    assert missing.median is None
    assert (missing.why or "").endswith("is not installed")
    assert json.loads(path.read_text())["processor"]["device"] == "cpu"
