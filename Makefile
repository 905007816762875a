# One command for each thing a newcomer wants. Each sets up what it needs in .venv/.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
PY := $(VENV)/bin/python
RUNTIME := $(VENV)/.runtime-ready
DEV := $(VENV)/.dev-ready
# Three workers on two cores, since many tests wait for something; a bigger machine may say more.
JOBS ?= 3

.PHONY: help demo demo-once run test test-fast lint bench chaos fuzz lock messages screenshots browser clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | sort | awk -F'\t' '{printf "  make %-11s %s\n", $$1, $$2}'

$(RUNTIME): requirements.txt constraints.txt tools/setup.sh
	@tools/setup.sh "$(PYTHON)" "$(VENV)" requirements.txt
	@touch $@

$(DEV): requirements.txt requirements-dev.txt constraints.txt tools/setup.sh $(RUNTIME)
	@tools/setup.sh "$(PYTHON)" "$(VENV)" requirements-dev.txt
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

fuzz: $(DEV) ## Damage hooks and contact files 200,000 times, and judge what the readers make of them
	@$(PY) -m tests.fuzz $(FUZZ)

messages: $(DEV) ## Collect the screens' sentences and compile the catalogues
	@$(PY) tools/messages.py

screenshots: $(DEV) browser ## Take the pictures of the screens in docs/screens/ anew
	@$(PY) -m tests.browser.screenshots

browser: ## Install Debian's Chromium, if there is none, for the browser tests
	@tools/browser.sh

lock: $(DEV) ## Pin every package again, after a change to requirements
	@$(VENV)/bin/uv pip compile --python $(PY) requirements-dev.txt -q --no-annotate --no-header -o constraints.new
	@{ echo "# Every package that requirements-dev.txt brings, pinned. Made by: make lock"; cat constraints.new; } > constraints.txt; rm constraints.new

clean: ## Remove the virtual environment and local data
	rm -rf $(VENV) var
