# make run    set up and serve http://127.0.0.1:8000 (PORT=... for another port)
# make test   set up and run every check and test
# make help   the other targets
# TORCH_INDEX_URL=... takes torch from there: its build for CPUs is much smaller than what pip finds

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.complete
SAMPLE := var/sample/CURRENT
AXE := $(VENV)/axe/node_modules/axe-core/axe.min.js

.PHONY: run port test check format container-test sbom help clean
.DEFAULT_GOAL := help

help:  ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

port:
	@[ "$(PORT)" -ge 1 ] 2>/dev/null && [ "$(PORT)" -le 65535 ] || { echo "PORT=$(PORT) is not a whole number from 1 to 65535"; exit 1; }

run: port $(SETUP) $(SAMPLE)  ## set up if needed, then serve http://127.0.0.1:$PORT (default 8000)
	@echo "== serving http://127.0.0.1:$(PORT) (Ctrl-C stops)"
	@COVIDQUEST_HOST=$${COVIDQUEST_HOST:-127.0.0.1} COVIDQUEST_FEEDBACK=$${COVIDQUEST_FEEDBACK-var/feedback.sqlite} \
	  PORT=$(PORT) exec $(BIN)/gunicorn service.wsgi:application

test: check $(SAMPLE) $(VENV)/.browser $(AXE)  ## set up if needed, then every check and test
	@echo "== tests"
	@$(BIN)/python -m pytest

check: $(SETUP)  ## lint, types and import rules only
	@echo "== ruff" && $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "== mypy" && $(BIN)/mypy
	@echo "== import-linter" && $(BIN)/lint-imports --no-cache | tail -6

container-test: $(SETUP)  ## build both images and run them, as root on Debian (20 minutes, 12 GB)
	@deploy/container_tools.sh
	@for image in cpu gpu; do \
	  $(BIN)/python -m pytest -s -o timeout=1800 tests/containers/test_$${image}_image.py || exit 1; done

sbom: $(SETUP)  ## write bills of materials of both images, CycloneDX, into var/sbom
	@test -x var/sbom/tool/bin/cyclonedx-py || $(PYTHON) -m venv var/sbom/tool
	@var/sbom/tool/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/sbom.txt
	@deploy/sbom.sh $(BIN)/python var/sbom/tool/bin/cyclonedx-py var/sbom

format: $(SETUP)  ## format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

clean:  ## remove the virtual environment and the sample index
	rm -rf $(VENV) var/sample

$(SETUP): requirements.txt requirements/serve.txt requirements/torch.txt constraints.txt
	@echo "== setting up $(VENV) (the first time this fetches torch and more, see README.md)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one with make PYTHON=python3.11")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(if $(TORCH_INDEX_URL),$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --index-url $(TORCH_INDEX_URL) $$(grep '^torch==' requirements/torch.txt),true)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -r requirements.txt -c constraints.txt
	@touch $@

$(SAMPLE): $(SETUP) data/sample/metadata.csv models/weights/encoder/model.safetensors
	@echo "== indexing the sample corpus (about a minute)"
	@$(BIN)/python -m scripts.build_index --corpus data/sample --index var/sample

# The browser tests drive Chromium; on Debian it is installed when it is missing.
$(VENV)/.browser: $(SETUP)
	@echo "== looking for Chromium"
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null; } \
	  || { echo "the browser tests need Chromium: install the package chromium"; exit 1; }
	@touch $@

# They check each page with axe-core, a file of JavaScript that only npm has; it is not shipped.
$(AXE): $(SETUP)
	@echo "== fetching axe-core"
	@command -v npm >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends npm >/dev/null; } \
	  || { echo "the browser tests need npm: install the package npm"; exit 1; }
	@npm install --silent --no-audit --no-fund --no-package-lock --prefix $(VENV)/axe axe-core@4.14.1
	@touch $@
