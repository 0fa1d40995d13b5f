# On a machine with Python >= 3.11, make and git:  make demo | test | lint | docs | test-slow | bench

PYTHON ?= python3
VENV ?= .venv
# Only asked for torch, on Linux, and only where pip's own sources have no CPU build; empty: take PyPI's (CUDA).
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
ORE_EXAMPLES ?= ../shared/ore_examples
PYTEST_WORKERS ?= 2

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
export OMP_NUM_THREADS ?= 1
export ORE_EXAMPLES

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-ore-examples chaos lint format notebooks docs bench clean

help:
	@echo "make demo               run the sample bank's demo job: CVA, DVA, FVA and sensitivities"
	@echo "make test               the tests, one quick one of every kind at least"
	@echo "make lint               format, lint, types, import contracts"
	@echo "make notebooks          execute the notebooks"
	@echo "make docs               the documentation as a site, in docs/_build/html"
	@echo "make test-slow          the long ones: many paths, every quote, whole runs, kills, workers"
	@echo "make test-ore-examples  the checks on $(ORE_EXAMPLES)"
	@echo "make chaos              kills, crash points, damage, fuzzing, scale (PART=kills for one); figures as a table"
	@echo "make bench              the benchmarks, results on the terminal"
	@echo "PYTHON=python3.12 make ... chooses the interpreter; it has to be 3.11 or newer"

install: $(STAMP)

# A second call is instant: everything hangs on the stamp, the stamp on the pinned set.
$(STAMP): constraints.txt pyproject.toml
	@[ -x $(BIN)/python ] || command -v $(PYTHON) >/dev/null || { \
	  echo "make: no $(PYTHON) here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python"; exit 1; }
	@interpreter=$(PYTHON); [ ! -x $(BIN)/python ] || interpreter=$(BIN)/python; \
	"$$interpreter" -c 'import sys; sys.version_info >= (3, 11) or sys.exit("make: this project needs Python 3.11 or newer, and %s is %d.%d. Name a newer one: make PYTHON=python3.12" % (sys.argv[1], *sys.version_info[:2]))' "$$interpreter"
	@[ -x $(BIN)/python ] || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); } || { \
	  echo "make: $(PYTHON) cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)"; exit 1; }
	@echo "installing the pinned set of constraints.txt (a few minutes the first time)"
	@torch=$$(sed -n 's/^torch==//p' constraints.txt); \
	if [ "$$(uname -s)" = Linux ] && [ -n "$(TORCH_INDEX)" ]; then \
	  $(PIP) install "torch==$$torch+cpu" --no-deps 2>/dev/null \
	  || $(PIP) install "torch==$$torch+cpu" --no-deps --index-url $(TORCH_INDEX); \
	fi
	@$(PIP) install -r constraints.txt
	@$(PIP) install --no-deps -e .
	@touch $@

demo: $(STAMP)
	@$(BIN)/xva run examples/bank/demo.toml

test: $(STAMP)
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile

test-slow: $(STAMP)
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile -m slow

test-ore-examples: $(STAMP)
	@[ -d $(ORE_EXAMPLES) ] || { \
	  echo "make test-ore-examples: no folder $(ORE_EXAMPLES). It holds ORE's examples, which are not part of this repository; name it: make test-ore-examples ORE_EXAMPLES=/path"; exit 1; }
	$(BIN)/python -m pytest -m ore_examples

# Half an hour. PART: one or more of crash, kills, damage, fuzz, misfortunes, scale.
chaos: $(STAMP)
	@$(BIN)/python -m tests.chaos $(PART)

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

notebooks: $(STAMP)
	$(BIN)/python -m pytest --nbmake --nbmake-timeout=300 notebooks

# Warnings are errors; nothing is fetched.
docs: $(STAMP)
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(STAMP)
	$(BIN)/python benchmarks/client.py
	$(BIN)/python benchmarks/main_job.py
	$(BIN)/python benchmarks/aad_vs_bump.py --quick
	$(BIN)/python benchmarks/stress.py
	$(BIN)/python benchmarks/published_baskets.py --quick
	$(BIN)/python benchmarks/barrier_surrogate.py
	$(BIN)/python benchmarks/equity_book.py --quick
	$(BIN)/python benchmarks/bermudan_swaption.py --quick
	$(BIN)/python benchmarks/mixed_set.py
	$(BIN)/python benchmarks/lattice.py
	$(BIN)/python benchmarks/chebyshev.py --quick
	$(BIN)/python benchmarks/basket_greeks.py
	$(BIN)/python benchmarks/monte_carlo_greeks.py

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
