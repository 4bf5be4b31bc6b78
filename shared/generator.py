"""A generator: from a reference's features and a frame's conditions to a picture."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from shared.bundle import MANIFEST_NAME, Bundle, load_bundle
from shared.channel import Channel
from shared.errors import ArtifactError, ConfigError, InferenceError
from shared.face_model import FaceModel
from shared.features import Features
from shared.frame_input import FrameInput
from shared.inference.device import Device
from shared.inference.devices import BEST_FIRST, OpenBackend, open_backend
from shared.onnx_generator import OnnxGenerator
from shared.parameters import FloatArray, Image
from shared.shipped_generators import SHIPPED_BUNDLES, WARP
from shared.warp import WarpGenerator

_log = logging.getLogger(__name__)


class Generator(Protocol):
    """One back end. Not thread-safe, but `prepare` may run in another thread than `generate`."""

    @property
    def name(self) -> str:
        """What reports and overlays call it."""

    @property
    def size(self) -> int:
        """Side S of the picture it makes."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The conditions it takes, in order."""

    @property
    def condition_size(self) -> tuple[int, int]:
        """(h, w) of the conditions."""

    @property
    def history(self) -> int:
        """Past frames k, 40 ms apart, whose pncc it takes."""

    @property
    def largest_batch(self) -> int:
        """Pictures that are made sooner together than one by one; 1 where none are."""

    def prepare(self, image: Image, conditions: FloatArray) -> Features:
        """Once per reference: its picture (H, W, 3) and its own conditions (C, h, w)."""

    def generate(
        self, features: Features, conditions: FloatArray, past_pncc: FloatArray | None = None
    ) -> Image:
        """A picture (S, S, 3) uint8 from conditions (C, h, w).

        With history k > 0 also the past pncc (3k, h, w), the newest first. Raises
        InferenceError when a network fails or returns numbers that are not finite.
        """

    def generate_batch(self, frames: Sequence[FrameInput]) -> list[Image]:
        """What `generate` makes of each, any number of them; raises as it does, for all."""

    def close(self) -> None:
        """Release sessions and memory."""


def load_generator(
    name_or_folder: str | Path,
    *,
    threads: int = 1,
    device: Device = Device.CPU,
    engines: Path | None = None,
) -> Generator:
    """`warp`, a bundle that comes with Kilocall by name, or a bundle's folder.

    Args:
        name_or_folder: which.
        threads: of one network on the CPU.
        device: what runs a bundle. AUTO takes the best there is, and logs why others are not.
        engines: folder of TensorRT's engines, in place of the usual one.

    Raises ArtifactError when it is none of these or its bundle does not check; ConfigError and
    InferenceError when the device that is asked for does not run it.
    """
    if str(name_or_folder) == WARP:
        if device not in (Device.AUTO, Device.CPU):
            raise ConfigError(f"device {device} with {WARP}, which runs on the CPU alone")
        _log.info("%s runs on the CPU", WARP)
        return WarpGenerator()
    folder = find_bundle(name_or_folder)
    bundle = load_bundle(folder)
    trained, ours = bundle.manifest.face_model_version, FaceModel.load().version
    if trained != ours:
        raise ArtifactError(f"{folder}: trained with face model {trained}, this program has {ours}")
    open_one = partial(open_backend, threads=threads, engines=engines)
    try:
        return _on_device(bundle, device, open_one)
    except ArtifactError as err:
        raise ArtifactError(f"{folder}: {err}") from err


def _on_device(bundle: Bundle, device: Device, open_one: OpenBackend) -> Generator:
    """On the device, or on the best that runs the bundle for AUTO."""
    name = bundle.manifest.name
    passed_over: list[tuple[Device, str]] = []
    for candidate in BEST_FIRST if device is Device.AUTO else (device,):
        try:
            backend = open_one(candidate)
            generator = OnnxGenerator(bundle, backend=backend)
        except (ConfigError, InferenceError) as err:
            if candidate is device or candidate is BEST_FIRST[-1]:
                raise
            passed_over.append((candidate, str(err)))
            continue
        # Told once the choice is made: what no device runs is one error and nothing else.
        for passed, why in passed_over:
            _log.info("%s is passed over for %s: %s", passed, name, why)
        _log.info(
            "%s runs on %s, up to %d pictures at a time",
            name,
            backend.description,
            backend.largest_batch,
        )
        return generator
    raise AssertionError("no device is left")


def find_bundle(name_or_folder: str | Path) -> Path:
    """The folder of a bundle that comes with Kilocall, or the folder that is named.

    Raises ArtifactError when neither holds a manifest.
    """
    for folder in (SHIPPED_BUNDLES / name_or_folder, Path(name_or_folder)):
        if (folder / MANIFEST_NAME).is_file():
            return folder
    shipped = sorted(path.parent.name for path in SHIPPED_BUNDLES.glob(f"*/{MANIFEST_NAME}"))
    raise ArtifactError(
        f"generator {str(name_or_folder)!r}, known are {', '.join([WARP, *shipped])} "
        f"and folders with a {MANIFEST_NAME}"
    )
