# The receiver on an NVIDIA GPU. From the repository's root:
#   docker build --file docker/receiver.Dockerfile --tag kilocall-receiver:gpu .

# The same stage as in receiver-cpu.Dockerfile, of which only the wheel is taken.
FROM debian:12.11-slim AS build
# Debian's release is the pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
      ca-certificates make nodejs npm python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# What is slow and seldom changes comes first: pinned packages, and ONNX Runtime for the page.
COPY Makefile ./
COPY requirements requirements
RUN make VENV=/opt/kilocall /opt/kilocall/.web-installed \
    && test -f receiver/web/vendor/onnxruntime-web/ort.wasm.min.mjs
COPY LICENSE README.md pyproject.toml ./
COPY export export
COPY receiver receiver
COPY sender sender
COPY shared shared
RUN /opt/kilocall/bin/python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheel . \
    && /opt/kilocall/bin/python -m pip install --no-cache-dir --no-index --no-deps /wheel/*.whl

# CUDA 13 and cuDNN 9, which ONNX Runtime 1.31 for GPUs is built for.
FROM nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04
# Ubuntu's release is the pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 kilocall \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/kilocall kilocall \
    && install --directory --owner=kilocall --group=kilocall --mode=700 \
      /var/lib/kilocall /var/cache/kilocall
COPY --from=build /wheel /wheel
COPY requirements/cpu.txt docker/gpu-constraints.txt /constraints/
# TensorRT's package fetches its libraries from NVIDIA's own index while it is installed.
RUN python3 -m venv /opt/kilocall \
    && /opt/kilocall/bin/python -m pip install --no-cache-dir \
      --constraint /constraints/cpu.txt --constraint /constraints/gpu-constraints.txt \
      "kilocall[gpu] @ file://$(ls /wheel/*.whl)"
COPY docker/start.sh docker/health.py /usr/local/lib/kilocall/
# One thread a library: several calls share the cores. What is compiled, kernels and engines, lies
# in a volume, as it depends on the CPU and the GPU that run it and the root is read-only.
ENV PATH=/opt/kilocall/bin:$PATH \
    HOME=/var/lib/kilocall \
    OMP_NUM_THREADS=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/var/cache/kilocall/numba \
    CUDA_CACHE_PATH=/var/cache/kilocall/cuda \
    KILOCALL_ENGINE_FOLDER=/var/cache/kilocall/engines \
    KILOCALL_DEVICE=auto \
    KILOCALL_STATE_FOLDER=/var/lib/kilocall \
    KILOCALL_HOST=0.0.0.0 \
    KILOCALL_PORT=8080
USER 10001:10001
WORKDIR /var/lib/kilocall
VOLUME ["/var/lib/kilocall", "/var/cache/kilocall"]
EXPOSE 8080/tcp
# An engine is built at the first start, which takes minutes.
HEALTHCHECK --interval=10s --timeout=4s --start-period=900s --retries=3 \
    CMD ["python", "/usr/local/lib/kilocall/health.py"]
ENTRYPOINT ["sh", "/usr/local/lib/kilocall/start.sh"]
