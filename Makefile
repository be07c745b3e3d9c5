# `make demo` and `make test` do all of their set-up: they need Python 3.10-3.13, git and make.
# Paths are relative throughout, so that the folder's own name may hold spaces.

VENV := .venv
RUN := env -u PYTHONPATH -u PYTHONHOME -u VIRTUAL_ENV $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: help demo test check format clean

help:
	@echo "make demo    train two small models, convert and measure them (about 3 minutes)"
	@echo "make test    formatting, lint, types and tests"
	@echo "make format  format the code"
	@echo "make clean   remove the environment and what was built"

demo: $(STAMP)
	@$(RUN) -m edgecnn demo

test: check
	$(RUN) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 30 --durations-min 5

check: $(STAMP)
	$(RUN) -m ruff format --check
	$(RUN) -m ruff check
	$(RUN) -m mypy --platform linux
	$(RUN) -m mypy --platform darwin
	$(RUN) -m mypy --platform win32

format: $(STAMP)
	$(RUN) -m ruff format
	$(RUN) -m ruff check --fix

$(STAMP): setup.cfg pyproject.toml constraints.txt .ci/setup
	@sh .ci/setup $(VENV)
	@touch $(STAMP)

clean:
	rm -rf $(VENV) build dist edgecnn.egg-info .pytest_cache .mypy_cache .ruff_cache
