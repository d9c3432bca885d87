# The developer's whole interface; .ci/run uses the same targets.
PYTHON ?= python3
BIN    := .venv/bin
LOCK   := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11

INFRA := $(wildcard infra/*.sh infra/steps/*.sh)
SCRIPTS := .ci/run gateway-image/gatewaystart.sh gateway-image/fetch.sh worker/slim.sh tests/images/tools.sh \
  tests/images/standin/debian.sh tests/images/standin/ibcstart.sh
IMAGE_TESTS := $(addprefix tests/images/test_,builds.py beside.py worker_image.py)
N ?= 1000
# Started as often as here, Python is to keep what it compiles, whatever the machine's default is.
export PYTHONDONTWRITEBYTECODE :=

RUN_BENCH := PYTHONPATH=worker $(BIN)/python -m tests.benchmarks

.PHONY: demo demo-google test test-images chaos bench bench-quick check format lock clean
.DELETE_ON_ERROR:

demo: .venv/ready  ## the whole system on this machine, in about ten seconds
	@$(BIN)/trader demo

demo-google: .venv/ready  ## the same on Google's own emulators of Pub/Sub and Firestore
	@$(BIN)/trader demo --google

test: .venv/ready  ## every test; TESTS='-k lease' picks some
	$(BIN)/pytest --numprocesses 2 --dist worksteal $(TESTS)

chaos: .venv/ready  ## random histories with crashes and faults, N of them; FROM is the first seed
	PYTHONPATH=worker $(BIN)/python -m tests.chaos --seeds $(N) --from $(or $(FROM),0)

bench: .venv/ready  ## what the worker costs above its floors, in under six minutes
	$(RUN_BENCH) --out tests/benchmarks/results --readme README.md

bench-quick: .venv/ready  ## the same in about a minute, and nothing written
	$(RUN_BENCH) --quick

test-images: .venv/ready  ## both images, built and run; as root on Debian, some minutes
	TEST_IMAGES=1 $(BIN)/pytest -p no:xdist $(IMAGE_TESTS)

check: .venv/ready  ## lint, types, the import rule, generated files current
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/trader schemas --check
	$(BIN)/shellcheck $(SCRIPTS)
	$(BIN)/shellcheck --external-sources $(INFRA)
	$(BIN)/shfmt --diff --indent 2 --case-indent $(SCRIPTS) infra
	$(BIN)/hadolint gateway-image/Dockerfile worker/Dockerfile tests/images/standin/python.Dockerfile
	$(BIN)/yamllint --strict .
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.cloudbuild cloudbuild.yaml

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:  ## needs uv; records versions and hashes, no registry's address
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --group dev pyproject.toml -o requirements-dev.lock

# uv where it is installed (2 s), pip otherwise (25 s); both refuse a package whose hash isn't in the lock.
.venv/ready: requirements-dev.lock pyproject.toml
	@rm -f $@
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) .venv && \
	  uv pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements-dev.lock && \
	  uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable . ; \
	else \
	  $(PYTHON) -m venv .venv && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . ; \
	fi
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build
