# SPDX-License-Identifier: Apache-2.0
# `make help` lists the goals. Everything happens in .venv; nothing else of the system is changed.

VENV := .venv
BIN := $(VENV)/bin
EXAMPLE := examples/keyword_spotting/keyword_spotting-nucleo-l4r5zi.elf
# One for each kind of pipeline, and for caches.
WARM := examples/hello/hello-nucleo-l4r5zi.elf examples/vww/vww_layers-nucleo-h743zi.elf \
	tests/firmware/selftest/selftest-mps2-an505.elf
PYTHON ?=
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
INSTALLED_ORACLES := $(VENV)/.installed-oracles
INSTALLED_DOCS := $(VENV)/.installed-docs
TYPED := $(VENV)/.typed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES = $(shell find mcusim kernels cores -name '*.py' -o -name '*.toml' -o -name py.typed)

# The first Python that is new enough: $(PYTHON) if given, or the newest of those in PATH.
CANDIDATES := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)
define FIND_PYTHON
for python in $(CANDIDATES); do \
	if $$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	then found=$$python; break; fi; \
done; \
if [ -z "$${found:-}" ]; then \
	echo "error: no Python 3.11, 3.12 or 3.13 with its venv module found" \
		"(looked for: $(CANDIDATES))." >&2; \
	echo "Install one (on Debian and Ubuntu: apt install python3 python3-venv)," \
		"or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
	exit 1; \
fi
endef

.PHONY: help demo test lint types warm golden docs bench oracles clean

help:
	@echo "make demo     profile the keyword-spotting example (installs mcusim into $(VENV) first)"
	@echo "make test     linter, type checker and all tests"
	@echo "make lint     ruff alone"
	@echo "make types    mypy --strict alone, on the installed package"
	@echo "make golden   write the golden reports again; review them as a diff"
	@echo "make docs     the documentation as a site, in build/site"
	@echo "make bench    speed beside the bare engine, and start-up times"
	@echo "make oracles  install the interpreters that tests compare the kernels with"
	@echo "make clean    remove $(VENV) and everything that was generated"
	@echo "PYTHON=...    which Python to make $(VENV) with (3.11 to 3.13; default: the newest found)"

demo: $(INSTALLED)
	@$(BIN)/mcusim profile $(EXAMPLE)
	@printf '\nNext: %s/mcusim profile YOUR.elf\n' $(BIN)

# One thread for NumPy's matrix products: two processes share the cores already.
test: lint
	@$(MAKE) --no-print-directory -j2 types warm
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(INSTALLED_DEV)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

# mypy cannot see that mcusim.kernels and mcusim.cores come from other folders, so it checks a real installation.
types: $(TYPED)
	@cd $(VENV)/typed && ../bin/mypy --config-file $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/$(VENV)/mypy \
		--python-executable ../bin/python -p mcusim

# Compile the native part once, before two processes of tests would both do it.
warm: $(INSTALLED_DEV)
	@for image in $(WARM); do $(BIN)/mcusim profile -q $$image --memory on --max-cycles 300000 >/dev/null; done

golden: $(INSTALLED_DEV)
	@$(BIN)/python -m pytest --regenerate
	@git --no-pager diff --stat -- traces/golden 2>/dev/null || true

docs: $(INSTALLED_DOCS)
	@$(BIN)/python -m sphinx -q -E -a -W --keep-going -b html docs build/site
	@echo "build/site/index.html"

bench: $(INSTALLED)
	@$(BIN)/python benchmarks/engine_speed.py
	@$(BIN)/python benchmarks/startup.py

oracles: $(INSTALLED_ORACLES)

clean:
	rm -rf $(VENV) build dist mcusim.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find mcusim kernels cores tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@set -e; $(FIND_PYTHON); \
	echo "creating $(VENV) with $$found ($$($$found -c 'import platform; print(platform.python_version())'))"; \
	rm -rf $(VENV); $$found -m venv $(VENV)

$(INSTALLED): pyproject.toml | $(BIN)/python
	@echo "installing mcusim and what it needs into $(VENV)"
	@$(PIP) install --editable '.[html]'
	@touch $@

$(INSTALLED_DEV): $(INSTALLED)
	@echo "installing the tools for tests into $(VENV)"
	@$(PIP) install --editable '.[dev]'
	@touch $@

$(INSTALLED_ORACLES): $(INSTALLED_DEV)
	@echo "installing tflite-micro and LiteRT into $(VENV)"
	@$(PIP) install --editable '.[dev,oracles]'
	@touch $@

$(INSTALLED_DOCS): $(INSTALLED)
	@echo "installing Sphinx into $(VENV)"
	@$(PIP) install --editable '.[docs]'
	@touch $@

$(TYPED): $(SOURCES) | $(INSTALLED_DEV)
	@rm -rf $(VENV)/typed build/lib build/man
	@$(PIP) install --no-deps --target $(VENV)/typed .
	@rm -rf build/lib build/man
	@touch $@
