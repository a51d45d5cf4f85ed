# make run     run the gateway on simulated modems; optional: make run PORT=9000 PORTS=8
# make fleet   run three boxes on simulated modems and one PostgreSQL: apt-get install postgresql libpq5;
#              optional: make fleet PORT=9000 PORTS=8 BOXES=2
# make test    the checks and the tests: both must pass before a change is merged
# make check   only the checks: format, lint, types, floors; under a minute
# make suite   only the tests
# make catalogues   collect the sentences for people into config/language; then translate the new ones there
# make bench   measure gatewayd and its peers on one simulated bank: half an hour; make bench QUICK=1 takes a few minutes
# make bench-document   write the figures into docs/performance.md and docs/plots
# make long    run the tests that are too long for the suite and for fleet-test: torture, idle ports, start times, lost answers;
#              apt-get install postgresql libpq5
# make browser run the tests in a browser: apt-get install chromium
# make fleet-test   run the tests that need PostgreSQL, in their short form: apt-get install postgresql libpq5
# make pictures  take the pictures of the documents from a simulated box: needs what make browser needs
# make schemathesis   ask the API what its OpenAPI document allows, and more, for a minute: make schemathesis MINUTES=5 SEED=7
# make install, upgrade, uninstall   the service on this box, as root: docs/install.md lists the options
# make wheels  write gatewayd and its dependencies to build/wheels, for a box without a network
# make deb     build a Debian package in build/, for the architecture of this machine: make deb ARCH=arm64, armhf or amd64 for another
# make archive write the committed sources to build/gatewayd-VERSION.tar.gz, for a box without git
# make arm     install the packages for arm64 and armhf under qemu, and send a message there: twenty minutes, as root;
#              apt-get install debootstrap qemu-user-static binfmt-support
# make container   test the installed service in a Debian that systemd-nspawn boots: ten minutes, as root;
#              apt-get install debootstrap systemd-container
# make lock    write the newest allowed version of every package to constraints.txt; needs a network. Then: make test
# make model   check the model of boxes that share one queue (docs/models): three minutes; make model QUICK=1 takes ten seconds;
#              apt-get install spin gcc
# make torture 100 kills, modems cut off, 1000 power cuts; prints a table (options: make torture TORTURE="--seed 7")
# make torture-fleet   three boxes on one PostgreSQL: boxes, network, clocks and PostgreSQL fail at random; prints a table;
#              make torture-fleet QUICK=1, SEED=7, MINUTES=60, or TORTURE="--rounds 20 --in-doubt retry"
# make clean   delete all that make created, the messages of the demo too
#
# PYTHON names the Python to use (3.11 or newer), VENV the folder of its virtual environment.

PORT ?= 8000
PORTS ?= 4
BOXES ?= 3
PYTHON ?=
ARCH ?=
VERSION = $(shell sed -n 's/^version = //p' setup.cfg)
VENV ?= .venv
TORTURE ?=
MINUTES ?= 1
SEED ?=
# Tools run as modules: a script's first line cannot hold a path with a space.
PY = "$(VENV)/bin/python" -m
SETUP = PYTHON="$(PYTHON)" VENV="$(VENV)" tools/setup_venv.sh

.PHONY: run fleet test check suite catalogues browser fleet-test pictures schemathesis bench bench-document long model torture torture-fleet install upgrade uninstall wheels deb archive arm container lock clean

run:
	@$(SETUP) run
	@exec $(PY) gatewayd.cli demo --listen "127.0.0.1:$(PORT)" --ports "$(PORTS)" --state .demo

fleet:
	@$(SETUP) run
	@$(PY) pip --disable-pip-version-check install --quiet --constraint constraints.txt 'psycopg>=3.2,<4'
	@exec $(PY) tools.fleet_demo --port "$(PORT)" --ports "$(PORTS)" --boxes "$(BOXES)" --state .fleet

test: check suite

check:
	@$(SETUP) dev
	$(PY) ruff format --check .
	$(PY) ruff check .
	$(PY) mypy
	"$(VENV)/bin/python" tools/check_floors.py

# Most tests wait, so there are more processes than cores. Each process imports all tests: the first line writes the compiled
# files once, where each process would compile them for itself, and where the environment forbids to write any.
suite: export PYTHONDONTWRITEBYTECODE =
suite:
	@$(SETUP) dev
	@$(PY) pytest --collect-only --quiet --quiet --no-summary >/dev/null || true
	$(PY) pytest -n 8 --dist worksteal

catalogues:
	@$(SETUP) dev
	@"$(VENV)/bin/python" tools/catalogues.py

browser:
	@$(SETUP) dev
	@$(PY) pip --disable-pip-version-check install --quiet --constraint constraints.txt playwright
	@test -d build/axe/node_modules/axe-core || npm install --prefix build/axe --no-audit --no-fund --loglevel=error axe-core@4
	$(PY) pytest -m browser tests/browser

fleet-test:
	@$(SETUP) dev
	$(PY) pytest -m "postgres and not bench" -n 4 --dist worksteal tests/fleet tests/torture/fleet

# Read the pictures over before they are committed.
pictures:
	@$(SETUP) dev
	@$(PY) pip --disable-pip-version-check install --quiet --constraint constraints.txt playwright
	$(PY) tests.pictures

# In a virtual environment of its own: it brings a dozen packages.
schemathesis:
	@$(SETUP) dev
	@test -x build/schemathesis-venv/bin/python || "$(VENV)/bin/python" -m venv build/schemathesis-venv
	@build/schemathesis-venv/bin/python -m pip --disable-pip-version-check install --quiet \
		--constraint constraints.txt schemathesis
	$(PY) tests.fuzz build/schemathesis-venv/bin/schemathesis --minutes "$(MINUTES)" $(if $(SEED),--seed $(SEED))

# Only installed peers are measured; the output names the missing ones: apt-get install gammu-smsd smstools kannel
bench:
	@$(SETUP) dev
	@test -x build/bench-venv/bin/python || "$(VENV)/bin/python" -m venv build/bench-venv
	@build/bench-venv/bin/python -m pip --disable-pip-version-check install --quiet \
		--constraint constraints.txt python-gsmmodem-new
	$(PY) tests.bench $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

bench-document:
	@$(SETUP) dev
	$(PY) tests.bench.document
	$(PY) tests.bench.plots

long:
	@$(SETUP) dev
	$(PY) pytest -m bench --capture=no --timeout=900 tests/bench tests/fleet tests/models tests/torture/fleet

install upgrade uninstall:
	@systemd/install.sh $@

wheels:
	@systemd/install.sh wheels build/wheels

deb:
	@ARCH="$(ARCH)" systemd/build_deb.sh

archive:
	@mkdir -p build
	git archive --prefix "gatewayd-$(VERSION)/" --output "build/gatewayd-$(VERSION).tar.gz" HEAD

arm:
	@$(SETUP) dev
	$(PY) pytest -m bench --capture=no tests/systemd/test_arm.py

container:
	@$(SETUP) dev
	$(PY) pytest -m bench tests/systemd/test_restart_in_container.py tests/systemd/test_package_in_container.py

lock:
	@PYTHON="$(PYTHON)" tools/lock.sh

torture:
	@$(SETUP) dev
	$(PY) tests.torture $(TORTURE)

model:
	@$(SETUP) dev
	@$(PY) tools.check_model $(if $(QUICK),--quick) $(if $(ONLY),--only "$(ONLY)")

torture-fleet:
	@$(SETUP) dev
	$(PY) tests.torture.fleet $(if $(QUICK),--quick) $(if $(SEED),--seed $(SEED)) $(if $(filter-out file,$(origin MINUTES)),--minutes "$(MINUTES)") $(TORTURE)

clean:
	rm -rf .venv .venv-* .demo .fleet build .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find api config gatewayd modem tests tools -name __pycache__ -prune -exec rm -rf {} +
