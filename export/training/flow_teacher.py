"""Optical flow between the true pictures of a sample, which a generator's motion learns from.

Comparing pictures teaches a flow only where it is already within a few pixels of the truth; hair,
shoulders and what stands behind the head are farther off, and there the warp of the mesh loses
60 % of its squared error. Here both pictures are at hand, so the flow can be measured (Kroeger et
al., Fast Optical Flow using Dense Inverse Search, ECCV 2016) and given as a target where it
explains the picture. No paper that we follow has this; it costs nothing at run time.

torch-free.
"""

import cv2
import numpy as np

from shared.parameters import FloatArray, Image

TEACHER_SIZE = 64
"""Side of the flow that is given."""

_SIDE = 128
"""Side of the pictures that are compared."""

_AREA = 9
"""Side of the window, in their pixels, over which candidates are judged."""

_LEVELS = 12.0
"""A remaining difference of so many levels of 255 makes a target count exp(-1)."""

_MATTERS = 8.0
"""Levels by which a wrong choice between moving and standing still must be worse to count fully."""

_LEAST = 0.05
"""What a place counts at least: where nothing is seen to move any flow is right, and a target of
one or the other, as noise has it, would teach contradictions."""

_MESH_BONUS = 0.9
"""The mesh, and standing still, are preferred to a measured flow that is hardly better."""


class FlowTeacher:
    """Measures flows. Not thread-safe."""

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        line = np.arange(_SIDE, dtype=np.float32)
        self._place = np.stack(np.meshgrid(line, line), axis=-1)

    def measure(self, reference: Image, target: Image, mesh: FloatArray) -> FloatArray:
        """(3, 64, 64) float32: flow x, y in image units, and how much it counts in [0, 1].

        `reference` and `target` (S, S, 3); `mesh` (2, h, w) the displacement that the mesh gives.
        The flow leads from each place of the target to where the reference shows the same.
        """
        shown, wanted = _grey(reference), _grey(target)
        wide = cv2.resize(mesh.transpose(1, 2, 0), (_SIDE, _SIDE))
        by_mesh = np.asarray(wide, np.float32) * np.float32(_SIDE / 2)
        still = np.zeros_like(by_mesh)
        moved = self._sample(shown, by_mesh).astype(np.uint8)
        beyond = self._found(wanted, moved)
        # What is found at x + beyond lies where the mesh leads from there.
        after_mesh = beyond + self._sample(by_mesh, beyond)
        after_still = self._found(wanted, shown)
        flows = np.stack([by_mesh, still, after_mesh, after_still])
        errors = np.stack([self._error(shown, wanted, flow) for flow in flows])
        best = (errors * np.array([_MESH_BONUS, _MESH_BONUS, 1, 1])[:, None, None]).argmin(axis=0)
        flow = np.take_along_axis(flows, best[None, ..., None], axis=0)[0]
        error = np.take_along_axis(errors, best[None], axis=0)[0]
        matters = (errors[:2].max(axis=0) - error) / np.float32(_MATTERS)
        trust = np.exp(-error / np.float32(_LEVELS)) * matters.clip(_LEAST, 1.0)
        weighted = np.dstack([flow * np.float32(2 / _SIDE) * trust[..., None], trust])
        side = (TEACHER_SIZE, TEACHER_SIZE)
        small = cv2.resize(weighted.astype(np.float32), side, interpolation=cv2.INTER_AREA)
        total, trust = np.asarray(small[..., :2], np.float32), np.asarray(small[..., 2], np.float32)
        mean = total / np.maximum(trust, 1e-3)[..., None]
        return np.concatenate([mean.transpose(2, 0, 1), trust[None]])

    def _found(self, wanted: Image, shown: Image) -> FloatArray:
        """(h, w, 2) pixels from places of `wanted` to the same in `shown`."""
        flow = self._search.calc(wanted, shown, np.zeros((*wanted.shape, 2), np.float32))
        return np.asarray(flow, np.float32)

    def _error(self, shown: Image, wanted: Image, flow: FloatArray) -> FloatArray:
        """(h, w) mean difference around each pixel, levels."""
        difference = np.abs(self._sample(shown, flow) - wanted.astype(np.float32))
        return np.asarray(cv2.blur(difference, (_AREA, _AREA)), np.float32)

    def _sample(self, planes: FloatArray | Image, flow: FloatArray) -> FloatArray:
        x, y = np.moveaxis(self._place + flow, -1, 0)
        sampled = cv2.remap(planes, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(sampled, np.float32)


def _grey(picture: Image) -> Image:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
