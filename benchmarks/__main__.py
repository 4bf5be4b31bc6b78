"""`python -m benchmarks`: everything that measures, one sub-command each."""

import sys

import typer

from benchmarks import (
    browser,
    calls,
    codec,
    demo,
    everything,
    gpu,
    join,
    latency,
    quality,
    rate_distortion,
    readme,
    reconstruct,
    regress,
    repeats,
    scale,
    soak,
    tracking,
    wire,
)
from shared.errors import KilocallError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("all")(everything.command)
app.command("browser")(browser.command)
app.command("calls")(calls.command)
app.command("codec")(codec.command)
app.command("demo")(demo.command)
app.command("gpu")(gpu.command)
app.command("join")(join.command)
app.command("latency")(latency.command)
app.command("quality")(quality.command)
app.command("rate-distortion")(rate_distortion.command)
app.command("readme")(readme.command)
app.command("reconstruct")(reconstruct.command)
app.command("regress")(regress.command)
app.command("repeats")(repeats.command)
app.command("scale")(scale.command)
app.command("soak")(soak.command)
app.command("tracking")(tracking.command)
app.command("wire")(wire.command)


def main() -> None:
    """Run a sub-command; what we raise on purpose is one line and exit status 2."""
    try:
        app()
    except KilocallError as err:
        typer.echo(f"kilocall: {err}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
