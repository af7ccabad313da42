# A thin front to CMake. `make demo` and `make test` install what is missing and build first.
.PHONY: help browser deps build demo test test-asan test-tsan fuzz lint format check bench gpu-check peers install clean
.DEFAULT_GOAL := help

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60

help:
	@echo "make demo       build, make a small synthetic data set, train, classify: the whole way once"
	@echo "make test       build and run all tests"
	@echo "make build      build/release/vggroove"
	@echo "make deps       install missing packages (apt-get)"
	@echo "make check      what CI runs: lint, tests, sanitizers, fuzzing, installed package"
	@echo "make test-asan  tests under AddressSanitizer and UBSan     make test-tsan  under ThreadSanitizer"
	@echo "make fuzz       every parser's fuzzer for FUZZ_SECONDS=$(FUZZ_SECONDS)"
	@echo "make lint       clang-format and clang-tidy                make format  reformat"
	@echo "make bench      benchmarks of this machine                 make peers   against PyTorch, ONNX Runtime, scikit-learn"
	@echo "make gpu-check  everything that needs a GPU, into one report (docs/ladder.md)"
	@echo "make install    into PREFIX=$(PREFIX)"

deps:
	@tools/deps.sh build test

build: deps
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build --preset release -j $(JOBS)

demo: build
	@tools/deps.sh demo
	@tools/demo.sh

test: build
	@ctest --preset release -j $(JOBS)

test-asan: deps
	@tools/deps.sh sanitize
	@cmake --preset asan --log-level=WARNING >/dev/null
	@cmake --build --preset asan -j $(JOBS)
	@ctest --preset asan -j $(JOBS)

test-tsan: deps
	@cmake --preset tsan --log-level=WARNING >/dev/null
	@cmake --build --preset tsan -j $(JOBS)
	@ctest --preset tsan -j $(JOBS)

fuzz: deps
	@tools/deps.sh sanitize
	@cmake --preset asan --log-level=WARNING >/dev/null
	@cmake --build --preset asan -j $(JOBS)
	@tools/fuzz.sh build/asan $(FUZZ_SECONDS) $(JOBS)

lint: deps
	@tools/deps.sh lint
	@cmake --preset lint --log-level=WARNING >/dev/null
	@tools/lint.sh build/lint $(JOBS)

format:
	@tools/deps.sh lint
	@tools/format.sh -i

browser:
	@tools/deps.sh browser

check: browser lint test test-asan fuzz test-tsan
	@tests/install/run.sh build/release

bench: build
	@tools/bench.sh build/release

gpu-check: build
	@tools/gpu_check.sh build/release

peers: build
	@tools/deps.sh peers
	@bench/peers/run.sh build/release

install: build
	@cmake --install build/release --prefix $(PREFIX)

clean:
	@rm -rf build
