# `make run` and `make test` set up .venv themselves; nothing else is needed first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
DATA := datasets/smoke
RUNS := runs/smoke

SHIPPED := runs/shipped/universal_longer/all
NOTEBOOKS := README.md docs/one-shock.md docs/histories.md docs/estimation.md docs/real-data.md

.PHONY: setup run test lint types imports docs notebooks fast results ship clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,cluster,explorer]'
	touch $@

# The main job, end to end, at smoke size: configs/plans/smoke.yaml says what. It goes on where
# an earlier run stopped.
run: setup
	$(BIN)/emulator reproduce --profile smoke --resume --workers $(WORKERS)
	$(BIN)/emulator leaderboard $(RUNS)
	$(BIN)/emulator irf nk --shock monetary --set phi_pi=2.0 --exact --plot $(RUNS)/irf.png --weights $(RUNS)/universal/A

# What the README quotes, from the runs of `make run`.
results: run
	rm -rf results/smoke
	mkdir -p results/smoke/figures
	cp $(RUNS)/universal/A/metrics.json $(RUNS)/universal/A/config.yaml $(RUNS)/universal/A/report.html results/smoke/
	cp $(RUNS)/universal/A/figures/irf_panel.png results/smoke/figures/
	cp $(RUNS)/plan.json $(RUNS)/leaderboard.csv $(RUNS)/leaderboard.md results/smoke/
	$(BIN)/python -m studies.pages.fill_tables

# The weights of the package, what the README quotes of them and the pages that show their answers,
# from the runs of `emulator campaign configs/plans/shipped.yaml`.
ship: setup
	ls runs/shipped/plan.json $(SHIPPED)/metrics.json >/dev/null
	$(BIN)/emulator leaderboard runs/shipped
	mkdir -p results/shipped
	find results/shipped -type f ! -name README.md -delete
	cp runs/shipped/plan.json runs/shipped/leaderboard.csv runs/shipped/leaderboard.md results/shipped/
	cp $(SHIPPED)/metrics.json $(SHIPPED)/config.yaml $(SHIPPED)/report.html results/shipped/
	mkdir -p results/shipped/figures
	cp $(SHIPPED)/figures/*.png results/shipped/figures/
	$(BIN)/python -m studies.pages.ship_weights $(SHIPPED)
	$(BIN)/python -m studies.references
	$(BIN)/python -m studies.pages.fill_tables
	$(MAKE) notebooks

test: lint types imports docs
	@command -v chromium >/dev/null || echo "chromium is missing: the tests marked browser are skipped"
	$(BIN)/pytest -n 2 --dist worksteal --durations 25

docs: setup
	$(BIN)/sphinx-build --fresh-env -W -n --keep-going --quiet docs build/docs

# Outputs and figures of the pages that show some, with the shipped weights or WEIGHTS=FOLDER.
notebooks: setup
	$(BIN)/python -m studies.pages.execute $(if $(WEIGHTS),--weights $(WEIGHTS)) $(NOTEBOOKS)

fast: setup
	$(BIN)/pytest -m fast

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports --no-cache

clean:
	rm -rf $(DATA) $(RUNS) build dist *.egg-info
