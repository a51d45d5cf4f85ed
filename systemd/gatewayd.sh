#!/bin/sh
# The command `gatewayd`, in whatever release is current.
GATEWAYD_CONFIG=${GATEWAYD_CONFIG:-/etc/gatewayd/gatewayd.toml} exec /opt/gatewayd/current/bin/python -I -m gatewayd.cli "$@"
