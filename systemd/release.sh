# shellcheck shell=sh
# Build a release from wheels, switch the service to it, and switch back if it does not start. Used by install.sh and by the
# Debian package, which set
#
#   home, etc, state   /opt/gatewayd, /etc/gatewayd, /var/lib/gatewayd, with DESTDIR before them if it is set
#   python             the Python to build with
#   service VERB       start or stop the service, and fail if that fails; do nothing without systemd
#   activate NAME      make the service and the command use the release of that name
#
# Each release has its own folder in $home/releases, and `current` is a link to the running one: a running release is never
# changed, and the previous release is still there to switch back to.

: "${home:?}" "${etc:?}" "${state:?}" "${python:?}"
KEPT_BACKUPS=3
SETTLE_S=5 # a daemon that runs so long has opened its store and its ports

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

# Only root and the user of the daemon may read the configuration, which may contain PINs. The user owns the state folder.
own() {
    chown root:gatewayd "$etc" "$etc/gatewayd.toml"
    chmod 750 "$etc"
    chmod 640 "$etc/gatewayd.toml"
    chown -R gatewayd:gatewayd "$state"
    chmod 750 "$state"
}

as_gatewayd() { setpriv --reuid=gatewayd --regid=gatewayd --init-groups --no-new-privs -- "$@"; }

# usable NAME: the release is complete and its Python still works.
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

# drop_old_releases CURRENT PREVIOUS: delete all others.
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

# lasts RELEASE: the started service still runs after SETTLE_S seconds, and answers.
lasts() {
    sleep "$SETTLE_S"
    systemctl --quiet is-active gatewayd && [ "$(systemctl show --property NRestarts --value gatewayd)" = 0 ] && answers "$1"
}

# switch_to NAME: switch to that release, with a backup of the database; if it does not start, switch back.
switch_to() {
    old=$(current)
    if ! service possible; then
        activate "$1"
        return
    fi
    if [ "$old" = "$1" ]; then
        activate "$1"
        if service start && answers "$1"; then return; fi
        fail "the service does not start." "See why:  sudo journalctl --unit gatewayd --lines 50"
    fi
    if [ -z "$old" ]; then
        activate "$1"
        { service start && lasts "$1"; } || fail "the service does not start." "See why:  sudo journalctl --unit gatewayd --lines 50"
        return
    fi
    service stop
    if ! copy=$(back_up "$1" "$old"); then
        service start || true
        fail "the database could not be backed up; the message is above. Nothing was changed, $old keeps running."
    fi
    activate "$1"
    if service start && lasts "$1"; then
        say "gatewayd $1 runs.${copy:+ The database as it was before: $copy}"
        return
    fi
    usable "$old" || fail "the service does not start, and there is no release to switch back to." \
        "See why:  sudo journalctl --unit gatewayd --lines 100"
    say "gatewayd $1 does not start; switching back to $old."
    service stop
    activate "$old"
    if ! service start && [ -n "$copy" ]; then
        # The old release cannot read the database that the new one migrated. Since the copy was made, the new release listened for
        # at most SETTLE_S seconds, so almost no message is lost.
        service stop
        put_back "$1" "$copy" # by the new release: an older one may not have this command
        service start || fail "$old does not start either." "See why:  sudo journalctl --unit gatewayd --lines 100"
        say "The database was restored, too; the one of $1 ends in .failed."
    fi
    rm -rf "$home/releases/$1"
    fail "$1 did not start; $old runs again." "See why:  sudo journalctl --unit gatewayd --lines 100"
}
