# The receiver on a CPU. From the repository's root:
#   docker build --file docker/receiver-cpu.Dockerfile --tag kilocall-receiver:cpu .

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

FROM debian:12.11-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 kilocall \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/kilocall kilocall \
    && install --directory --owner=kilocall --group=kilocall --mode=700 \
      /var/lib/kilocall /var/cache/kilocall
COPY --from=build /opt/kilocall /opt/kilocall
COPY docker/start.sh docker/health.py /usr/local/lib/kilocall/
# One thread a library: several calls share the cores. What is compiled lies in a volume, as it
# depends on the CPU that runs it and the root is read-only.
ENV PATH=/opt/kilocall/bin:$PATH \
    HOME=/var/lib/kilocall \
    OMP_NUM_THREADS=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/var/cache/kilocall/numba \
    KILOCALL_STATE_FOLDER=/var/lib/kilocall \
    KILOCALL_HOST=0.0.0.0 \
    KILOCALL_PORT=8080
USER 10001:10001
WORKDIR /var/lib/kilocall
VOLUME ["/var/lib/kilocall", "/var/cache/kilocall"]
EXPOSE 8080/tcp
HEALTHCHECK --interval=10s --timeout=4s --start-period=120s --retries=3 \
    CMD ["python", "/usr/local/lib/kilocall/health.py"]
ENTRYPOINT ["sh", "/usr/local/lib/kilocall/start.sh"]
