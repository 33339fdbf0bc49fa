# Every target makes what it needs: the virtual environment with the locked dependencies first.

ifndef PYTHON
PYTHON := $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3 || echo python3.11)
endif
# The dependencies to install: for GPUs requirements-gpu.txt.
LOCK := requirements.txt
# What `make params` chooses, and what `make review` compares with.
CHOICES :=
BASE := main

# The commands in dvc.yaml say `python`: they get this project's own, with fixed string hashes.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONHASHSEED := 0
export DVC_NO_ANALYTICS := 1

found = $(shell '$(PYTHON)' --version 2>&1 || true)
no_venv = $(shell '$(PYTHON)' -c 'import ensurepip, venv' 2>&1)
version = $(basename $(wordlist 2,2,$(found)))
need_python = Python 3.11, 3.12 or 3.13 is needed, found '$(wordlist 1,9,$(found))' as '$(PYTHON)': run 'make PYTHON=/path/to/python3.11'
need_venv = $(PYTHON) has no venv module: install it (on Debian and Ubuntu: apt-get install python$(version)-venv)

.PHONY: help repro params review test test-long lock gpu audit

help:
	@echo 'make repro      run the pipeline and show the leaderboard'
	@echo 'make params     write params.yaml from conf/ (CHOICES="reviews=table budget=smoke")'
	@echo 'make review     tell what changed against a branch, tag or commit (BASE=main)'
	@echo 'make test       lint, check types and run the tests'
	@echo 'make test-long  run the tests that take minutes each'
	@echo 'make lock       pin what requirements.in asks for in requirements.txt, and the same for GPUs'
	@echo 'make gpu        install the dependencies with TensorFlow for NVIDIA GPUs, on Linux'
	@echo 'make audit      look up known vulnerabilities of requirements.txt'

repro: .venv/bin/dvc .dvc/tmp/plots.html
	python -m epochwise.check
	python -m epochwise.repro
	python -m stages.leaderboard --show

params: .venv/bin/dvc
	python -m epochwise.check --compose $(CHOICES)

review: .venv/bin/dvc
	python -m epochwise.review $(BASE)

test: .venv/bin/dvc
	python -m ruff check
	python -m ruff format --check
	python -m mypy & types=$$!; \
	python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder; \
	tests=$$?; wait $$types && exit $$tests

test-long: .venv/bin/dvc
	python -m pytest -m long

compile = uv pip compile --quiet --universal --fork-strategy fewest --generate-hashes --python-version 3.11 \
	--custom-compile-command 'make lock' $(UPGRADE)
# Pins stay as they are where they still fit; `make lock UPGRADE=--upgrade` renews them all.
lock: .venv/installed
	$(compile) --output-file requirements.txt requirements.in
	$(compile) --output-file requirements-gpu.txt --no-emit-package tensorflow-cpu requirements-gpu.in

# An environment made anew, which later targets take as it is until requirements.txt changes.
gpu:
	$(MAKE) --always-make LOCK=requirements-gpu.txt .venv/bin/dvc

# The page of `dvc plots show`, with Vega's own scripts: it needs no network.
.dvc/tmp/plots.html: .venv/installed
	python -m epochwise.review --template

# --strict: without it, packages that the service does not know count as if they had been looked up.
audit: .venv/installed
	uv tool run pip-audit@2.10.1 --strict --require-hashes --disable-pip --requirement requirements.txt

# The stamp is made last, so that an interrupted installation starts again from nothing.
.venv/installed: $(LOCK)
	$(if $(filter 3.11.% 3.12.% 3.13.%,$(found)),,$(error $(need_python)))
	$(if $(no_venv),$(error $(need_venv)))
	@echo 'Installing the locked dependencies in .venv: some minutes'
	@'$(PYTHON)' -m venv --clear .venv \
		&& .venv/bin/python -m pip install -qq --disable-pip-version-check \
			--require-hashes --requirement $(LOCK) \
		&& touch $@ \
		|| { rm -rf .venv; exit 1; }

# The project's own `dvc`, below the lines with which pip's script finds its interpreter.
.venv/bin/dvc: .venv/installed epochwise/launcher.py
	@sed -e '/^"""/,$$d' -e '/^import/,$$d' $@ > .venv/dvc \
		&& cat epochwise/launcher.py >> .venv/dvc \
		&& chmod +x .venv/dvc \
		&& mv .venv/dvc $@
