# The system's Python first: one that lives under a home folder (mode 0700) cannot be read by a script that has a
# user id of its own, which the level `seccomp` gives it.
PYTHON ?= $(shell /usr/bin/python3.11 -c 'import ensurepip, venv' 2>/dev/null && echo /usr/bin/python3.11 || echo python3.11)
# Set if the caller of make named it; then it is looked at even if nothing has to be installed with it.
PYTHON_NAMED := $(filter-out file undefined,$(origin PYTHON))
PORT ?= 8080
MINUTES ?= 30
IMAGE ?= python-code-executor
SERVICE ?= python-code-executor
REGION ?= europe-west1
SECONDS ?= 600
ACCOUNT = $(SERVICE)-run@$(PROJECT).iam.gserviceaccount.com

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run image clean check check-sandbox check-others test lint format attack mutate fuzz-http fuzz-policy lint-cloud terraform-docs
.PHONY: lock sbom audit bench bench-policy bench-image soak image-size deploy check-python
.DEFAULT_GOAL := help

##@ Use

help: ## Show the targets.
	@awk -F ':.*## ' '/^##@ / { printf "%s%s\n", n++ ? "\n" : "", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-16s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/installed .venv-sandbox/installed ## Install what is needed and serve on PORT (8080) of this machine, or of HOST.
	PYTHONPATH=$(CURDIR) PORT=$(PORT) exec .venv/bin/python -m service

image: ## Build the image, as IMAGE (python-code-executor).
	docker build --tag $(IMAGE) .

clean: ## Remove the environments and every cache.
	rm -rf .venv .venv-sandbox .venv-checkov .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

##@ Develop

# Side by side, for a test often waits: the linters, and the tests in two parts that take about as long as each other.
check: .venv/installed-dev .venv-sandbox/installed ## Check a change: lint, types and the tests that are not slow (about a minute on 2 CPUs).
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target lint check-sandbox check-others

check-sandbox:
	.venv/bin/python -m pytest --quiet -m "not slow" $(ARGS) tests/sandbox tests/policy

check-others:
	.venv/bin/python -m pytest --quiet -m "not slow" $(ARGS) tests --ignore=tests/sandbox --ignore=tests/policy \
	  --ignore=tests/container

test: .venv/installed-dev .venv-sandbox/installed ## Install what is needed and run every test; ARGS goes to pytest.
	.venv/bin/python -m pytest $(ARGS)

lint: .venv/installed-dev ## Check style (ruff), types (mypy, strict) and the Dockerfile (hadolint).
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/hadolint Dockerfile

format: .venv/installed-dev ## Format the code and sort its imports (ruff).
	.venv/bin/ruff check --quiet --select I --fix .
	.venv/bin/ruff format .

attack: .venv/installed-dev .venv-sandbox/installed ## Attack the service at every level, or at URL (TOKEN=…); ATTACK=mount for one.
	@.venv/bin/python -m tests.attack_suite $(if $(URL),--url $(URL)) $(if $(ATTACK),--attack $(ATTACK)) $(ARGS)

mutate: .venv/installed-dev .venv-sandbox/installed ## Take away one protection at a time; its tests must notice (ARGS=name for one).
	.venv/bin/python -m tests.mutate $(ARGS)

# Three fuzzers run for a quarter of the time each; Hypothesis makes as many examples as fit into the rest.
fuzz-policy: .venv/installed-dev .venv-sandbox/installed ## Fuzz the policy for SECONDS (600), and compare it with what scripts reach.
	FUZZ_SECONDS=$$(($(SECONDS) / 4)) .venv/bin/python -m pytest -s tests/policy/test_fuzz.py tests/policy/test_grammar.py \
	  tests/policy/test_differential.py

fuzz-http: .venv/installed-dev .venv-sandbox/installed ## Try the service against its OpenAPI document for SECONDS (600).
	.venv/bin/python -m tests.http.fuzz --seconds $(SECONDS)

lint-cloud: .venv/installed-dev .venv-checkov/installed ## Check Terraform (fmt, checkov) and cloudbuild.yaml (its schema).
	terraform -chdir=terraform fmt -check -diff -recursive
	.venv-checkov/bin/checkov --directory terraform --framework terraform --compact --quiet --skip-download
	.venv/bin/check-jsonschema --builtin-schema vendor.cloudbuild cloudbuild.yaml

terraform-docs: .venv/installed-dev ## Write the tables of terraform/README.md.
	.venv/bin/python -m scripts.terraform_docs

lock: .venv/installed-dev ## Pin what is required, with hashes; what is pinned stays, unless ARGS=--upgrade.
	.venv/bin/pip install --quiet uv==0.13.9
	for name in requirements/service requirements/sandbox requirements/dev requirements/checkov requirements; do \
	  .venv/bin/uv pip compile --quiet --generate-hashes --python-version 3.11 --custom-compile-command 'make lock' \
	    $(ARGS) --output-file $$name.txt $$name.in || exit 1; done

sbom: .venv/installed-dev .venv-sandbox/installed ## Write what is installed, for the service and for scripts, in CycloneDX.
	.venv/bin/cyclonedx-py requirements requirements/service.txt --output-file sbom-service.cdx.json
	.venv/bin/cyclonedx-py environment .venv-sandbox/bin/python --output-file sbom-sandbox.cdx.json

audit: .venv/installed-dev ## Look for known holes in what is installed; says so if PyPI cannot be asked.
	@if .venv/bin/python -c 'import requests; requests.get("https://pypi.org/pypi/pip/json", timeout=10).raise_for_status()' 2>/dev/null; \
	then for name in service sandbox; do \
	  .venv/bin/pip-audit --require-hashes --disable-pip --requirement requirements/$$name.txt || exit 1; done; \
	else echo "PyPI's advisories cannot be reached from here; nothing was audited."; fi

##@ Measure

bench: .venv/installed-dev .venv-sandbox/installed ## Measure the service, as root and with wrk; ARGS=--quick for a rough look.
	.venv/bin/python -m bench $(ARGS)

bench-policy: .venv/installed-dev ## Measure what the policy's check of a 200-line script costs.
	.venv/bin/python -m bench.policy

bench-image: .venv/installed-dev ## Measure the image in a plain and a privileged container, with wrk.
	.venv/bin/python -m bench.containers

soak: .venv/installed-dev .venv-sandbox/installed ## Overload the service for MINUTES (30), as root, then break its parts (10 more).
	.venv/bin/python -m soak --minutes $(MINUTES) $(ARGS)

image-size: image ## Show what the image is made of, in MB (10^6 bytes), and how long it is compressed.
	@docker run --rm --entrypoint sh $(IMAGE) -c 'du --block-size=1000000 -xs \
	  /usr/lib/python3* /opt/sandbox/lib/python3.11/site-packages/* /opt/service /opt/python-code-executor /usr /var / \
	  | sort -rn | head -20'
	@docker run --rm --entrypoint tar $(IMAGE) -c --one-file-system / 2>/dev/null \
	  | gzip -6 | wc -c | awk '{printf "%.0f\tall of it, compressed by gzip\n", $$1 / 1000000}'

##@ Deploy

# To try it out; terraform/ makes the same and more, and keeps track of it.
deploy: ## Deploy to Cloud Run by gcloud: make deploy PROJECT=my-project-123 (REGION=europe-west1).
	@test -n "$(PROJECT)" || { echo "Name the project: make deploy PROJECT=my-project-123" >&2; exit 1; }
	gcloud services enable artifactregistry.googleapis.com cloudbuild.googleapis.com run.googleapis.com --project=$(PROJECT)
	gcloud artifacts repositories describe $(SERVICE) --project=$(PROJECT) --location=$(REGION) >/dev/null 2>&1 \
	  || gcloud artifacts repositories create $(SERVICE) --project=$(PROJECT) --location=$(REGION) --repository-format=docker
	gcloud iam service-accounts describe $(ACCOUNT) --project=$(PROJECT) >/dev/null 2>&1 \
	  || gcloud iam service-accounts create $(SERVICE)-run --project=$(PROJECT) --display-name="Has no roles"
	gcloud builds submit . --project=$(PROJECT) --region=$(REGION) --ignore-file=.gcloudignore.image \
	  --tag=$(REGION)-docker.pkg.dev/$(PROJECT)/$(SERVICE)/executor
	gcloud run deploy $(SERVICE) --project=$(PROJECT) --region=$(REGION) --service-account=$(ACCOUNT) \
	  --image=$(REGION)-docker.pkg.dev/$(PROJECT)/$(SERVICE)/executor --execution-environment=gen2 \
	  --no-allow-unauthenticated --cpu=2 --memory=3Gi --concurrency=8 --timeout=30 --max-instances=5 \
	  --set-env-vars=SANDBOX_MIN_ISOLATION=namespaces,SANDBOX_CONCURRENCY=4

# The environments, which the targets above make when they need them.

# Everything here is pinned for one version of Python; another would fail later, and less clearly.
check-python:
	@if [ -z "$(PYTHON_NAMED)" ] && [ -e .venv/installed ] && [ -e .venv-sandbox/installed ]; then exit 0; fi; \
	found=$$($(PYTHON) -c 'import sys; print("Python %d.%d" % sys.version_info[:2])' 2>/dev/null) || found="no Python that can be run"; \
	[ "$$found" = "Python 3.11" ] || { echo "This needs Python 3.11, and $(PYTHON) is $$found; install python3.11," \
	  "or name one: make $(or $(MAKECMDGOALS),run) PYTHON=/path/to/python3.11" >&2; exit 1; }; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv; install it" \
	  "(Debian: python3.11-venv), or name another: make $(or $(MAKECMDGOALS),run) PYTHON=/path/to/python3.11" >&2; exit 1; }

# The service's own environment; the development tools go into it too.
.venv/installed: requirements/service.txt | check-python
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --require-hashes --requirement requirements/service.txt
	touch $@

.venv/installed-dev: requirements/dev.txt .venv/installed
	.venv/bin/pip install --quiet --require-hashes --requirement requirements/dev.txt
	touch $@

# The scripts' environment: nothing of the service is in it.
.venv-sandbox/installed: requirements/sandbox.txt | check-python
	$(PYTHON) -m venv .venv-sandbox
	.venv-sandbox/bin/pip install --quiet --require-hashes --requirement requirements/sandbox.txt
	.venv-sandbox/bin/pip uninstall --quiet --yes pip setuptools
	touch $@

# What checks Terraform, and is large.
.venv-checkov/installed: requirements/checkov.txt | check-python
	$(PYTHON) -m venv .venv-checkov
	.venv-checkov/bin/pip install --quiet --require-hashes --requirement requirements/checkov.txt
	touch $@
