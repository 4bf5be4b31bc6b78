"""A Dockerfile as its instructions, for tests and for the run of one in a chroot."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, continuation lines joined."""

    word: str
    """In capitals: FROM, RUN, COPY, ..."""

    arguments: str
    line: int
    """Where it begins, from 1."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands between two FROMs."""

    image: str
    name: str | None
    """After AS."""

    instructions: tuple[Instruction, ...]


def instructions(path: Path) -> tuple[Instruction, ...]:
    """All of a file, comments left out. Here-documents and parser directives are not known."""
    found: list[Instruction] = []
    waiting = ""
    begun = 0
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        begun = begun if waiting else number
        waiting += line
        if waiting.endswith("\\"):
            waiting = waiting[:-1]
            continue
        word, _, arguments = waiting.strip().partition(" ")
        found.append(Instruction(word.upper(), " ".join(arguments.split()), begun))
        waiting = ""
    return tuple(found)


def stages(path: Path) -> tuple[Stage, ...]:
    """In order; the last one is the image."""
    found: list[Stage] = []
    for one in instructions(path):
        if one.word == "FROM":
            image, _, name = one.arguments.partition(" AS ")
            found.append(Stage(image, name or None, ()))
        else:
            last = found[-1]
            found[-1] = Stage(last.image, last.name, (*last.instructions, one))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Copy:
    """What a COPY says."""

    sources: tuple[str, ...]
    target: str
    stage: str | None
    """Of `--from`; None for the build's own folder."""


def copy_of(instruction: Instruction) -> Copy:
    words = shlex.split(instruction.arguments)
    stage = None
    if words[0].startswith("--from="):
        stage = words.pop(0).removeprefix("--from=")
    return Copy(tuple(words[:-1]), words[-1], stage)


def environment_of(stage: Stage) -> dict[str, str]:
    """What the ENVs set, `$PATH` left as it stands."""
    pairs: dict[str, str] = {}
    for one in stage.instructions:
        if one.word == "ENV":
            pairs.update(re.findall(r"([A-Z_]+)=(\S+)", one.arguments))
    return pairs
