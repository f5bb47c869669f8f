# Two commands do everything on a fresh machine with Python 3.11 or newer:
#   make demo    the main job on real data; figures and a report in out/
#   make test    the whole test suite
#   make docs    the documentation site, in build/docs; with EXECUTE=1 notebooks are run anew
#   make wheel   a wheel with all drivers made in advance, in dist/: takes a quarter of an hour
#   make test-lowest    a sample of it with the lowest versions of the dependencies
#   make test-sample PYTHON=python3.13 VENV=.venv-3.13    the same sample with another Python
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
SAMPLE  = tests/models tests/derive tests/networks tests/io

.PHONY: demo docs wheel test warm lowest test-lowest test-sample newer test-newer lint bench clean

# by uv, in a third of pip's time; where only pip knows the index, by pip
$(VENV)/.ready: setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "symdyn needs Python 3.11 or newer; run make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --editable '.[test]' || $(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

demo: $(VENV)/.ready
	$(BIN)/python -m examples.predator_prey --out out

# what is checked without running runs beside the compilation of drivers; both end before the tests begin
test: $(VENV)/.ready
	$(MAKE) --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync) lint warm
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist worksteal --durations=30

warm: $(VENV)/.ready
	$(BIN)/symdyn cache warm --processes 2

# warnings are errors; nothing is fetched
docs: $(VENV)/.ready
	EXECUTE=$(EXECUTE) $(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs
	$(BIN)/python -m tests.docs.site_links build/docs

wheel: $(VENV)/.ready
	$(BIN)/symdyn cache warm --portable --processes 2
	rm -rf build/lib  # setuptools would add what an earlier wheel had
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

# the lowest versions that setup.cfg names, without the extras that need a card or a network of their own
LOWEST = $(VENV)-lowest
$(LOWEST)/.ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet uv
	VIRTUAL_ENV=$(LOWEST) $(LOWEST)/bin/uv pip install --quiet --resolution lowest-direct --editable '.[sbml,distributed]' 'pytest>=8.4'
	touch $@

lowest: $(LOWEST)/.ready

test-lowest: $(LOWEST)/.ready
	$(LOWEST)/bin/symdyn doctor --quiet
	OPENBLAS_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -q $(SAMPLE)

test-sample: $(VENV)/.ready
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q $(SAMPLE)

# with Debian's own Python, which is newer than the one that make takes
NEWER = PYTHON=python3.13 VENV=.venv-3.13
newer:
	$(MAKE) .venv-3.13/.ready $(NEWER)

test-newer: newer
	$(MAKE) test-sample $(NEWER)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	-CMAKE_POLICY_VERSION_MINIMUM=3.5 $(BIN)/python -m pip install --quiet --editable '.[bench-numbalsoda]'
	-$(PYTHON) -m venv .venv-devito && .venv-devito/bin/python -m pip install --quiet devito
	-$(PYTHON) -m venv .venv-torch && .venv-torch/bin/python -m pip install --quiet torch torchdiffeq torchcde torchsde
	$(BIN)/python -m benchmarks all

clean:
	rm -rf $(VENV) $(LOWEST) .venv-3.13 out build docs/generated *.egg-info
