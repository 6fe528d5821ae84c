# `make run` and `make test` set up .venv themselves; nothing else is needed first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
DATA := datasets/smoke
RUNS := runs/smoke
SMOKE := universal/A linear/A mlp/A mlp_world/A/nk gru_world/A/nk

CAMPAIGN := runs/campaign
LONGER := runs/longer
SHIPPED := $(LONGER)/universal_longer/all
DEV := runs/dev
NOTEBOOKS := one-shock histories estimation real-data

.PHONY: setup run test lint types imports docs notebooks fast results publish ship publish-dev clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,cluster,explorer]'
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
	$(BIN)/python studies/fill_tables.py

# The tables and figures of `emulator campaign configs/campaign.yaml`.
publish: setup
	ls $(CAMPAIGN)/plan.json $(CAMPAIGN)/leaderboard.md $(CAMPAIGN)/universal/all/metrics.json >/dev/null
	mkdir -p results/campaign
	find results/campaign -type f ! -name README.md -delete
	cp $(CAMPAIGN)/plan.json $(CAMPAIGN)/leaderboard.csv $(CAMPAIGN)/leaderboard.md results/campaign/
	cp $(CAMPAIGN)/universal/all/metrics.json $(CAMPAIGN)/universal/all/config.yaml $(CAMPAIGN)/universal/all/report.html results/campaign/
	cp $(CAMPAIGN)/universal/all/figures/*.png results/campaign/

# The weights of the package, what the README quotes of them and the pages that show their answers,
# from the runs of `emulator campaign configs/longer.yaml`.
ship: setup
	ls $(LONGER)/plan.json $(SHIPPED)/metrics.json >/dev/null
	$(BIN)/emulator leaderboard $(LONGER)
	mkdir -p results/longer
	find results/longer -type f ! -name README.md -delete
	cp $(LONGER)/plan.json $(LONGER)/leaderboard.csv $(LONGER)/leaderboard.md results/longer/
	cp $(SHIPPED)/metrics.json $(SHIPPED)/config.yaml $(SHIPPED)/report.html results/longer/
	cp $(SHIPPED)/figures/*.png results/longer/
	$(BIN)/python studies/ship_weights.py $(SHIPPED)
	$(BIN)/python -m studies.references
	$(BIN)/python studies/fill_tables.py
	$(MAKE) notebooks

# The tables and figures of configs/reproduce/dev.yaml, once it has been carried out.
publish-dev:
	ls $(DEV)/plan.json $(DEV)/leaderboard.md $(DEV)/universal/all/metrics.json $(DEV)/universal/all/figures/*.png >/dev/null
	mkdir -p results/dev
	find results/dev -type f ! -name README.md ! -name error_by_length.json -delete
	cp $(DEV)/plan.json $(DEV)/leaderboard.csv $(DEV)/leaderboard.md results/dev/
	cp $(DEV)/universal/all/metrics.json $(DEV)/universal/all/config.yaml results/dev/
	cp $(DEV)/universal/all/figures/*.png results/dev/

test: lint types imports docs
	@command -v chromium >/dev/null || echo "chromium is missing: the tests marked browser are skipped"
	$(BIN)/pytest -n 2 --dist worksteal --durations 25

docs: setup
	$(BIN)/sphinx-build --fresh-env -W -n --keep-going --quiet docs build/docs

# Outputs and figures of the pages that show some, with the shipped weights or WEIGHTS=FOLDER.
notebooks: setup
	$(BIN)/python studies/execute.py $(if $(WEIGHTS),--weights $(WEIGHTS)) $(NOTEBOOKS:%=docs/%.md)

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
