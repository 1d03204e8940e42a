# `make run` and `make test` work on a fresh clone: they install everything they need.
PYTHON ?= python3
BIN := .venv/bin
# Address to listen on: localhost for this machine only, 0.0.0.0 for all network interfaces.
ADDRESS ?= localhost

.PHONY: run test format lock screenshots clean

# Limit glibc to two malloc arenas: it creates more by default, and each holds on to freed memory.
run: .venv/installed
	MALLOC_ARENA_MAX=2 $(BIN)/python -m streamlit run streamlit_app.py --server.address $(ADDRESS)

test: .venv/installed-dev
	@tests/get_chromium.sh $(BIN)/python
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m pytest -m "" -n 2 --dist loadfile --no-loadscope-reorder

# Take the README's screenshots from the running app.
screenshots: .venv/installed-dev
	@tests/get_chromium.sh $(BIN)/python
	$(BIN)/python docs/screenshots.py

format: .venv/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf .venv .pytest_cache .ruff_cache

# Pin exact versions with hashes, for every platform and Python version that the ranges allow.
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet

lock: .venv/installed-dev
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --upgrade requirements.txt -o requirements.lock
	$(COMPILE) --upgrade -c requirements.lock requirements-dev.txt -o requirements-dev.lock

.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is required: make PYTHON=python3.12"; exit 1; }
	@echo "1/3  Creating a virtual environment in .venv ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "2/3  Upgrading pip ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@echo "3/3  Installing Streamlit, TensorFlow and other dependencies (once, about 600 MB, 1 to 2 minutes) ..."
	@$(BIN)/python -m pip install --no-compile --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m compileall -q -j 0 -x '/tests?/' .venv/lib || true  # pip compiles on one core, and packages' tests too
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
