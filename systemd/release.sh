# shellcheck shell=sh
# Releases: how one is built from wheels, and how the service goes over to it and, if it does not come up, back. For
# install.sh and the Debian package, which set
#
#   home, etc, state   as /opt/gatewayd, /etc/gatewayd, /var/lib/gatewayd, with DESTDIR before them where there is one
#   python             the Python to build with
#   service VERB       start or stop the service, and fail where it does not; nothing where there is no systemd
#   activate NAME      have the service and the command use the release of that name
#
# Each release has a folder of its own in $home/releases, and `current` is a link to the one that runs: what runs is not
# changed under its feet, and the release before is there to go back to.

: "${home:?}" "${etc:?}" "${state:?}" "${python:?}"
KEPT_BACKUPS=3
SETTLE_S=5 # a daemon that lives so long has opened its store and its ports

say() { printf '%s\n' "$@" >&2; }
fail() {
    say "" "gatewayd: $1"
    shift
    [ $# = 0 ] || say "$@"
    exit 1
}

current() { basename "$(readlink "$home/current" 2>/dev/null || true)"; }
python_tag() { "$python" -c 'import sys; print("py%d.%d" % sys.version_info[:2])'; }

check_python() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 ||
        fail "$python is not Python 3.11 or newer." \
            "On Debian 12, Raspberry Pi OS 12 and newer:  sudo apt install python3 python3-venv" \
            "If it is in an unusual place:                sudo make install PYTHON=/path/to/python3"
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        fail "this Python ($python) lacks its venv module." \
            "On Debian and Raspberry Pi OS:  sudo apt install python3-venv"
}

make_user() {
    getent group gatewayd >/dev/null || groupadd --system gatewayd
    getent passwd gatewayd >/dev/null ||
        useradd --system --gid gatewayd --home-dir "$state" --no-create-home --shell /usr/sbin/nologin \
            --comment "gatewayd SMS gateway" gatewayd
    ! getent group dialout >/dev/null || usermod --append --groups dialout gatewayd
}

# The daemon's user reads the configuration, which may hold PINs, and nobody else does; it owns what it keeps.
own() {
    chown root:gatewayd "$etc" "$etc/gatewayd.toml"
    chmod 750 "$etc"
    chmod 640 "$etc/gatewayd.toml"
    chown -R gatewayd:gatewayd "$state"
    chmod 750 "$state"
}

as_gatewayd() { setpriv --reuid=gatewayd --regid=gatewayd --init-groups --no-new-privs -- "$@"; }

# Whether a release is there, whole, and its Python still is as well.
usable() { [ -f "$home/releases/$1/.complete" ] && "$home/releases/$1/bin/python" -I -m gatewayd.cli --version >/dev/null 2>&1; }

# build_release NAME WHEELS
build_release() {
    if usable "$1"; then return; fi
    release=$home/releases/$1
    say "Building gatewayd $1"
    rm -rf "$release"
    mkdir -p "$home/releases"
    if ! "$python" -m venv "$release" ||
        ! "$release/bin/python" -m pip --disable-pip-version-check --no-cache-dir install --quiet --no-index \
            --find-links "$2" gatewayd; then
        rm -rf "$release"
        fail "gatewayd cannot be installed from the wheels in $2; the message is above." \
            "They must be for $(uname -m) and $("$python" --version)."
    fi
    touch "$release/.complete"
}

# All but the current release and the one it came from.
drop_old_releases() {
    for release in "$home"/releases/*; do
        case ${release##*/} in "$1" | "$2") ;; *) rm -rf "$release" ;; esac
    done
}

# gatewayd_of RELEASE ARGUMENT...: the command `gatewayd` of a release, as the daemon's user.
gatewayd_of() {
    release_python=$home/releases/$1/bin/python
    shift
    as_gatewayd "$release_python" -I -m gatewayd.cli --config "$etc/gatewayd.toml" "$@"
}

# back_up RELEASE OLD: copy the database as OLD left it, with the service stopped. Prints the path of the copy, or nothing if
# there is no database yet.
back_up() { gatewayd_of "$1" installer copy-database "$state/backups" "$2" "$KEPT_BACKUPS"; }

# put_back RELEASE COPY: restore the database from the copy; the present files are kept beside it.
put_back() { gatewayd_of "$1" installer restore-database "$2"; }

# answers RELEASE: the daemon answers on its control socket.
answers() { gatewayd_of "$1" installer check-daemon; }

# lasts RELEASE: the service that was started still runs after a while, and answers.
lasts() {
    sleep "$SETTLE_S"
    systemctl --quiet is-active gatewayd && [ "$(systemctl show --property NRestarts --value gatewayd)" = 0 ] && answers "$1"
}

# switch_to NAME: to that release, with a backup of the database; if it does not come up, back to the one before.
switch_to() {
    old=$(current)
    if ! service possible; then
        activate "$1"
        return
    fi
    if [ "$old" = "$1" ]; then
        activate "$1"
        if service start && answers "$1"; then return; fi
        fail "the service does not come up." "See why:  sudo journalctl --unit gatewayd --lines 50"
    fi
    if [ -z "$old" ]; then
        activate "$1"
        { service start && lasts "$1"; } || fail "the service does not come up." "See why:  sudo journalctl --unit gatewayd --lines 50"
        return
    fi
    service stop
    if ! copy=$(back_up "$1" "$old"); then
        service start || true
        fail "the database could not be backed up; the message is above. Nothing was changed, $old goes on."
    fi
    activate "$1"
    if service start && lasts "$1"; then
        say "gatewayd $1 runs.${copy:+ The database as it was before: $copy}"
        return
    fi
    usable "$old" || fail "the service does not come up, and there is nothing to go back to." \
        "See why:  sudo journalctl --unit gatewayd --lines 100"
    say "gatewayd $1 does not come up; back to $old."
    service stop
    activate "$old"
    if ! service start && [ -n "$copy" ]; then
        # It does not know what the new one made of the database. Since the copy was made nothing was taken that counts: for
        # at most SETTLE_S seconds the new one may have listened.
        service stop
        put_back "$1" "$copy" # by the new release: an older one may not have this command
        service start || fail "$old does not come up either." "See why:  sudo journalctl --unit gatewayd --lines 100"
        say "The database is the one from before, too; what $1 made of it ends in .failed."
    fi
    rm -rf "$home/releases/$1"
    fail "$1 did not come up; $old runs again." "See why:  sudo journalctl --unit gatewayd --lines 100"
}
