"""Compile every numba kernel into numba's cache: `python -m shared.kernels`, part of set-up.

Whoever starts without it compiles at start, before the service is ready. Done beforehand by a
process that ends, it saves the receiver the start's seconds and the compiler's 100 MB for life.
The cache lies beside the sources, or in the folder that NUMBA_CACHE_DIR names.
"""

from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.fitting import FaceFitter
from shared.generator import load_generator
from shared.residual_coder import warm_up


def compile_kernels() -> None:
    """Run each kernel once; quick when the cache holds them."""
    warm_up()
    model = FaceModel.load()
    FaceFitter(model)
    FaceRenderer(model, load_generator("warp")).warm_up()


if __name__ == "__main__":
    compile_kernels()
