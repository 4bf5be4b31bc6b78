"""Rows of scores on the terminal."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_TABLE_WIDTH = 160


def print_scores(title: str, rows: Sequence["DataclassInstance"]) -> None:
    """One column a field, one line a row; nothing for no rows."""
    if not rows:
        return
    console = Console(width=max(Console().width, _TABLE_WIDTH))
    table = Table(title=title)
    for name in asdict(rows[0]):
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        cells = asdict(row).values()
        table.add_row(*(value if isinstance(value, str) else f"{value:.4g}" for value in cells))
    console.print(table)
