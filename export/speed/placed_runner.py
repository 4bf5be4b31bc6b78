"""Networks run as the receiver runs them, from the graphs that a bundle would hold."""

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from export.speed.subject import Subject
from export.speed.unavailable import UnavailableError
from shared.inference.device import Device
from shared.number_format import NumberFormat


@lru_cache(maxsize=1)
def _graphs(subject: Subject) -> tuple[bytes, bytes]:
    """Of references and of frames, written once for all batches. Raises ImportError without the
    libraries that write them."""
    from export.to_onnx import write_graphs
    from shared.bundle import ENCODER_NAME, FRAME_NAME

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_graphs(subject.network, folder, subject.number_format)
        return (folder / ENCODER_NAME).read_bytes(), (folder / FRAME_NAME).read_bytes()


class PlacedRunner:
    """A network at one batch behind the receiver's own back end: features stay where it runs,
    conditions come from the CPU and pictures go back to it with every run."""

    def __init__(self, device: Device, subject: Subject, batch: int) -> None:
        """Raises UnavailableError for a number format that bundles do not have, without the
        library, and for a device that is not there."""
        if subject.number_format is NumberFormat.BFLOAT16:
            raise UnavailableError("bundles are of fp32 or fp16")
        try:
            from shared.errors import ConfigError
            from shared.inference.devices import open_backend
            from shared.inference.session import shape_of

            encoder, frames = _graphs(subject)
        except ImportError as err:
            raise UnavailableError(f"{err.name} is not installed") from err
        try:
            backend = open_backend(device)
            random = np.random.default_rng(0)
            session = backend.open(encoder, is_rare=True)
            features = session.run_kept(
                {info.name: random.random(shape_of(info, 1), np.float32) for info in session.inputs}
            )
            session.close()
            self._session = backend.open(frames, largest_batch=batch)
        except ConfigError as err:
            raise UnavailableError(str(err)) from err
        fresh = {
            info.name: random.random(shape_of(info, 1), np.float32)
            for info in self._session.inputs
            if info.name not in features
        }
        self._rows = [{**fresh, **features}] * batch

    def run(self) -> None:
        """See `Runner`; copies of conditions and pictures included."""
        self._session.run_rows(self._rows)

    def serve(self) -> None:
        """See `Runner`."""
        (picture,) = self._session.run_rows(self._rows).values()
        levels = (picture * np.float32(127.5) + np.float32(128)).clip(0, 255).astype(np.uint8)
        np.ascontiguousarray(levels.transpose(0, 2, 3, 1))
