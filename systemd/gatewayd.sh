#!/bin/sh
# The command `gatewayd` of the current release.
GATEWAYD_CONFIG=${GATEWAYD_CONFIG:-/etc/gatewayd/gatewayd.toml} exec /opt/gatewayd/current/bin/python -I -m gatewayd.cli "$@"
