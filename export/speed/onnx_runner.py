"""Networks run by ONNX Runtime, from the graph that a bundle would hold."""

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from export.speed.subject import Subject
from export.speed.unavailable import UnavailableError
from shared.number_format import NumberFormat


@lru_cache(maxsize=1)
def _frame_graph(subject: Subject) -> bytes:
    """Written once for all batches. Raises ImportError without the libraries that write it."""
    from export.to_onnx import write_graphs
    from shared.bundle import FRAME_NAME

    assert subject.number_format is not NumberFormat.BFLOAT16
    with tempfile.TemporaryDirectory() as folder:
        write_graphs(subject.network, Path(folder), subject.number_format)
        return (Path(folder) / FRAME_NAME).read_bytes()


class OnnxRunner:
    """A network at one batch; the batch is dynamic in its graph, as in every bundle."""

    def __init__(self, subject: Subject, batch: int) -> None:
        """Raises UnavailableError for a number format or processor that it cannot serve, or
        without the libraries that write and run a graph."""
        if subject.processor.is_gpu:
            raise UnavailableError("ONNX Runtime is opened on the CPU only (shared.inference)")
        if subject.number_format is NumberFormat.BFLOAT16:
            raise UnavailableError("bundles are of fp32 or fp16")
        try:
            from shared.inference.ort import open_session

            content = _frame_graph(subject)
        except ImportError as err:
            raise UnavailableError(f"{err.name} is not installed") from err
        self._session = open_session(content)
        tensors = [one.float().contiguous().numpy() for one in subject.inputs(batch).tensors]
        names = [info.name for info in self._session.inputs]
        self._inputs = dict(zip(names, tensors, strict=True))

    def run(self) -> None:
        """See `Runner`."""
        self._session.run(self._inputs)

    def serve(self) -> None:
        """See `Runner`."""
        (picture,) = self._session.run(self._inputs).values()
        levels = (picture * np.float32(127.5) + np.float32(128)).clip(0, 255).astype(np.uint8)
        np.ascontiguousarray(levels.transpose(0, 2, 3, 1))
