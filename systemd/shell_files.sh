#!/bin/sh
# Write the manual pages and the completions of the shells below a folder: shell_files.sh PYTHON FOLDER
#
# PYTHON has gatewayd installed. The folder is laid out as /usr/share; only zsh's folder differs between systems.
set -eu
cd "$(dirname "$0")/.."

# completion SHELL FILE
completion() {
    mkdir -p "$(dirname "$2")"
    _GATEWAYD_COMPLETE=${1}_source "$python" -I -m gatewayd.cli >"$2"
}

python=$1 share=$2
"$python" -B tools/man_page.py "$share/man"
completion bash "$share/bash-completion/completions/gatewayd"
completion zsh "$share/zsh/site-functions/_gatewayd"
completion fish "$share/fish/vendor_completions.d/gatewayd.fish"
