#!/bin/sh
# Build the Debian package build/gatewayd_VERSION_ARCHITECTURE.deb on any machine; this needs a network, dpkg-deb, and not root.
#
# ARCH     amd64, arm64 or armhf; default: the architecture of this machine
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
ARCH=${ARCH:-$(dpkg --print-architecture)}
case $ARCH in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
    armhf) machine=armv7l ;;
    *)
        echo "ARCH=$ARCH: this must be amd64, arm64 or armhf, for which PyPI has wheels of all packages" >&2
        exit 1
        ;;
esac
maintainer="${DEBFULLNAME:-gatewayd contributors} <${DEBEMAIL:-root@localhost}>"
version=$(sed -n 's/^version = //p' setup.cfg)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

tree=$root/tree
wheels=$tree/usr/lib/gatewayd/wheels
share=$tree/usr/share
doc=$share/doc/gatewayd
mkdir -p "$tree/DEBIAN" "$tree/usr/bin" "$tree/usr/lib/systemd/system" "$tree/usr/lib/udev/rules.d" "$wheels" "$doc"
chmod 755 "$root" "$tree"

# Wheels for this machine: the one of gatewayd itself fits every architecture, and the others run it here.
PYTHON=$(command -v "$PYTHON") systemd/install.sh wheels "$root/wheels"
cp "$root/wheels/gatewayd-$version"-*.whl "$wheels/"
"$PYTHON" -m venv "$root/venv"
pip() { "$root/venv/bin/python" -m pip --disable-pip-version-check "$@"; }
pip install --quiet --no-index --find-links "$root/wheels" "gatewayd==$version"
# PEP 600: the C library of Debian 12 is 2.36. pip takes the names as they are given, and packages use these.
for each in $PYTHONS; do
    pip download --quiet --only-binary :all: --constraint constraints.txt --python-version "$each" \
        --platform "linux_$machine" --platform "manylinux2014_$machine" --platform "manylinux_2_17_$machine" \
        --platform "manylinux_2_28_$machine" --platform "manylinux_2_31_$machine" --platform "manylinux_2_34_$machine" \
        --find-links "$wheels" --dest "$wheels" "gatewayd[fleet]==$version"
done
chmod 644 "$wheels"/*.whl

install -m 644 systemd/release.sh "$tree/usr/lib/gatewayd/release.sh"
install -m 644 systemd/gatewayd.toml "$tree/usr/lib/gatewayd/starter.toml"
install -m 755 systemd/gatewayd.sh "$tree/usr/bin/gatewayd"
install -m 644 systemd/gatewayd.service "$tree/usr/lib/systemd/system/gatewayd.service"
install -m 644 systemd/70-gatewayd.rules "$tree/usr/lib/udev/rules.d/70-gatewayd.rules"
sed -i 's|/opt/gatewayd/current/share|/usr/share/doc/gatewayd|' \
    "$tree/usr/lib/systemd/system/gatewayd.service" "$tree/usr/lib/gatewayd/starter.toml"
systemd/shell_files.sh "$root/venv/bin/python" "$share"
gzip -9n "$share"/man/*/*
mv "$share/zsh/site-functions" "$share/zsh/vendor-completions"
systemd/copy_docs.sh "$doc" debian
printf 'gatewayd (%s-1) stable; urgency=medium\n\n  * See changelog.gz.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$(date -R -r CHANGELOG.md)" | gzip -9n >"$doc/changelog.Debian.gz"

first=${PYTHONS%% *}
last=${PYTHONS##* }
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$ARCH/" -e "s/@PYTHON_FIRST@/$first/" \
    -e "s/@MAINTAINER@/$maintainer/" -e "s/@PYTHON_AFTER@/3.$((${last#3.} + 1))/" -e "s/@SIZE@/$(du -sk "$tree" | cut -f 1)/" \
    systemd/debian/control >"$tree/DEBIAN/control"
install -m 644 systemd/debian/triggers "$tree/DEBIAN/"
install -m 755 systemd/debian/postinst systemd/debian/prerm systemd/debian/postrm "$tree/DEBIAN/"
(cd "$tree" && find usr -type f -exec md5sum {} +) >"$tree/DEBIAN/md5sums"

mkdir -p build
dpkg-deb --root-owner-group --build "$tree" "build/gatewayd_${version}-1_$ARCH.deb"
