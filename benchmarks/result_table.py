"""A table of results, the same on the terminal, in the report and in the README."""

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from shared.errors import ArtifactError

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Cells are texts, units included where the column does not name them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Each as long as `columns`."""

    notes: tuple[str, ...] = ()
    """What a reader must know: settings, what is missing and why."""

    def rich(self) -> "Table":
        """For a terminal, notes under it."""
        from rich.markup import escape as escape_markup
        from rich.table import Table  # here, as tables are also made where rich is not installed

        table = Table(
            *map(escape_markup, self.columns),
            title=escape_markup(self.title),
            caption=escape_markup("\n".join(self.notes)) or None,
        )
        for row in self.rows:
            table.add_row(*map(escape_markup, row))
        return table

    def markdown(self) -> str:
        """Without title and notes, which a page says in its own words."""
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"

    def html(self) -> str:
        """Title, table, notes."""
        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in self.rows
        )
        notes = "".join(f"<p class='note'>{escape(note)}</p>\n" for note in self.notes)
        return (
            f"<h3>{escape(self.title)}</h3>\n<table>\n<thead><tr>{head}</tr></thead>\n"
            f"<tbody>\n{body}</tbody>\n</table>\n{notes}"
        )

    def as_json(self) -> dict[str, object]:
        """For `json.dump`."""
        return {
            "title": self.title,
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            "notes": list(self.notes),
        }

    @classmethod
    def parse(cls, content: object) -> "ResultTable":
        """The other way. Raises ArtifactError."""
        match content:
            case {
                "title": str(title),
                "columns": [*columns],
                "rows": [*rows],
                "notes": [*notes],
            } if _are_texts(columns) and _are_texts(notes):
                if all(_are_texts(row) and len(row) == len(columns) for row in rows):
                    cells = tuple(tuple(row) for row in rows)
                    return cls(title, tuple(columns), cells, tuple(notes))
        raise ArtifactError("a table of results without title, columns, rows or notes that fit")


def _are_texts(content: object) -> bool:
    return isinstance(content, list) and all(isinstance(cell, str) for cell in content)
