# The commands of this project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
SDK := .venv-label-studio
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
RUST := $(wildcard src/*.rs src/*/*.rs) Cargo.toml Cargo.lock
OUT := out

.DEFAULT_GOAL := help
.PHONY: help demo test test-rust test-python slow lint format bench stream fuzz wheel-check clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml $(RUST)
	$(PIP) install --quiet --editable '.[report]'
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml
	$(PIP) install --quiet --group test
	@touch $@

# What judges the files we write for Label Studio.
$(SDK)/.made: pyproject.toml
	$(PYTHON) -m venv $(SDK)
	$(SDK)/bin/python -m pip --disable-pip-version-check install --quiet --upgrade 'pip>=25.1'
	$(SDK)/bin/python -m pip --disable-pip-version-check install --quiet --group label-studio
	@touch $@

$(VENV)/.bench: $(VENV)/.made pyproject.toml
	$(PIP) install --quiet --group bench
	@touch $@

$(VENV)/.lint: $(VENV)/.made pyproject.toml
	$(PIP) install --quiet --group lint
	@touch $@

demo: $(VENV)/.installed ## set up everything and run the main job on examples/
	$(BIN)/lesiongeo agree examples/dermatology.json -o $(OUT)/demo --patient patient_id --spacing-mm spacing_mm
	$(BIN)/lesiongeo report $(OUT)/demo

test: test-rust test-python ## set up everything and run all tests

test-rust:
	cargo test --locked --quiet

test-python: $(VENV)/.installed $(VENV)/.test $(SDK)/.made
	$(BIN)/python -m pytest --quiet

slow: $(VENV)/.installed $(VENV)/.test $(SDK)/.made ## large data and many examples: minutes
	HYPOTHESIS_PROFILE=slow $(BIN)/python -m pytest --quiet -m "slow or not slow" --timeout 3600

lint: $(VENV)/.installed $(VENV)/.test $(VENV)/.lint ## format, lint and type checks
	cargo fmt --check
	cargo clippy --locked --all-targets --features python -- -D warnings
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet
	$(BIN)/ruff format --check python tests benches
	$(BIN)/ruff check python tests benches
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --concise lesiongeo._core

format: $(VENV)/.lint ## format all code
	cargo fmt
	$(BIN)/ruff format python tests benches
	$(BIN)/ruff check --fix python tests benches

bench: $(VENV)/.installed $(VENV)/.bench ## compare with what people use today; rewrites benches/RESULTS.md and its figures
	mkdir -p $(OUT)/kernels
	$(BIN)/python benches/data.py $(OUT)/kernels
	cargo bench --locked --bench kernels -- $(abspath $(OUT)/kernels)
	$(BIN)/python -m pytest benches --quiet --benchmark-enable --benchmark-only --benchmark-json=$(OUT)/bench.json
	$(BIN)/python benches/report.py $(OUT)/bench.json --kernels $(OUT)/kernels/kernels.json
	$(BIN)/python benches/figures.py $(OUT)/bench.json --kernels $(OUT)/kernels/kernels.json

# Bytes of the export.
STREAM_BYTES ?= 5e9

stream: $(VENV)/.installed ## stream a generated export of 5 GB through `lesiongeo convert`: memory and speed; minutes, 10 GB of disk
	$(BIN)/python benches/stream.py --bytes $(STREAM_BYTES) --folder $(OUT)

# Seconds per target, and which ones. Needs cargo-fuzz (`cargo install cargo-fuzz`) and a C++ compiler, no nightly toolchain.
FUZZ_SECONDS ?= 120
FUZZ_TARGETS ?= reader rle
FUZZ_LIMITS := -max_len=65536 -rss_limit_mb=2048 -timeout=10 -print_final_stats=1

fuzz: ## look for inputs that break the readers: FUZZ_SECONDS per target, corpora stay in out/fuzz
	$(PYTHON) tests/fuzz/seeds.py $(OUT)/fuzz
	mkdir -p $(OUT)/fuzz/found
	for target in $(FUZZ_TARGETS); do \
	  RUSTC_BOOTSTRAP=1 nice -n 19 cargo fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz $$target $(OUT)/fuzz/$$target -- \
	    -artifact_prefix=$(OUT)/fuzz/found/ -dict=tests/fuzz/label_studio.dict $(FUZZ_LIMITS) -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

wheel-check: $(VENV)/.made ## build the wheel, install it into an empty environment elsewhere, run the main job there
	sh tests/check_wheel.sh $(BIN)/python

clean: ## remove everything that was built
	rm -rf $(VENV) $(SDK) $(OUT) target build dist python/lesiongeo/*.so
