# Everything sets itself up: `make run` and `make test` work from a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
# Who may connect: this machine alone; 0.0.0.0 for everybody who reaches it.
ADDRESS ?= localhost

.PHONY: run test format lock screenshots clean

# Two malloc arenas for all threads: glibc makes more, and each keeps memory that was freed.
run: .venv/installed
	MALLOC_ARENA_MAX=2 $(BIN)/python -m streamlit run streamlit_app.py --server.address $(ADDRESS)

test: .venv/installed-dev
	@tests/get_chromium.sh $(BIN)/python
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m pytest -m "" -n 2 --dist loadfile

# The pictures in README, from the running app.
screenshots: .venv/installed-dev
	@tests/get_chromium.sh $(BIN)/python
	$(BIN)/python docs/screenshots.py

format: .venv/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf .venv .pytest_cache .ruff_cache

# Exact versions with their hashes, for every platform and Python that the ranges allow.
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet

lock: .venv/installed-dev
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --upgrade requirements.txt -o requirements.lock
	$(COMPILE) --upgrade -c requirements.lock requirements-dev.txt -o requirements-dev.lock

.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12"; exit 1; }
	@echo "1/3  Making a Python environment in .venv ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "2/3  Bringing pip up to date ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@echo "3/3  Installing Streamlit, TensorFlow and the rest: once, about 600 MB, a minute or two ..."
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
