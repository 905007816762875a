# One command for each thing a newcomer wants. Each sets up what it needs in .venv/.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# Empty: the newest of Python 3.13, 3.12 and 3.11 that runs.
PYTHON ?=
VENV := .venv
PY := $(VENV)/bin/python
# Named for PYTHON, so that another one makes the virtual environment anew.
READY := ready$(if $(PYTHON),-$(subst /,_,$(PYTHON)))
RUNTIME := $(VENV)/.runtime-$(READY)
DEV := $(VENV)/.dev-$(READY)
# Three workers on two cores, since many tests wait for something; a bigger machine may say more.
JOBS ?= 3

.PHONY: help demo demo-once run test test-fast lint bench chaos explore fuzz mutants lock messages screenshots saves browser clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | sort | awk -F'\t' '{printf "  make %-11s %s\n", $$1, $$2}'

$(RUNTIME): requirements.lock tools/setup.sh tools/uv.sh
	@tools/setup.sh "$(PYTHON)" "$(VENV)" requirements.lock
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@tools/setup.sh "$(PYTHON)" "$(VENV)" requirements-dev.lock
	@touch $@

demo: $(RUNTIME) ## Play real sendouts through the gate, then stay up with the admin
	@$(PY) -m demo

demo-once: $(RUNTIME) ## The same, then exit: 0 only if every contact left on the right way
	@$(PY) -m demo --once

run: $(RUNTIME) ## The gateway alone, in the foreground, from the environment and .env
	@$(PY) manage.py run

test: $(DEV) browser ## Every test, on SQLite, PostgreSQL, Redis and a real browser
	@$(PY) -m tests.run --jobs $(JOBS)

test-fast: $(DEV) ## Rows and rules only, on SQLite: for the minute between two edits
	@$(PY) -m tests.run --fast --jobs $(JOBS)

lint: $(DEV) ## Style, types, import contracts, deploy check, migrations, messages
	@tools/lint.sh "$(PY)"

bench: $(DEV) ## Measure the whole way, embedded and on PostgreSQL and Redis
	@$(PY) -m tests.benchmarks

chaos: $(DEV) ## Kill and rob the real processes again and again; an hour. CHAOS="--short" for minutes
	@$(PY) -m tests.chaos $(CHAOS)
	@$(if $(findstring --short,$(CHAOS)),true,$(PY) -m tests.run --races --jobs $(JOBS))

explore: $(DEV) ## Run simulated schedules of the whole gateway. EXPLORE="--minutes 10 --seed 1"
	@$(PY) -m tests.explore $(EXPLORE)

fuzz: $(DEV) ## Damage hooks and contact files 200,000 times, and judge what the readers make of them
	@$(PY) -m tests.fuzz $(FUZZ)

mutants: $(DEV) ## Break the product in a hundred places, one at a time: each must turn a test red
	@$(PY) -m tests.mutants $(MUTANTS)

messages: $(DEV) ## Collect the screens' sentences and compile the catalogues
	@$(PY) tools/messages.py

screenshots: $(DEV) browser ## Take the pictures of the screens in docs/screens/ anew
	@$(PY) -m tests.browser.screenshots

saves: $(DEV) browser ## Save a batch with each kind of failed contact file, in a real browser; five minutes
	@SAVES=all $(PY) -m pytest -q -s tests/browser/test_saving_held_files.py

browser: ## Install Debian's Chromium, if there is none, for the browser tests
	@tools/browser.sh

lock: $(RUNTIME) ## Pin every package and its hashes again, after a change to requirements
	@tools/lock.sh "$(VENV)"

clean: ## Remove the virtual environment and local data
	rm -rf $(VENV) $(VENV).new var
