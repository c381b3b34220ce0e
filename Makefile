# Everything here needs Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: quickstart test torture browser kills fuzz check bench schemas clean

quickstart: $(VENV)/product  ## provision the quickstart on the embedded control plane
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh tools/quickstart.sh

test: $(VENV)/dev  ## run all tests
	$(BIN)/python -m pytest -q -n auto --dist worksteal

torture: $(VENV)/dev  ## the same and long attacks, with many random examples
	HYPOTHESIS_PROFILE=random FIELD_EXAMPLES=10 FUZZ_EXAMPLES=5000 \
		$(BIN)/python -m pytest -q -n auto --dist worksteal -m 'not browser'

browser: $(VENV)/dev  ## try the page of a plan in Chromium, which has to be there
	$(BIN)/python -m pytest -q -m browser tests/view

kills: KILLS ?= 200
kills: $(VENV)/dev  ## kill applies at random instants, KILLS for each row, and print what came of it
	$(BIN)/python -m tests.apply.killing --kills $(KILLS)

fuzz: SECONDS ?= 60
fuzz: $(VENV)/fuzz  ## throw mutated manifests at the compiler for SECONDS, guided by coverage
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

check: $(VENV)/dev  ## formatting, lint, types, freshness of schemas/
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tools.schemas --check

bench: OPTIONS ?=
bench: $(VENV)/dev  ## measure whole commands; with PEER=FILE, a harness, beside Terraform; see tests/bench
	$(BIN)/python -m tests.bench $(if $(PEER),--peer $(PEER)) $(OPTIONS)

schemas: $(VENV)/dev  ## write schemas/ anew
	$(BIN)/python -m tools.schemas

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/product: $(VENV)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/dev: $(VENV)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/product

# The fuzzer is not built for every Python and system; without it, `make fuzz` says so.
$(VENV)/fuzz: $(VENV)/dev pyproject.toml
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@touch $@

clean:
	rm -rf $(VENV) .quickstart build *.egg-info
