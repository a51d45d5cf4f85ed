#!/bin/sh
# Create or update the virtual environment. If nothing has changed, this takes no time and no network.
#
#   tools/setup_venv.sh run|dev        from the project's folder
#
# PYTHON  the Python to use; default: the first of python3, python3.13, python3.12, python3.11 that is 3.11 or newer
# VENV    the folder; default: .venv
#
# A complete installation has a stamp with the checksum of its sources. A folder without a stamp is the rest of an interrupted
# set-up and is created again.
set -eu

wanted=$1
venv=${VENV:-.venv}
log=$venv/setup.log

say() { printf '%s\n' "$@" >&2; }
fail() { say "" "gatewayd cannot be set up: $1"; shift; say "$@"; exit 1; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" || fail "PYTHON=$PYTHON does not run, or is older than Python 3.11."
        return
    fi
    # Run it, do not only look it up: a pyenv shim may stand for a version that is not selected.
    for PYTHON in python3 python3.13 python3.12 python3.11; do
        if new_enough "$PYTHON"; then return; fi
    done
    fail "there is no Python 3.11 or newer here." \
        "On Debian 12, Raspberry Pi OS 12 and newer:  sudo apt install python3 python3-venv" \
        "If it is in an unusual place:                make run PYTHON=/path/to/python3"
}

# The sources of an installation; a change here makes a new one.
checksum() { cat setup.cfg pyproject.toml constraints.txt | cksum; }
up_to_date() { [ -f "$venv/.installed-$1" ] && [ "$(cat "$venv/.installed-$1")" = "$(checksum)" ]; }

make_venv() {
    "$PYTHON" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        fail "this Python ($PYTHON) lacks its venv module." \
            "On Debian and Raspberry Pi OS:  sudo apt install python$(version "$PYTHON")-venv"
    rm -rf "$venv"
    say "Setting up $venv with $("$PYTHON" --version) (once; takes a minute)"
    "$PYTHON" -m venv "$venv" || fail "$PYTHON -m venv $venv did not work; its message is above."
}

explain_pip() {
    cat "$log" >&2
    if grep -Eq 'NewConnectionError|ConnectTimeout|ConnectionError|name resolution|from versions: none|ProxyError' "$log"
    then
        fail "the packages could not be fetched." \
            "The first set-up needs a network (or a package index of yours, named with PIP_INDEX_URL); later ones do not."
    elif ! command -v cc >/dev/null 2>&1 && ! command -v gcc >/dev/null 2>&1; then
        fail "a package has no ready-made build for this machine, and there is no compiler to make one." \
            "On Debian and Raspberry Pi OS:  sudo apt install build-essential python3-dev"
    else
        fail "pip did not work; its message is above." \
            "If a package failed to compile:  sudo apt install build-essential python3-dev"
    fi
}

set_aside() { for kind in run dev; do [ ! -f "$venv/.$1-$kind" ] || mv "$venv/.$1-$kind" "$venv/.$2-$kind"; done; }

# The exact versions of constraints.txt, also for the build tools.
export PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt

install() {
    set_aside installed was
    case $wanted in dev) what='.[dev]' ;; *) what='.' ;; esac
    if ! "$venv/bin/python" -m pip --disable-pip-version-check install --quiet --editable "$what" >"$log" 2>&1; then
        # pip changes nothing before it has all packages: the old installation is still complete.
        set_aside was installed
        explain_pip
    fi
    rm -f "$venv"/.was-*
    # The stamp is written last, for a complete installation only. A `dev` installation can also run.
    checksum >"$venv/.installed-run"
    case $wanted in dev) checksum >"$venv/.installed-dev" ;; esac
}

usable() {
    [ -f "$venv/.installed-run" ] && new_enough "$venv/bin/python" || return 1
    [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version "$venv/bin/python")" ]
}

if usable; then
    if up_to_date "$wanted"; then exit 0; fi
    say "Bringing $venv up to date"
else
    find_python
    make_venv
fi
install
