# Each target sets up what it needs first: a virtual environment with everything locked by hash.
# PYTHON may name any Python from 3.11 on.
PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.set-up

.PHONY: demo emulators test check bench wheel functions-zip test-cloud format lock clean help

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: $(SETUP) ## One audited session from end to end; KEEP=1 leaves the gateway running
	@$(BIN)/python demo/demo.py $(if $(KEEP),--keep)

test: $(SETUP) ## All tests
	@$(BIN)/python tests/conformance/install.py
	@PYTHONPATH=tests $(BIN)/python -m fakes.fake_gcs_server
	@$(BIN)/pytest -n 2 --dist loadfile

emulators: $(SETUP) ## A whole deployment on emulators: 1,000 calls, everything that may go wrong, the proof; STAY=1 leaves it running
	@PYTHONPATH=tests $(BIN)/python -m cloud $(if $(STAY),--stay)

check: $(SETUP) ## Lint, types, layers, formatting, known vulnerabilities
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/python tests/check_terraform.py
	@$(BIN)/python tests/audit_dependencies.py

bench: $(SETUP) ## How fast, and with how much memory (some minutes; needs wrk)
	@PYTHONPATH=tests $(BIN)/python -m performance $(BENCH)

wheel: $(SETUP) ## The wheel, in dist/; the same bytes wherever and whenever it is made
	@rm -rf build dist/affidavit-*.whl && mkdir -p build/source
	@cp -R pyproject.toml README.md LICENSE proxy_service build/source
	@chmod -R u=rwX,go=rX build/source
	@SOURCE_DATE_EPOCH=315532800 $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --wheel-dir dist build/source
	@ls dist/affidavit-*.whl

functions-zip: wheel ## All that the cloud functions are built from, in dist/; the same bytes every time
	@$(BIN)/python functions/build.py --wheel dist/affidavit-*.whl

test-cloud: $(SETUP) ## The contracts on a real project, AFFIDAVIT_TEST_PROJECT (terraform/README.md)
	@test -n "$(AFFIDAVIT_TEST_PROJECT)" || { echo "AFFIDAVIT_TEST_PROJECT is not set" >&2; exit 2; }
	@$(BIN)/pytest tests/contracts -rs

format: $(SETUP) ## Put the code in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: $(SETUP) ## Resolve the dependencies anew
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header -U \
		--extra gcp pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header -U --extra gcp --group dev \
		pyproject.toml -o requirements-dev.lock

clean: ## Remove what the other targets made
	rm -rf .venv .tools build dist demo-data bench-data tests/conformance/node_modules

$(SETUP): requirements-dev.lock pyproject.toml
	@echo "Setting up .venv (once; about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(SETUP)
