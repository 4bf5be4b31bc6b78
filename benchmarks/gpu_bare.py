"""`python -m benchmarks.gpu_bare`: the GPU benchmark where only torch, triton, numba and numpy are.

The same measurement and the same file as `python -m benchmarks gpu`, from the folder of the
repository and without installing it; tables are printed as Markdown.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu_plan import BACK_ENDS, BATCHES, NETWORKS, NUMBER_FORMATS, GpuPlan, quick_plan
from benchmarks.gpu_report import run_benchmark
from benchmarks.gpu_run import steps
from shared.errors import KilocallError
from shared.number_format import NumberFormat


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 2 for what we raise on purpose, as one line."""
    asked = _parser().parse_args(arguments)
    done = 0

    def tell(step: str) -> None:
        nonlocal done
        done += 1
        print(f"{done} of {total}: {step}", file=sys.stderr)

    try:
        plan = GpuPlan(
            device=asked.device,
            networks=tuple(asked.network or NETWORKS),
            number_formats=tuple(asked.format or NUMBER_FORMATS),
            batches=tuple(asked.batch or BATCHES),
            back_ends=tuple(asked.back_end or BACK_ENDS),
            seconds=asked.seconds,
            call_seconds=asked.call_seconds,
        )
        plan = quick_plan(plan) if asked.quick else plan
        repeat = asked.repeat or (1 if asked.quick else 2)
        total = steps(plan) * repeat
        tables = run_benchmark(plan, repeat=repeat, json_path=asked.json, plot=None, tell=tell)
    except KilocallError as err:
        print(f"kilocall: {err}", file=sys.stderr)
        return 2
    for table in tables:
        print(f"\n{table.title}\n\n{table.markdown()}")
        for note in table.notes:
            print(note)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_bare", description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda; cpu tests the benchmark")
    parser.add_argument("--network", action="append", help=f"of {', '.join(NETWORKS)}; repeatable")
    parser.add_argument(
        "--format",
        action="append",
        type=NumberFormat,
        choices=list(NumberFormat),
        help="repeatable",
    )
    parser.add_argument("--batch", action="append", type=int, help="repeatable")
    parser.add_argument(
        "--back-end", action="append", help=f"of {', '.join(BACK_ENDS)}; repeatable"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of each time that is taken")
    parser.add_argument("--call-seconds", type=float, default=20.0, help="of calls")
    parser.add_argument("--quick", action="store_true", help="little of it, once")
    parser.add_argument("--repeat", type=int, help="2 if absent, 1 with --quick")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
