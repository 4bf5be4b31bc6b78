"""Checks of a bundle as a table to read."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from export.verify import Check


def show(checks: Sequence[Check], console: Console) -> str:
    """Print them; returns what failed in one line, "" when nothing did."""
    table = Table("check", "found", "allowed", "")
    for check in checks:
        verdict = Text("ok", "green") if check.passed else Text("FAILED", "bold red")
        table.add_row(Text(check.name), Text(check.found), Text(check.allowed), verdict)
    console.print(table)
    return "; ".join(
        f"{check.name}: {check.found}" + (f", {check.allowed} allowed" if check.allowed else "")
        for check in checks
        if not check.passed
    )
