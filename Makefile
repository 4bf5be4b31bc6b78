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
ARGS ?=

# ONNX Runtime and numba bring their own threads; one call needs no more than one each.
export OMP_NUM_THREADS ?= 1
export PYTHONUNBUFFERED = 1

.PHONY: demo test test-slow check format clean
.DELETE_ON_ERROR:

demo: $(VENV)/.kernels-compiled
	@$(BIN)/python -m benchmarks demo $(ARGS)

test: $(VENV)/.dev-installed $(VENV)/.kernels-compiled
	@$(BIN)/python -m pytest -m "not slow and not gpu" $(ARGS)

test-slow: $(VENV)/.dev-installed $(VENV)/.kernels-compiled
	@$(BIN)/python -m pytest -m "slow" $(ARGS)

check: $(VENV)/.dev-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

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

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache out
