#!/bin/sh
# Build the Debian package build/gatewayd_VERSION_ARCHITECTURE.deb, for this kind of machine; this needs a network, but not root.
#
# PYTHON   the Python that builds; default: python3
# DEBFULLNAME, DEBEMAIL   the maintainer of the package
# PYTHONS  the supported Python versions, without a gap; default: 3.11 3.12 3.13 (Debian 12 and 13)
#
# The package contains gatewayd and its dependencies as wheels, because python3-pydantic and python3-flask of Debian 12 are too
# old. The installation makes the virtual environment from them, without a network.
set -eu
umask 022
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
PYTHONS=${PYTHONS:-3.11 3.12 3.13}
maintainer="${DEBFULLNAME:-gatewayd contributors} <${DEBEMAIL:-root@localhost}>"
version=$(sed -n 's/^version = //p' setup.cfg)
architecture=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

tree=$root/tree
wheels=$tree/usr/lib/gatewayd/wheels
doc=$tree/usr/share/doc/gatewayd
mkdir -p "$tree/DEBIAN" "$tree/etc/gatewayd" "$tree/usr/bin" "$tree/usr/lib/systemd/system" "$tree/usr/lib/udev/rules.d" "$wheels" "$doc"
chmod 755 "$root" "$tree"

PYTHON=$(command -v "$PYTHON") systemd/install.sh wheels "$wheels"
"$PYTHON" -m venv "$root/venv"
for each in $PYTHONS; do
    "$root/venv/bin/python" -m pip --disable-pip-version-check download --quiet --only-binary :all: --constraint constraints.txt \
        --python-version "$each" --find-links "$wheels" --dest "$wheels" "gatewayd==$version"
done
chmod 644 "$wheels"/*.whl

install -m 644 systemd/release.sh "$tree/usr/lib/gatewayd/release.sh"
install -m 755 systemd/gatewayd.sh "$tree/usr/bin/gatewayd"
install -m 644 systemd/gatewayd.service "$tree/usr/lib/systemd/system/gatewayd.service"
install -m 644 systemd/70-gatewayd.rules "$tree/usr/lib/udev/rules.d/70-gatewayd.rules"
install -m 640 systemd/gatewayd.toml "$tree/etc/gatewayd/gatewayd.toml"
systemd/copy_docs.sh "$doc"
# Debian has its own names for the licence and the list of changes.
rm "$doc/LICENSE" "$doc/CHANGELOG.md"
sed -i 's|](LICENSE)|](copyright)|; s|](CHANGELOG.md)|](changelog.gz)|' "$doc/README.md"
sed -i 's|/opt/gatewayd/current/share|/usr/share/doc/gatewayd|' \
    "$tree/usr/lib/systemd/system/gatewayd.service" "$tree/etc/gatewayd/gatewayd.toml"
{
    sed "s/@COPYRIGHT@/$(sed -n 's/^Copyright (c) //p' LICENSE)/" systemd/debian/copyright
    sed -n '/^Permission/,$ { s/^$/./; s/^/ /; p }' LICENSE
} >"$doc/copyright"
gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
printf 'gatewayd (%s-1) stable; urgency=medium\n\n  * See changelog.gz.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$(date -R -r CHANGELOG.md)" | gzip -9n >"$doc/changelog.Debian.gz"

first=${PYTHONS%% *}
last=${PYTHONS##* }
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@PYTHON_FIRST@/$first/" \
    -e "s/@MAINTAINER@/$maintainer/" -e "s/@PYTHON_AFTER@/3.$((${last#3.} + 1))/" -e "s/@SIZE@/$(du -sk "$tree" | cut -f 1)/" \
    systemd/debian/control >"$tree/DEBIAN/control"
install -m 644 systemd/debian/conffiles systemd/debian/triggers "$tree/DEBIAN/"
install -m 755 systemd/debian/preinst systemd/debian/postinst systemd/debian/prerm systemd/debian/postrm "$tree/DEBIAN/"
(cd "$tree" && find usr etc -type f -exec md5sum {} +) >"$tree/DEBIAN/md5sums"

mkdir -p build
dpkg-deb --root-owner-group --build "$tree" "build/gatewayd_${version}-1_$architecture.deb"
