"""TensorRT engines in a folder: each is good for one network, GPU and version of the library.

A file is a line of JSON (the key, and a hash of what follows) and the engine as TensorRT wrote it.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

_FORMAT = 1
"""Changes with how engines are built."""

_LINE_LIMIT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class EngineKey:
    """What an engine was built from and for."""

    network: str
    """sha256 of the ONNX file, which a bundle's manifest names."""

    gpu: str
    compute_capability: str
    tensorrt: str
    """Version of the library."""

    batches: tuple[int, ...]
    """One optimisation profile each."""

    @property
    def digest(self) -> str:
        """Of all of it, and of how engines are built."""
        text = json.dumps([_FORMAT, asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def place(self) -> str:
        """The machine's part of it, to read."""
        return f"{self.gpu} (compute {self.compute_capability}) with TensorRT {self.tensorrt}"


class EngineCache:
    """The folder. What is wrong with it costs time, never a call: engines are built anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, key: EngineKey) -> Path:
        """The file of an engine."""
        return self._folder / f"{key.network[:16]}-{key.digest[:16]}.engine"

    def load(self, key: EngineKey) -> bytes | None:
        """The engine; None, and a line in the log that says why, where there is none to use."""
        path = self.path(key)
        try:
            with path.open("rb") as file:
                line = file.readline(_LINE_LIMIT_BYTES)
                engine = file.read()
        except FileNotFoundError:
            self._tell_others(key)
            return None
        except OSError as err:
            _log.warning("engine %s cannot be read: %s", path, err.strerror or err)
            return None
        found = _parse(line)
        if found is None or found[1] != hashlib.sha256(engine).hexdigest():
            _log.warning("engine %s is damaged, it is built anew", path)
            return None
        if found[0] != json.loads(_line_of(key, engine))["key"]:
            _log.warning("engine %s is not for %s, it is built anew", path, key.place)
            return None
        return engine

    def store(self, key: EngineKey, engine: bytes) -> Path | None:
        """Keep an engine; None, and a line in the log, where that is not possible."""
        path = self.path(key)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(_line_of(key, engine) + engine)
            part.replace(path)
        except OSError as err:
            with suppress(OSError):
                part.unlink()
            _log.warning("engine %s is not kept: %s", path, err.strerror or err)
            return None
        return path

    def forget(self, key: EngineKey) -> None:
        """Remove an engine that TensorRT does not take after all."""
        self.path(key).unlink(missing_ok=True)

    def _tell_others(self, key: EngineKey) -> None:
        for place in sorted(set(self._places(key.network))):
            _log.info("the cache holds this network's engine for %s, this is %s", place, key.place)

    def _places(self, network: str) -> Iterator[str]:
        for path in self._folder.glob(f"{network[:16]}-*.engine"):
            try:
                with path.open("rb") as file:
                    parsed = _parse(file.readline(_LINE_LIMIT_BYTES))
            except OSError:
                continue
            match parsed:
                case ({"gpu": str(), "compute_capability": str(), "tensorrt": str()} as key, _):
                    yield EngineKey(
                        network,
                        str(key["gpu"]),
                        str(key["compute_capability"]),
                        str(key["tensorrt"]),
                        (),
                    ).place


def _line_of(key: EngineKey, engine: bytes) -> bytes:
    content = {"key": asdict(key), "sha256": hashlib.sha256(engine).hexdigest()}
    return json.dumps(content).encode() + b"\n"


def _parse(line: bytes) -> tuple[dict[str, object], str] | None:
    """(key, sha256) of a file's first line; None where it is none of ours."""
    try:
        content = json.loads(line)
    except ValueError:
        return None
    match content:
        case {"key": dict(key), "sha256": str(digest)}:
            return key, digest
    return None
