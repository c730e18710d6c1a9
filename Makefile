# Every verb does its own set-up in .venv, once. On Windows without make, see the README.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
# What clusters, ROS and shells set for all programs: other modules first, no asserts, a backend of
# matplotlib that shows nothing.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONINSPECT PYTHONOPTIMIZE PYTHONWARNINGS MPLBACKEND

.PHONY: help setup book pdf lab check test test-long test-colab refresh bench assignment grade publish clean

help:
	@echo "make book      build the course and say where to open it"
	@echo "make pdf       the built course as one PDF, by Chromium"
	@echo "make test      prove it: lint, tests, every chapter run and compared, the site in a browser"
	@echo "make check     the quick part of it: lint, types, stored form, unit tests"
	@echo "make lab       open the chapters in JupyterLab, as copies in work/"
	@echo "make test-long the same as test, with the full counts of the long checks"
	@echo "make test-colab run each page as Colab does: its packages, one notebook, nothing else (PYTHON=python3.13)"
	@echo "make refresh   run the chapters and store what can be reproduced (NOTEBOOK=book/NN_….ipynb for one)"
	@echo "make bench     measure the numbers that the chapters cite"
	@echo "make assignment NAME=ps1 EXERCISES=\"convolve=6 …\"   for instructors: a notebook to hand out"
	@echo "make grade NAME=ps1   grade what came back (COURSE=folder for both; default: courses)"
	@echo "make publish   build on the real data, and push site and notebooks to branches of origin"
	@echo "make setup     only the set-up"
	@echo "make clean     remove what was built, and .venv"

# What looks after .venv: its own Python or, where that does not run or is too old, PYTHON.
FIT    = import pip, sys, tomllib; sys.exit(sys.prefix == sys.base_prefix)
SET_UP = @python=$(RUN); $$python -c '$(FIT)' 2>/dev/null || python=$(PYTHON); $$python tools/setup.py

setup:
	$(SET_UP) dev

book: setup
	@$(RUN) tools/book.py

pdf: book
	@$(RUN) tools/pdf.py

lab:
	$(SET_UP) learner
	@$(RUN) tools/lab.py

check: setup
	@$(RUN) tools/check.py

test: setup
	@$(RUN) tools/test.py

test-long: setup
	@$(RUN) tools/test.py --long

test-colab:
	@$(PYTHON) tools/setup.py colab
	@$(VENV)-colab/bin/python -m pytest tests/on_colab -q -p no:cacheprovider

refresh: setup
	@$(RUN) tools/notebooks.py refresh $(NOTEBOOK)

# COURSE is the course's folder. Without EXERCISES, the release is made again from an edited source.
COURSE ?= courses
NAMED   = $(if $(NAME),,$(error Which assignment? Write make $@ NAME=ps1))

assignment: setup
	$(NAMED)@$(RUN) tools/assignment.py "$(NAME)" $(EXERCISES) --course "$(COURSE)"

grade: setup
	$(NAMED)@$(RUN) tools/grade.py "$(NAME)" $(STUDENTS) --course "$(COURSE)"

bench: setup
	@for script in $(filter-out %/machine.py,$(wildcard benchmarks/*.py)); do $(RUN) $$script || exit 1; done

publish: setup
	@$(RUN) tools/publish.py

clean:
	rm -rf _build $(VENV) $(VENV)-colab .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
