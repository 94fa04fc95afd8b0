# The two commands a newcomer needs are `make run` and `make test`.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
PYTHON := .venv/bin/python
# A file of tests stays in one process, so that what it starts is started once.
PARALLEL := -n 2 --dist loadfile
ON_POSTGRESQL := $(PYTHON) -m tests.support.with_postgresql $(PYTHON) -m pytest $(PARALLEL)

# Installations and tests start Python many times; compiling each time triples that.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-everywhere soak lint messages environment

run: $(UV)
	@$(UV) sync --quiet --frozen --inexact --all-extras --no-dev
	@exec $(PYTHON) manage.py up $(ARGS)

# Each case on one database and in one language; what a database decides on both.
test: environment
	$(PYTHON) -m pytest $(PARALLEL) $(ARGS)
	$(ON_POSTGRESQL) tests/console/databases tests/asyncconfig/worker tests/asyncconfig/model tests/asyncconfig/test_*.py

# Each case on both databases and in every language, as .ci/run does.
test-everywhere: environment
	EVERY_LANGUAGE=1 $(PYTHON) -m pytest $(PARALLEL) $(ARGS)
	EVERY_LANGUAGE=1 $(ON_POSTGRESQL) tests/asyncconfig tests/console --ignore tests/console/up

# Break everything for a while on each database, and count what was lost.
SOAK_SECONDS := 300
soak: environment
	$(PYTHON) -m tests.soak --database sqlite --seconds $(SOAK_SECONDS)
	$(PYTHON) -m tests.soak --database postgresql --seconds $(SOAK_SECONDS)

lint: environment
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy .
	.venv/bin/lint-imports
	.venv/bin/djlint --lint --quiet templates
	DATA_DIR=$$(mktemp -d) $(PYTHON) manage.py makemigrations --check --dry-run

# Rewrites the Chinese catalogue from the sources; needs gettext.
messages: environment
	DATA_DIR=$$(mktemp -d) $(PYTHON) manage.py makemessages -l zh_Hans --no-location --no-obsolete -i .venv -i var -i tests
	DATA_DIR=$$(mktemp -d) $(PYTHON) manage.py compilemessages -l zh_Hans

environment: $(UV)
	@$(UV) sync --quiet --frozen --inexact --all-extras

.uv/bin/uv:
	@python3 -m venv .uv && .uv/bin/pip install --quiet uv
