# Every verb does its own set-up in .venv, once. On Windows without make, see the README.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python

# Clusters set both for all programs: a backend that shows nothing, and modules that would come
# before those of .venv.
unexport MPLBACKEND PYTHONPATH

.PHONY: help setup book lab check test test-long test-colab refresh bench clean

help:
	@echo "make book      build the course and say where to open it"
	@echo "make test      prove it: lint, tests, every chapter run and compared, the site in a browser"
	@echo "make check     the part of it that takes seconds: lint, types, stored form, unit tests"
	@echo "make lab       open the chapters in JupyterLab, as copies in work/"
	@echo "make test-long the same as test, with the full counts of the long checks"
	@echo "make test-colab run the chapters with the versions of packages that Colab has (PYTHON=python3.13)"
	@echo "make refresh   run the chapters and store what can be reproduced (NOTEBOOK=book/NN_….ipynb for one)"
	@echo "make bench     measure the numbers that the chapters cite"
	@echo "make setup     only the set-up"
	@echo "make clean     remove what was built, and .venv"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "The course needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

# The stamps are newer than the files they depend on exactly when nothing is left to install.
$(VENV)/learner.stamp: requirements.txt pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements.txt pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(VENV)/learner.stamp $@

setup: $(VENV)/dev.stamp

book: $(VENV)/dev.stamp
	@$(RUN) tools/book.py

lab: $(VENV)/learner.stamp
	@$(RUN) tools/lab.py

check: $(VENV)/dev.stamp
	@$(RUN) tools/check.py

test: $(VENV)/dev.stamp
	@$(RUN) tools/test.py

test-long: $(VENV)/dev.stamp
	@$(RUN) tools/test.py --long

# Another environment, so that none of these old versions gets into the one that everything else is tested in.
test-colab:
	$(PYTHON) -m venv $(VENV)-colab
	$(VENV)-colab/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-colab.txt
	$(VENV)-colab/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	$(VENV)-colab/bin/python tools/test.py --chapters

refresh: $(VENV)/dev.stamp
	@$(RUN) tools/notebooks.py refresh $(NOTEBOOK)

bench: $(VENV)/dev.stamp
	@for script in $(filter-out %/machine.py,$(wildcard benchmarks/*.py)); do $(RUN) $$script || exit 1; done

clean:
	rm -rf _build $(VENV) $(VENV)-colab .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
