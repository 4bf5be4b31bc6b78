"""What benchmarks write is JSON that any program reads."""

import json
import math
from pathlib import Path

import pytest

from benchmarks.json_file import check_writable, write_json
from shared.errors import ConfigError


def test_what_was_not_measured_is_null(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_json(path, {"a": math.nan, "b": [1.5, -math.inf], "c": (2, "x"), "d": {"e": None}})
    assert "NaN" not in path.read_text()
    assert json.loads(path.read_text()) == {
        "a": None,
        "b": [1.5, None],
        "c": [2, "x"],
        "d": {"e": None},
    }


def test_a_file_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    check_writable(None)
    check_writable(tmp_path / "new" / "report.json")
    assert not (tmp_path / "new" / "report.json").exists()
    kept = tmp_path / "kept.json"
    kept.write_text("{}")
    check_writable(kept)
    assert kept.read_text() == "{}"
    for wrong in (tmp_path, kept / "report.json"):
        with pytest.raises(ConfigError, match="cannot be written"):
            check_writable(wrong)
