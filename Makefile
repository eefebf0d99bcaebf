# The system's Python first: one that lives under a home folder (mode 0700) cannot be read by a script that has a
# user id of its own, which the level `seccomp` gives it.
PYTHON ?= $(shell /usr/bin/python3.11 -c 'import ensurepip, venv' 2>/dev/null && echo /usr/bin/python3.11 || echo python3.11)
PORT ?= 8080

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run test lint bench endurance lock clean
.DEFAULT_GOAL := help

help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: .venv/installed .venv-sandbox/installed ## Install what is needed and serve on PORT (8080).
	PYTHONPATH=$(CURDIR) PORT=$(PORT) exec .venv/bin/functions-framework --target app

test: .venv/installed-dev .venv-sandbox/installed ## Install what is needed and run every test.
	.venv/bin/python -m pytest $(ARGS)

lint: .venv/installed-dev ## Check style (ruff) and types (mypy, strict).
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: .venv/installed-dev .venv-sandbox/installed ## Measure the service, as root and with wrk; ARGS=--quick for a rough look.
	.venv/bin/python -m bench $(ARGS)

endurance: .venv/installed-dev .venv-sandbox/installed ## Run 20,000 scripts, as root, and look for what grows.
	.venv/bin/python -m bench.soak $(ARGS)

lock: .venv/installed-dev ## Pin every requirement anew, with hashes.
	.venv/bin/pip install --quiet uv==0.13.9
	for name in -service -sandbox -dev ""; do \
	  .venv/bin/uv pip compile --quiet --generate-hashes --python-version 3.11 --custom-compile-command 'make lock' \
	    --output-file requirements$$name.txt requirements$$name.in || exit 1; done

clean: ## Remove both environments and every cache.
	rm -rf .venv .venv-sandbox .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# The service's own environment; the development tools go into it too.
.venv/installed: requirements-service.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --require-hashes --requirement requirements-service.txt
	touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	.venv/bin/pip install --quiet --require-hashes --requirement requirements-dev.txt
	touch $@

# The scripts' environment: nothing of the service is in it.
.venv-sandbox/installed: requirements-sandbox.txt
	$(PYTHON) -m venv .venv-sandbox
	.venv-sandbox/bin/pip install --quiet --require-hashes --requirement requirements-sandbox.txt
	.venv-sandbox/bin/pip uninstall --quiet --yes pip setuptools
	touch $@
