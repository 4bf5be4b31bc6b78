"""A network of ONNX Runtime whose inputs and outputs are bound to memory of a device."""

from collections.abc import Mapping
from typing import Any

from shared.errors import InferenceError
from shared.inference.session import TensorInfo, shape_of


class BoundNetwork:
    """`DeviceNetwork` over onnxruntime.InferenceSession."""

    def __init__(
        self,
        name: str,
        session: Any,
        inputs: tuple[TensorInfo, ...],
        outputs: tuple[TensorInfo, ...],
        *,
        device_type: str = "cuda",
    ) -> None:
        """`session`: of the stream that its caller copies on."""
        self.inputs, self.outputs = inputs, outputs
        self._name = name
        self._session = session
        self._device_type = device_type
        self._bindings: dict[int, Any] = {}

    def prepare(self, batch: int, addresses: Mapping[str, int]) -> None:
        binding = self._session.io_binding()
        for info, bind in (
            *((info, binding.bind_input) for info in self.inputs),
            *((info, binding.bind_output) for info in self.outputs),
        ):
            bind(
                name=info.name,
                device_type=self._device_type,
                device_id=0,
                element_type=info.dtype.type,
                shape=shape_of(info, batch),
                buffer_ptr=addresses[info.name],
            )
        self._bindings[batch] = binding
        self.execute(batch)

    def execute(self, batch: int) -> None:
        try:
            self._session.run_with_iobinding(self._bindings[batch])
        except Exception as err:  # ONNX Runtime's exceptions share no base class of their own
            raise InferenceError(f"{self._name}: {first_line(err)}") from err

    def close(self) -> None:
        self._bindings.clear()
        self._session = None


def first_line(err: Exception) -> str:
    """What an exception of a library says, without its details."""
    return str(err).strip().partition("\n")[0]
