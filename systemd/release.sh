# shellcheck shell=sh
# Build a release from wheels, switch the service to it, and switch back if it does not start. Used by install.sh and by the
# Debian package, which set
#
#   home, etc, state   /opt/gatewayd, /etc/gatewayd, /var/lib/gatewayd, with DESTDIR before them if it is set
#   python             the Python to build with
#   service VERB       start or stop the service, and fail if that fails; do nothing without systemd
#   activate NAME      make the service and the command use the release of that name
#
# and which both tell the operator
#
#   LAN      yes or no: whether the local network may reach the box, for a new configuration. Without it the question is asked on a
#            terminal, and otherwise the answer is no
#   LISTEN   HOST:PORT of the API, or several with commas, in the place of LAN
#   PLAN     the numbering plan of the country (numbers.plan), likewise; otherwise guide
#
# Each release has its own folder in $home/releases, and `current` is a link to the running one: a running release is never
# changed, and the previous release is still there to switch back to.

: "${home:?}" "${etc:?}" "${state:?}" "${python:?}"
KEPT_BACKUPS=3
SHELL_FILES="man/man1/gatewayd.1 man/man5/gatewayd.toml.5 bash-completion/completions/gatewayd zsh/site-functions/_gatewayd
fish/vendor_completions.d/gatewayd.fish"
SETTLE_S=5 # a daemon that runs so long has opened its store and its ports
ANSWER_S=300 # a terminal without a person must not stop an installation for good

say() { printf '%s\n' "$@" >&2; }
# tell ENGLISH FRENCH: in the language of the operator
tell() { case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in fr*) say "$2" ;; *) say "$1" ;; esac; }
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

# unreachable LOG: pip failed because it reached no package index.
unreachable() { grep -Eq 'NewConnectionError|ConnectTimeout|ReadTimeout|ConnectionError|ProxyError|name resolution' "$1"; }

# build_release NAME WHEELS
build_release() {
    if usable "$1"; then return; fi
    release=$home/releases/$1
    tell "Building gatewayd $1; this takes a minute" "Préparation de gatewayd $1 ; cela prend une minute"
    rm -rf "$release"
    mkdir -p "$home/releases"
    pip_log=$(mktemp)
    # psycopg is small and pure: with its wheel there, the box can join a fleet later without a network.
    wanted=gatewayd
    for wheel in "$2"/psycopg-*.whl; do if [ -f "$wheel" ]; then wanted='gatewayd[fleet]'; fi; done
    if ! "$python" -m venv "$release" ||
        ! "$release/bin/python" -m pip --disable-pip-version-check --no-cache-dir install --quiet --no-index \
            --find-links "$2" "$wanted" >"$pip_log" 2>&1; then
        rm -rf "$release"
        # Wheels of another kind of machine are the usual cause: then pip lists what it ignored, which helps nobody.
        grep -Eq 'No matching distribution|Could not find a version' "$pip_log" || cat "$pip_log" >&2
        rm -f "$pip_log"
        fail "gatewayd cannot be installed from the wheels in $2." \
            "They must be for $(uname -m) and $("$python" --version)."
    fi
    rm -f "$pip_log"
    touch "$release/.complete"
}

can_ask() { [ -t 0 ] && [ "${DEBIAN_FRONTEND:-}" != noninteractive ]; }

# The line that the operator types; nothing at the end of the input or after ANSWER_S seconds.
typed_line() { timeout --foreground "$ANSWER_S" head -n 1 || true; }

# Print yes or no.
ask_lan() {
    while :; do
        tell "May other computers of the local network reach this box (its web page and its API)? [y/N]" \
            "Les autres ordinateurs du réseau local peuvent-ils joindre ce boîtier (sa page web et son API) ? [o/N]"
        case $(typed_line) in
            "" | [Nn] | [Nn][Oo] | [Nn][Oo][Nn]) echo no && return ;;
            [Yy] | [Yy][Ee][Ss] | [Oo] | [Oo][Uu][Ii]) echo yes && return ;;
        esac
    done
}

# ask_plan RELEASE: print the typed plan.
ask_plan() {
    tell "In which country are your numbers? You can also choose it later, in the browser." \
        "Dans quel pays sont vos numéros ? Vous pouvez aussi le choisir plus tard, dans le navigateur."
    "$home/releases/$1/bin/python" -I -m gatewayd.cli installer list-plans >&2
    tell "guide is Mali by the rule of the first API: without 5x, 8x and 9x, and without spaces." \
        "guide est le Mali selon la règle de la première API : sans 5x, 8x et 9x, et sans espaces."
    tell "Numbering plan [guide]:" "Plan de numérotation [guide] :"
    typed_line
}

# toml_addresses LISTEN: the value of api.listen.
toml_addresses() {
    case $1 in
        *,*) printf '["%s"]' "$(printf %s "$1" | sed 's/,/", "/g')" ;;
        *) printf '"%s"' "$1" ;;
    esac
}

# configure RELEASE STARTER: write the configuration from the starter, if there is none yet.
configure() {
    mkdir -p "$etc" "$state"
    if [ -e "$etc/gatewayd.toml" ]; then
        for given in ${LAN:+LAN} ${LISTEN:+LISTEN} ${PLAN:+PLAN}; do
            say "$given changes nothing: $etc/gatewayd.toml exists already and is not changed."
        done
        return
    fi
    [ -z "${LAN:-}" ] || [ -z "${LISTEN:-}" ] || fail "LAN and LISTEN exclude each other: LISTEN says the same more exactly."
    listen=${LISTEN:-} lan=${LAN:-} plan=${PLAN:-}
    if [ -z "$listen$lan" ] && can_ask; then lan=$(ask_lan); fi
    case $lan in
        yes) listen='*:8000' ;;
        no | "") listen=${listen:-127.0.0.1:8000} ;;
        *) fail "LAN must be yes or no." ;;
    esac
    case $listen in *[!]0-9A-Za-z.:_%*,[-]*) fail "LISTEN must be HOST:PORT, as *:8000" ;; esac
    if [ -z "$plan" ] && can_ask; then plan=$(ask_plan "$1"); fi
    plan=${plan:-guide}
    case $plan in *[]\"\\\|\&[]*) fail "PLAN must be a plan of config/plans.toml, as mali" ;; esac
    umask 077
    sed -e "s|^listen = .*|listen = $(toml_addresses "$listen")|" -e "s|^plan = .*|plan = \"$plan\"|" "$2" >"$etc/gatewayd.toml.new"
    umask 022
    if ! "$home/releases/$1/bin/python" -I -m gatewayd.cli --config "$etc/gatewayd.toml.new" installer check-configuration 2>"$etc/fault"
    then
        tail -n 1 "$etc/fault" >&2
        wrong=$(cat "$etc/fault")
        rm -f "$etc/gatewayd.toml.new" "$etc/fault"
        case $wrong in *"[numbers] plan"*) fail "PLAN=$plan is not a plan of config/plans.toml" ;; esac
        fail "LISTEN=$listen cannot be used: HOST:PORT, as *:8000"
    fi
    rm -f "$etc/fault"
    chmod 640 "$etc/gatewayd.toml.new"
    mv "$etc/gatewayd.toml.new" "$etc/gatewayd.toml"
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
        [ -z "$copy" ] || tell "The database as it was before: $copy" "La base de données telle qu'elle était avant : $copy"
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

# Whether this box was installed by `make install`. The link of a masked unit is none of its files.
made_by_make() { [ -f /etc/systemd/system/gatewayd.service ] && [ ! -L /etc/systemd/system/gatewayd.service ]; }

# remove_files UNIT_DIR RULES_DIR BIN SHARE: the files of `make install` outside of /opt/gatewayd.
remove_files() {
    rm -f "$1/gatewayd.service" "$2/70-gatewayd.rules" "$3/gatewayd"
    for file in $SHELL_FILES; do rm -f "$4/$file"; done
}

# closing_words RELEASE OLD DOCUMENTS: the service runs; OLD is the release before, or empty at a first installation.
closing_words() {
    if [ "$2" = "$1" ]; then
        tell "gatewayd $1 was up to date, and runs." "gatewayd $1 était à jour et fonctionne."
    elif [ -n "$2" ]; then
        tell "gatewayd $1 runs in the place of $2. What changed: $3" "gatewayd $1 fonctionne à la place de $2. Les changements : $3"
    else
        tell "gatewayd $1 is installed and runs." "gatewayd $1 est installé et fonctionne."
        first_steps "$1"
    fi
}

# first_steps RELEASE: where the operator goes on.
first_steps() {
    address=$(gatewayd_of "$1" installer dashboard-address)
    tell "Go on in a browser:        $address" "Continuez dans un navigateur :  $address"
    case $address in
        http://127.* | http://localhost:* | "http://[::1]:"*)
            any="*:${address##*:}"
            tell "Only this box reaches it.  For the local network: listen = \"${any%/}\" in $etc/gatewayd.toml, then  sudo systemctl restart gatewayd" \
                "Seul ce boîtier peut la joindre. Pour le réseau local : listen = \"${any%/}\" dans $etc/gatewayd.toml, puis  sudo systemctl restart gatewayd"
            ;;
    esac
    # apt keeps what a package prints in /var/log/apt/term.log, and the code belongs in no log.
    if [ -n "${show_code:-}" ] && code=$(gatewayd_of "$1" dashboard-token 2>/dev/null) && [ -n "$code" ]; then
        tell "The code that it asks for: $code" "Le code qu'elle demande :        $code"
    else
        tell "For the code that it asks: sudo gatewayd dashboard-token" "Pour le code qu'elle demande :   sudo gatewayd dashboard-token"
    fi
}
