# `make run` and `make test` set up .venv themselves; nothing else is needed first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
DATA := datasets/smoke
RUNS := runs/smoke
SHIPPED := runs/shipped/universal_states/all
NOTEBOOKS := README.md docs/one-shock.md docs/histories.md docs/estimation.md docs/real-data.md docs/estimate.md docs/any-data.md

.PHONY: setup run test kernels lint types imports docs notebooks fast installs ship tables clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,cluster,explorer]'
	touch $@

# The main job, end to end, at smoke size: configs/plans/smoke.yaml says what. It goes on where
# an earlier run stopped; `emulator publish smoke` puts it into results/smoke.
run: setup
	$(BIN)/emulator reproduce smoke --resume --workers $(WORKERS)
	$(BIN)/emulator leaderboard $(RUNS)
	$(BIN)/emulator irf nk --shock monetary --set phi_pi=2.0 --exact --plot $(RUNS)/irf.png --weights $(RUNS)/universal/A

# The weights of the package, what README and docs quote of them and the pages that show their
# answers, after `emulator reproduce shipped`.
ship: setup
	$(BIN)/emulator publish shipped
	$(BIN)/python -m studies.pages.ship_weights $(SHIPPED)
	$(BIN)/python -m studies.references
	$(BIN)/emulator calibrations --format json > results/calibrations/shipped.json
	$(MAKE) tables notebooks

# Stored results, between the markers of README and pages.
tables: setup
	$(BIN)/python -m studies.pages.fill_tables

test: setup
	@command -v chromium >/dev/null || echo "chromium is missing: the tests marked browser are skipped"
	$(MAKE) --jobs 2 --output-sync=target kernels types lint imports docs
	$(BIN)/pytest -n 2 --dist worksteal --durations 25

# What numba compiles, into its cache, so that the processes of tests need not each do it.
kernels: setup
	$(BIN)/python -m tests.kernels

docs: setup
	$(BIN)/sphinx-build --fresh-env -W -n --keep-going --quiet docs build/docs

# Outputs and figures of the pages that show some, with the shipped weights or WEIGHTS=FOLDER.
notebooks: setup
	$(BIN)/python -m studies.pages.execute $(if $(WEIGHTS),--weights $(WEIGHTS)) $(NOTEBOOKS)

fast: setup
	$(BIN)/pytest -m fast

# The wheel in fresh environments: alone, with each extra, with old and new dependencies. Takes half
# an hour and gigabytes; INSTALLS="onnx --python 3.12" chooses, and uv (on PyPI) is on the path.
installs: setup
	$(BIN)/python -m studies.installs $(INSTALLS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports --no-cache

clean:
	rm -rf $(DATA) $(RUNS) build dist *.egg-info
