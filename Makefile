# What a developer does with dozo. `make` alone does what CI does; `make help` lists the verbs.
# Everything is built into this checkout: .venv (Python side) and target (Rust side).

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
BIN := .venv/bin
PROTOS := $(shell find python -name '*.proto')
RUST := Cargo.toml Cargo.lock pyproject.toml $(shell find crates -name '*.rs' -o -name Cargo.toml)

.DEFAULT_GOAL := ci
.PHONY: ci help run build test crash tiercrash check fmt bench fuzz docs wheel clean

ci: check test ## check and test, as CI does

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/built ## build and start the server on its defaults (ARGS="--port 7000" adds flags)
	@exec $(BIN)/dozo serve $(ARGS)

build: .venv/built ## build the extension and install the package into .venv

test: .venv/built .venv/tools ## run all tests against real servers and clients (ARGS="tests/config -x" picks some)
	.ci/peers
	$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

crash: .venv/built .venv/tools ## kill servers under load and compare what was acknowledged with what is there (KILLS=500)
	KILLS=$(or $(KILLS),500) $(BIN)/pytest -rP tests/persistence/test_crash.py

tiercrash: .venv/built .venv/tools ## the same on a disk tier without a journal (KILLS=200)
	TIER_KILLS=$(or $(KILLS),200) $(BIN)/pytest -rP tests/tier/test_crash.py

check: .venv/built .venv/tools ## formatting, lints, types, layers, Rust tests: what can be known without a server
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	MYPYPATH=python $(BIN)/stubtest dozo._kernel
	$(BIN)/lint-imports
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo test --locked --workspace --exclude dozo-py --quiet

fmt: .venv/tools ## format Python and Rust, and repair what the linter can repair
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	cargo fmt --all

bench: .venv/built .venv/tools ## measure dozo beside redis-server and memcached; writes bench/results/
	.ci/peers
	$(BIN)/dozo bench suite $(ARGS)

fuzz: .venv/built .venv/tools ## hostile bytes for the codecs, long random runs beside the originals (COMMANDS=100000 a family)
	DOZO_FUZZ_CASES=$(or $(CASES),200000) cargo test --locked --release -p dozo-wire --test fuzz
	.ci/peers
	COMMANDS=$(or $(COMMANDS),100000) EXAMPLES=$(or $(EXAMPLES),2000) $(BIN)/pytest -n 2 -rP tests/differential tests/memcached

docs: .venv/built ## write docs/reference from the command and settings tables
	$(BIN)/python docs/generate.py

wheel: ## build a wheel of this checkout into dist/
	$(PYTHON) -m pip wheel --no-deps --wheel-dir dist .

clean: ## remove what was built
	rm -rf .venv target dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find python -name '*_pb2*' -delete

.venv/bin/maturin:
	@test -n "$(PYTHON)" || { echo "dozo needs Python 3.11 or newer (make PYTHON=/path/to/python)" >&2; exit 1; }
	@command -v cargo >/dev/null || { echo "dozo needs cargo: https://rustup.rs" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1" "maturin>=1.9,<2"

# protoc makes Python code of the .proto files, beside them.
.venv/protos: .venv/bin/maturin packaging/backend.py pyproject.toml $(PROTOS)
	$(BIN)/python -m pip install --quiet --group protos
	$(BIN)/python packaging/backend.py
	@touch $@

# An edited Python file needs no build: the package is installed in place.
.venv/built: .venv/bin/maturin .venv/protos $(RUST)
	. $(BIN)/activate && maturin develop --release --locked
	@# So that a start compiles nothing, also where Python was told to write no bytecode by itself.
	$(BIN)/python -m compileall -q python
	@touch $@

.venv/tools: .venv/bin/maturin pyproject.toml
	$(BIN)/python -m pip install --quiet --group tests
	@touch $@
