#!/bin/sh
# Install, upgrade or uninstall gatewayd as a service; run it as root, in the project's folder.
#
#   systemd/install.sh install|upgrade|uninstall
#   systemd/install.sh wheels FOLDER      write gatewayd and its dependencies as wheels, for a box without a network
#
# LISTEN   HOST:PORT of the API, or several with commas, for a new configuration; without it the script asks on a terminal, and
#          otherwise uses 127.0.0.1:8000
# PLAN     the numbering plan of the country (numbers.plan), likewise; otherwise guide
# WHEELS   a folder made by `wheels`: no network is used then
# PYTHON   the Python to use; default: /usr/bin/python3
# PURGE=1  uninstall also configuration, messages and user
# DESTDIR  put the files below this folder, for an image; and
# prefix   put everything below this folder, to run without a service. With either, no user is made and nothing is
#          started or stopped.
set -eu
umask 022

DESTDIR=${DESTDIR:-}
if [ -n "${prefix:-}" ]; then
    opt=$prefix/lib/gatewayd config_dir=$prefix/etc/gatewayd state_dir=$prefix/var/lib/gatewayd
    bin=$DESTDIR$prefix/bin unit_dir=$DESTDIR$prefix/lib/systemd/system rules_dir=$DESTDIR$prefix/lib/udev/rules.d
else
    opt=/opt/gatewayd config_dir=/etc/gatewayd state_dir=/var/lib/gatewayd
    bin=$DESTDIR/usr/local/bin unit_dir=$DESTDIR/etc/systemd/system rules_dir=$DESTDIR/etc/udev/rules.d
fi
home=$DESTDIR$opt etc=$DESTDIR$config_dir state=$DESTDIR$state_dir
staged=$DESTDIR${prefix:-}
python=${PYTHON:-/usr/bin/python3}
here=$(dirname "$0")
FILES="gatewayd.service 70-gatewayd.rules gatewayd.sh"

# shellcheck source=systemd/release.sh
. "$here/release.sh"

service() {
    case $1 in
        possible) [ -z "$staged" ] && [ -d /run/systemd/system ] ;;
        start) systemctl start gatewayd ;;
        stop) systemctl stop gatewayd ;;
    esac
}

activate() {
    share=$home/releases/$1/share
    mkdir -p "$unit_dir" "$rules_dir" "$bin"
    rm -f "$unit_dir/gatewayd.service" # a removed package leaves a mask here
    install -m 644 "$share/gatewayd.service" "$unit_dir/gatewayd.service"
    install -m 644 "$share/70-gatewayd.rules" "$rules_dir/70-gatewayd.rules"
    install -m 755 "$share/gatewayd.sh" "$bin/gatewayd"
    ln -sfn "releases/$1" "$home/next"
    mv -T "$home/next" "$home/current"
    if service possible; then
        systemctl daemon-reload
        systemctl --quiet enable gatewayd
        if command -v udevadm >/dev/null; then
            udevadm control --reload 2>/dev/null || true # no udev in a container
            udevadm trigger --subsystem-match=tty 2>/dev/null || true
        fi
    fi
}

check_root() {
    [ -n "$staged" ] || [ "$(id -u)" = 0 ] || fail "this must be run as root:  sudo make $1"
}

check_no_package() {
    [ -z "$staged" ] || return 0
    # shellcheck disable=SC2016 # dpkg's own variable
    case $(dpkg-query -W -f '${db:Status-Status}' gatewayd 2>/dev/null) in
        installed | half-configured | unpacked)
            fail "gatewayd is installed as a Debian package: upgrade that, or first  sudo apt remove gatewayd" \
                "Configuration and messages stay."
            ;;
    esac
}

# The version, a checksum of the sources, and the Python: equal sources give the same release.
release_name() {
    sum=$(find systemd docs setup.cfg pyproject.toml constraints.txt api config gatewayd modem -type f ! -name '*.pyc' ! -path '*.egg-info/*' \
        -exec cksum {} + | LC_ALL=C sort | cksum | cut -d ' ' -f 1)
    echo "$(sed -n 's/^version = //p' setup.cfg)-$sum-$(python_tag)"
}

make_wheels() {
    mkdir -p "$1"
    build=$(mktemp -d)
    # Build in a copy: pip writes files into the source folder, here possibly as root.
    mkdir "$build/src"
    cp -R setup.cfg pyproject.toml README.md LICENSE api config gatewayd modem "$build/src/"
    if ! "$python" -m venv "$build/venv" ||
        ! PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt "$build/venv/bin/python" -m pip \
            --disable-pip-version-check wheel --quiet --prefer-binary --wheel-dir "$1" "$build/src"; then
        rm -rf "$build"
        fail "the packages could not be fetched or built; the message is above." \
            "Without a network: on a box of the same kind  make wheels , and here  sudo make install WHEELS=/path/to/wheels"
    fi
    rm -rf "$build"
}

build() {
    if usable "$1"; then return; fi
    if [ -n "${WHEELS:-}" ]; then
        build_release "$1" "$WHEELS"
    else
        wheels=$(mktemp -d)
        say "Fetching the packages for gatewayd $1"
        make_wheels "$wheels"
        build_release "$1" "$wheels"
        rm -rf "$wheels"
    fi
    share=$home/releases/$1/share
    mkdir -p "$share"
    for file in $FILES gatewayd.toml; do
        sed -e "s|/opt/gatewayd|$opt|g" -e "s|/etc/gatewayd|$config_dir|g" -e "s|/var/lib/gatewayd|$state_dir|g" \
            "$here/$file" >"$share/$file"
    done
    mv "$share/gatewayd.toml" "$share/starter.toml"
    "$here/copy_docs.sh" "$share"
}

# Write the configuration, if there is none yet.
configure() {
    mkdir -p "$etc" "$state"
    if [ -e "$etc/gatewayd.toml" ]; then
        [ -z "${LISTEN:-}" ] || say "LISTEN changes nothing: $etc/gatewayd.toml exists already and is not changed."
        [ -z "${PLAN:-}" ] || say "PLAN changes nothing: $etc/gatewayd.toml exists already and is not changed."
        return
    fi
    listen=${LISTEN:-}
    if [ -z "$listen" ] && [ -t 0 ]; then
        say "At which addresses should the API listen? 127.0.0.1:8000 is this box alone, *:8000 the whole network (IPv4 and IPv6)," \
            "127.0.0.1:8000,192.168.1.5:8000 this box and one of its networks."
        printf 'Listen on [127.0.0.1:8000]: ' >&2
        read -r listen || true
    fi
    listen=${listen:-127.0.0.1:8000}
    case $listen in *[!]0-9A-Za-z.:_%*,[-]*) fail "LISTEN must be HOST:PORT, as *:8000" ;; esac
    case $listen in
        *,*) value="[\"$(printf %s "$listen" | sed 's/,/", "/g')\"]" ;;
        *) value="\"$listen\"" ;;
    esac
    plan=${PLAN:-}
    if [ -z "$plan" ] && [ -t 0 ]; then
        say "In which country are your numbers?" "$(sed -n 's/^\[\([a-z_]*\)\]$/\1/p' config/plans.toml | tr '\n' ' ')" \
            "guide is Mali by the rule of the first API: without 5x, 8x and 9x, and without spaces."
        printf 'Numbering plan [guide]: ' >&2
        read -r plan || true
    fi
    plan=${plan:-guide}
    case $plan in *[]\"\\\|\&[]*) fail "PLAN must be a plan of config/plans.toml, as mali" ;; esac
    umask 077
    sed -e "s|^listen = .*|listen = $value|" -e "s|^plan = .*|plan = \"$plan\"|" "$home/releases/$1/share/starter.toml" >"$etc/gatewayd.toml.new"
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

put_in_place() {
    name=$(release_name)
    old=$(current)
    build "$name"
    [ -n "$staged" ] || make_user
    configure "$name"
    [ -n "$staged" ] || own
    switch_to "$name"
    drop_old_releases "$name" "$old"
    if [ -n "$staged" ]; then
        say "gatewayd $name is in $staged."
    elif service possible; then
        say "gatewayd $name is installed and runs:  systemctl status gatewayd" \
            "Next:  sudo gatewayd ports , and copy its output into $etc/gatewayd.toml"
    else
        say "gatewayd $name is installed; there is no systemd here to start it." \
            "By hand:  setpriv --reuid=gatewayd --regid=gatewayd --init-groups gatewayd run"
    fi
}

uninstall() {
    if service possible; then
        systemctl --quiet disable --now gatewayd 2>/dev/null || true
    fi
    rm -f "$unit_dir/gatewayd.service" "$rules_dir/70-gatewayd.rules" "$bin/gatewayd"
    rm -rf "$home"
    if service possible; then
        systemctl daemon-reload
        systemctl reset-failed gatewayd 2>/dev/null || true
    fi
    if [ "${PURGE:-}" != 1 ]; then
        say "gatewayd is gone; $etc and $state stay. With PURGE=1 they go too."
        return
    fi
    rm -rf "$etc" "$state"
    if [ -z "$staged" ]; then
        ! getent passwd gatewayd >/dev/null || userdel gatewayd
        ! getent group gatewayd >/dev/null || groupdel gatewayd
    fi
    say "gatewayd is gone, with its configuration and messages."
}

case ${1:-} in
    install)
        check_root install
        check_no_package
        check_python
        put_in_place
        ;;
    upgrade)
        check_root upgrade
        check_no_package
        [ -n "$(current)" ] || fail "there is nothing to upgrade:  sudo make install"
        check_python
        put_in_place
        ;;
    uninstall)
        check_root uninstall
        check_no_package
        uninstall
        ;;
    wheels)
        check_python
        make_wheels "${2:?where to?}"
        ;;
    *) fail "$0 install|upgrade|uninstall|wheels FOLDER" ;;
esac
