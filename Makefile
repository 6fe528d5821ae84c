# `make run` and `make test` set up .venv themselves; nothing else is needed first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
DATA := datasets/smoke
RUNS := runs/smoke
SMOKE := universal/A linear/A mlp/A mlp_world/A/nk gru_world/A/nk

.PHONY: setup run test lint types imports fast results clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,cluster]'
	touch $@

# The main job, end to end, at smoke size: configs/reproduce/smoke.yaml says what. It goes on where
# an earlier run stopped.
run: setup
	$(BIN)/emulator reproduce --profile smoke --resume --workers $(WORKERS)
	$(BIN)/emulator leaderboard $(RUNS)
	$(BIN)/emulator irf nk --shock monetary --set phi_pi=2.0 --exact --plot $(RUNS)/irf.png --weights $(RUNS)/universal/A

# What the README quotes, from the runs of `make run`.
results: run
	rm -rf results/smoke
	@set -e; for name in $(SMOKE); do \
	  mkdir -p results/smoke/$$name; \
	  cp $(RUNS)/$$name/metrics.json $(RUNS)/$$name/config.yaml results/smoke/$$name/; \
	done
	cp $(RUNS)/universal/A/figures/irf_panel.png $(RUNS)/universal/A/report.html results/smoke/
	cp $(RUNS)/plan.json $(RUNS)/leaderboard.csv $(RUNS)/leaderboard.md results/smoke/
	$(BIN)/python docs/fill_tables.py

test: lint types imports
	$(BIN)/pytest -n 2 --dist worksteal

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
