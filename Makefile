# Two commands do everything, set-up included, on a fresh Debian, Ubuntu or macOS machine:
#   make demo    a call on this machine            (ARGS="--help" lists its options)
#   make test    sets up and runs the tests        (ARGS="-k codec" narrows them)
# Also: make check (format, lint, types, import rules), make test-slow, make clean.

# The first Python that is new enough and works; name another by `make PYTHON=python3.12 ...`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
# ONNX Runtime for the page, which its half of a call needs to track a face.
WEB := $(VENV)/.web-installed
VENDOR := receiver/web/vendor/onnxruntime-web
TSC := $(VENV)/npm/node_modules/.bin/tsc
ARGS ?=

# ONNX Runtime and numba bring their own threads; one call needs no more than one each.
export OMP_NUM_THREADS ?= 1
export PYTHONUNBUFFERED = 1

.PHONY: demo test test-slow check check-web format clean
.DELETE_ON_ERROR:

demo: $(VENV)/.kernels-compiled $(WEB)
	@$(BIN)/python -m benchmarks demo $(ARGS)

test: $(VENV)/.dev-installed $(VENV)/.kernels-compiled $(WEB)
	@$(BIN)/python -m pytest -m "not slow and not gpu" $(ARGS)

test-slow: $(VENV)/.dev-installed $(VENV)/.kernels-compiled $(WEB)
	@$(BIN)/python -m pytest -m "slow" $(ARGS)

check: $(VENV)/.dev-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory check-web; else \
		echo "kilocall: no npm, so the types of receiver/web were not checked" >&2; fi

check-web: $(VENV)/.typescript-installed
	$(TSC) --project jsconfig.json

format: $(VENV)/.dev-installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.kernels-compiled: $(VENV)/.cpu-installed $(wildcard shared/*.py)
	@echo "Compiling kernels ..."
	@$(BIN)/python -m shared.kernels
	@touch $@

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "kilocall: no Python 3.11 to 3.13 found; on Debian or Ubuntu: sudo apt-get install python3 python3-venv; on macOS: brew install python@3.12" >&2; exit 2; }
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || { echo "kilocall: $(PYTHON) cannot make virtual environments; on Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 2; }
	@rm -rf $(VENV)
	@echo "Setting up $(VENV) with $(PYTHON) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip==26.3
	@touch $@

$(VENV)/.%-installed: requirements/%.txt $(wildcard requirements/*.txt) $(VENV)/.python
	@echo "Installing $< ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $< || { echo "kilocall: installing $< failed; the lines above say why (a network is needed the first time)" >&2; exit 2; }
	@touch $@

# `npm pack` takes the one archive: no dependencies, no scripts. It has no licence file in it, but
# the Python package of the same project has. Not made, it is tried again by the next `make`.
$(WEB): requirements/package.json $(VENV)/.cpu-installed
	@command -v npm >/dev/null || { echo "kilocall: no npm, so the page can show calls but not send (Debian, Ubuntu: sudo apt-get install npm; macOS: brew install node)" >&2; exit 0; }; \
	echo "Installing onnxruntime-web ..."; \
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	package=onnxruntime-web@$$(node -p "require('./$<').dependencies['onnxruntime-web']") && \
	npm pack --silent --pack-destination "$$folder" "$$package" >/dev/null && \
	tar -xzf "$$folder"/*.tgz -C "$$folder" $(addprefix package/dist/,ort.wasm.min.mjs ort-wasm-simd-threaded.mjs ort-wasm-simd-threaded.wasm) && \
	rm -rf $(VENDOR) && mkdir -p $(VENDOR) && mv "$$folder"/package/dist/* $(VENDOR)/ && \
	cp $(VENV)/lib/python3*/site-packages/onnxruntime/LICENSE $(VENV)/lib/python3*/site-packages/onnxruntime/ThirdPartyNotices.txt $(VENDOR)/ && \
	touch $@ || echo "kilocall: installing onnxruntime-web failed, so the page can show calls but not send; the lines above say why" >&2

$(VENV)/.typescript-installed: requirements/package.json $(VENV)/.python
	@echo "Installing typescript ..."
	@npm install --silent --ignore-scripts --no-save --no-package-lock --no-audit --no-fund --prefix $(VENV)/npm \
		typescript@$$(node -p "require('./$<').devDependencies.typescript")
	@touch $@

clean:
	rm -rf receiver/web/vendor $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache out
