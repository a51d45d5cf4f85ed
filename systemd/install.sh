#!/bin/sh
# Install, upgrade or uninstall gatewayd as a service; run it as root, in the project's folder.
#
#   systemd/install.sh install|upgrade [--lan yes|no]
#   systemd/install.sh uninstall
#   systemd/install.sh wheels FOLDER      write gatewayd and its dependencies as wheels, for a box without a network
#
# LAN, LISTEN, PLAN   the answers for a new configuration, see release.sh; --lan sets LAN
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
    system_share=$DESTDIR$prefix/share
else
    opt=/opt/gatewayd config_dir=/etc/gatewayd state_dir=/var/lib/gatewayd
    bin=$DESTDIR/usr/local/bin unit_dir=$DESTDIR/etc/systemd/system rules_dir=$DESTDIR/etc/udev/rules.d
    system_share=$DESTDIR/usr/local/share
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

# A removed package leaves a mask in the place of the unit, and notes of deb-systemd-helper, by which a package that is installed
# later would take the service for one that the operator disabled.
forget_removed_package() {
    [ ! -L "$unit_dir/gatewayd.service" ] || rm -f "$unit_dir/gatewayd.service"
    rm -f /var/lib/systemd/deb-systemd-helper-*/gatewayd.service.dsh-also /var/lib/systemd/deb-systemd-helper-*/gatewayd.service \
        /var/lib/systemd/deb-systemd-helper-*/*.wants/gatewayd.service
}

activate() {
    share=$home/releases/$1/share
    mkdir -p "$unit_dir" "$rules_dir" "$bin"
    [ -n "$staged" ] || forget_removed_package
    install -m 644 "$share/gatewayd.service" "$unit_dir/gatewayd.service"
    install -m 644 "$share/70-gatewayd.rules" "$rules_dir/70-gatewayd.rules"
    install -m 755 "$share/gatewayd.sh" "$bin/gatewayd"
    for file in $SHELL_FILES; do
        # A release from before these files has none; then those of the release that it replaces go.
        if [ -f "$share/shell/$file" ]; then
            install -D -m 644 "$share/shell/$file" "$system_share/$file"
        else
            rm -f "$system_share/$file"
        fi
    done
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
    sum=$(find systemd docs tools/man_page.py setup.cfg pyproject.toml constraints.txt api config gatewayd modem -type f ! -name '*.pyc' ! -path '*.egg-info/*' \
        -exec cksum {} + | LC_ALL=C sort | cksum | cut -d ' ' -f 1)
    echo "$(sed -n 's/^version = //p' setup.cfg)-$sum-$(python_tag)"
}

make_wheels() {
    mkdir -p "$1"
    build=$(mktemp -d)
    # Build in a copy: pip writes files into the source folder, here possibly as root.
    mkdir "$build/src"
    cp -R setup.cfg pyproject.toml README.md LICENSE api config gatewayd modem "$build/src/"
    : >"$build/log"
    if ! "$python" -m venv "$build/venv" ||
        ! PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt "$build/venv/bin/python" -m pip \
            --disable-pip-version-check wheel --quiet --prefer-binary --wheel-dir "$1" "$build/src[fleet]" >"$build/log" 2>&1; then
        if unreachable "$build/log"; then
            set -- "the Python packages could not be fetched: this box reaches no package index."
        else
            cat "$build/log" >&2
            set -- "the Python packages could not be fetched or built; the message is above."
        fi
        rm -rf "$build"
        fail "$1" "Without a network: on a box of the same kind  make wheels , and here  sudo make install WHEELS=/path/to/wheels" \
            "or on any machine  make deb ARCH=$(dpkg --print-architecture 2>/dev/null || uname -m) , and here  sudo apt install ./gatewayd_….deb"
    fi
    rm -rf "$build"
}

build() {
    if usable "$1"; then return; fi
    if [ -n "${WHEELS:-}" ]; then
        build_release "$1" "$WHEELS"
    else
        wheels=$(mktemp -d)
        tell "Fetching the packages for gatewayd $1; this takes a minute or two" \
            "Téléchargement des paquets de gatewayd $1 ; cela prend une à deux minutes"
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
    "$here/shell_files.sh" "$home/releases/$1/bin/python" "$share/shell"
}

put_in_place() {
    name=$(release_name)
    old=$(current)
    build "$name"
    [ -n "$staged" ] || make_user
    configure "$name" "$home/releases/$name/share/starter.toml"
    [ -n "$staged" ] || own
    switch_to "$name"
    drop_old_releases "$name" "$old"
    if [ -n "$staged" ]; then
        say "gatewayd $name is in $staged."
    elif service possible; then
        show_code=1
        closing_words "$name" "$old" "$opt/current/share/CHANGELOG.md"
    else
        say "gatewayd $name is installed; there is no systemd here to start it." \
            "By hand:  setpriv --reuid=gatewayd --regid=gatewayd --init-groups gatewayd run"
    fi
}

uninstall() {
    if service possible; then
        systemctl --quiet disable --now gatewayd 2>/dev/null || true
    fi
    remove_files "$unit_dir" "$rules_dir" "$bin" "$system_share"
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

if [ "${2:-}" = --lan ]; then LAN=${3:-}; fi

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
    *) fail "$0 install|upgrade [--lan yes|no], uninstall, or wheels FOLDER" ;;
esac
