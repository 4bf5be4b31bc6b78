"""Networks run by TensorRT; the only file that imports it. For versions 10 and 11.

Engines are strongly typed: a network runs in the types that its file states, half precision where
the export cast to it. One optimisation profile, one context and one CUDA graph for each batch.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared.errors import ConfigError, InferenceError
from shared.inference.cuda import Cuda, Graph, Stream
from shared.inference.device_session import BUCKETS, DeviceSession
from shared.inference.engine_cache import EngineCache, EngineKey
from shared.inference.session import PlacedSession, TensorInfo, shape_of

_log = logging.getLogger(__name__)

_OLDEST = 10
"""Major version; strong typing and CUDA graphs of one stream came with it."""

OnProgress = Callable[[str, float], None]
"""Told the phase of a build, and how much of it is done, 0..1."""


class TensorRtBackend:
    """TensorRT on an NVIDIA GPU."""

    largest_batch = BUCKETS[-1]

    def __init__(self, cuda: Cuda, engines: Path, on_progress: OnProgress | None = None) -> None:
        """Engines are kept in the folder `engines`. Raises ConfigError without TensorRT."""
        self._library = _import_library()
        self._cuda = cuda
        self._cache = EngineCache(engines)
        self._on_progress = on_progress or _LoggedProgress().tell
        self._logger = self._library.Logger(self._library.Logger.WARNING)
        self._runtime = self._library.Runtime(self._logger)
        self.description = f"TensorRT {self._library.__version__} on {cuda.gpu}"

    def open(
        self, content: bytes, *, largest_batch: int = 1, is_rare: bool = False
    ) -> PlacedSession:
        """See `Backend.open`; builds the engine, which takes minutes, where none is kept."""
        name = "network in memory"
        engine = self._engine(content, self.key(content, largest_batch))
        stream = self._cuda.open_stream()
        network = _Engine(name, self._library, engine, self._cuda, stream)
        return DeviceSession(name, self._cuda, stream, network, largest_batch=largest_batch)

    def key(self, content: bytes, largest_batch: int = 1) -> EngineKey:
        """What the engine of a network is kept by."""
        return EngineKey(
            network=hashlib.sha256(content).hexdigest(),
            gpu=self._cuda.gpu,
            compute_capability=self._cuda.compute_capability,
            tensorrt=self._library.__version__,
            batches=tuple(batch for batch in BUCKETS if batch <= largest_batch),
        )

    def path(self, key: EngineKey) -> Path:
        """Where it is kept."""
        return self._cache.path(key)

    def _engine(self, content: bytes, key: EngineKey) -> Any:
        plan = self._cache.load(key)
        if plan is not None:
            engine = self._runtime.deserialize_cuda_engine(plan)
            if engine is not None:
                return engine
            _log.warning("engine %s is not taken, it is built anew", self._cache.path(key))
            self._cache.forget(key)
        _log.info("an engine is built for %s, which takes minutes", key.place)
        plan = self._build(content, key.batches)
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise ConfigError(f"{self.description}: its own engine is not taken")
        self._cache.store(key, plan)
        return engine

    def _build(self, content: bytes, batches: Sequence[int]) -> bytes:
        library = self._library
        builder = library.Builder(self._logger)
        # TensorRT 11 types strongly in any case.
        flags = 1 << int(library.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        network = builder.create_network(flags)
        parser = library.OnnxParser(network, self._logger)
        if not parser.parse(content):
            reason = parser.get_error(0).desc() if parser.num_errors else "no reason given"
            raise ConfigError(f"{self.description} cannot run this network: {reason}")
        config = builder.create_builder_config()
        config.progress_monitor = monitor = _monitor(library, self._on_progress)
        for batch in batches:
            profile = builder.create_optimization_profile()
            for index in range(network.num_inputs):
                tensor = network.get_input(index)
                shape = (batch, *tuple(tensor.shape)[1:])
                profile.set_shape(tensor.name, shape, shape, shape)
            config.add_optimization_profile(profile)
        plan = builder.build_serialized_network(network, config)
        del monitor  # it must live as long as the build
        if plan is None:
            raise ConfigError(f"{self.description} built no engine of this network")
        return bytes(plan)


class _Engine:
    """`DeviceNetwork` over tensorrt.ICudaEngine."""

    def __init__(self, name: str, library: Any, engine: Any, cuda: Cuda, stream: Stream) -> None:
        self._name = name
        self._engine = engine
        self._cuda = cuda
        self._stream = stream
        self._graphs: dict[int, Graph] = {}
        self._contexts: list[Any] = []
        """They own the memory that the graphs work in."""
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        infos = {
            name: TensorInfo(
                name,
                (None, *map(_size, tuple(engine.get_tensor_shape(name))[1:])),
                np.dtype(library.nptype(engine.get_tensor_dtype(name))),
            )
            for name in names
        }
        is_input = {
            name: engine.get_tensor_mode(name) == library.TensorIOMode.INPUT for name in names
        }
        self.inputs = tuple(infos[name] for name in names if is_input[name])
        self.outputs = tuple(infos[name] for name in names if not is_input[name])

    def prepare(self, batch: int, addresses: Mapping[str, int]) -> None:
        context = self._engine.create_execution_context()
        if context is None:
            raise InferenceError(f"{self._name}: no context for a batch of {batch}")
        stream = self._stream.handle
        context.set_optimization_profile_async(len(self._contexts), stream)
        self._stream.synchronize()
        for info in self.inputs:
            context.set_input_shape(info.name, shape_of(info, batch))
        for name, address in addresses.items():
            context.set_tensor_address(name, address)

        def run() -> None:
            if not context.execute_async_v3(stream):
                raise InferenceError(f"{self._name}: a batch of {batch} does not run")

        run()  # what is set up on the first run cannot be captured
        self._stream.synchronize()
        self._contexts.append(context)
        self._graphs[batch] = self._cuda.capture(run, self._stream)

    def execute(self, batch: int) -> None:
        self._graphs[batch].launch(self._stream)

    def close(self) -> None:
        self._graphs.clear()
        self._contexts.clear()
        self._engine = None


def _size(size: int) -> int | None:
    return None if size < 0 else size


def _import_library() -> Any:
    try:
        import tensorrt
    except ImportError as err:
        raise ConfigError("TensorRT is not installed: pip install kilocall[gpu]") from err
    if int(tensorrt.__version__.partition(".")[0]) < _OLDEST:
        raise ConfigError(f"TensorRT {tensorrt.__version__}, {_OLDEST} or newer is needed")
    return tensorrt


def _monitor(library: Any, on_progress: OnProgress) -> Any:
    """A progress monitor; its base class is known only once TensorRT is."""

    class Monitor(library.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            library.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if parent_phase is None:
                self._steps[phase_name] = num_steps
                on_progress(phase_name, 0.0)

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name in self._steps:
                on_progress(phase_name, min((step + 1) / self._steps[phase_name], 1.0))
            return True  # go on

        def phase_finish(self, phase_name: str) -> None:
            if self._steps.pop(phase_name, None) is not None:
                on_progress(phase_name, 1.0)

    return Monitor()


class _LoggedProgress:
    """A line for every quarter of a phase."""

    def __init__(self) -> None:
        self._told: tuple[str, int] | None = None

    def tell(self, phase: str, done: float) -> None:
        quarter = int(done * 4)
        if self._told != (phase, quarter):
            self._told = (phase, quarter)
            _log.info("building the engine: %s, %d %%", phase, quarter * 25)
