"""One page with everything that was measured, to be read on its own."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from benchmarks.machine import MachineFacts
from benchmarks.result_file import ResultFile

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: #777; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
th, td { text-align: right; padding: .2rem .7rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
thead th { vertical-align: bottom; }
img { max-width: 100%; background: #fff; }
code { font-size: .92em; } pre { white-space: pre-wrap; margin: .3rem 0; }
.note, .facts { color: var(--quiet); }
.missing { border-left: 4px solid #c40; padding-left: .8rem; }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One benchmark's part of the page."""

    name: str
    about: str
    """A sentence: what is measured and how to read it."""

    command: str
    """To get it again."""

    result: ResultFile | None
    """None where it left none."""

    pictures: tuple[Path, ...]
    """PNGs, those that exist."""

    seconds: float
    why: str | None
    """What went wrong, or why it was not run."""


def html_report(sections: Sequence[Section], machine: MachineFacts, *, quick: bool) -> str:
    """The whole page; no file beside it is needed."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    changed = " with changes" if machine.changed else ""
    warning = "<p class='missing'>A quick run: the numbers mean little.</p>" if quick else ""
    minutes = sum(section.seconds for section in sections) / 60
    contents = "".join(
        f"<li><a href='#{escape(section.name)}'>{escape(section.name)}</a>"
        f"{'' if section.result else ' - missing'}</li>\n"
        for section in sections
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Kilocall: what it reaches</title><style>{_STYLE}</style></head><body>
<h1>Kilocall: what it reaches</h1>
<p class="facts">{escape(machine.cpu)}, {machine.cores} cores, {escape(machine.system)},
Python {escape(machine.python)}, {escape(versions)}; commit {escape(machine.commit or "unknown")}\
{changed}; {escape(machine.date)}; {minutes:.1f} minutes.</p>
{warning}
<p>Bitrate means bytes on the wire: IP, UDP, DTLS, SCTP and RTP headers counted. A value behind
&plusmn; is half the distance between the largest and the smallest of several runs.</p>
<ul>
{contents}</ul>
{"".join(map(_section, sections))}
</body></html>
"""


def _section(section: Section) -> str:
    parts = [
        f"<h2 id='{escape(section.name)}'>{escape(section.name)}</h2>\n",
        f"<p>{escape(section.about)}</p>\n<pre><code>{escape(section.command)}</code></pre>\n",
    ]
    if section.why is not None:
        parts.append(f"<p class='missing'>{escape(section.why)}</p>\n")
    if section.result is not None:
        parts += [f"<div class='wide'>{table.html()}</div>\n" for table in section.result.tables]
    for path in section.pictures:
        content = base64.b64encode(path.read_bytes()).decode()
        parts.append(f"<img alt='{escape(path.stem)}' src='data:image/png;base64,{content}'>\n")
    parts.append(f"<p class='facts'>{section.seconds:.0f} s</p>\n")
    return "".join(parts)
