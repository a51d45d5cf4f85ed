#!/bin/sh
# Copy the documents and the commented configuration into a folder, so that their links find each other: copy_docs.sh FOLDER
set -eu
cd "$(dirname "$0")/.."

mkdir -p "$1/docs/decisions" "$1/docs/plots" "$1/config"
for folder in "" /python /node /laravel /webhooks; do mkdir -p "$1/docs/examples$folder"; done
install -m 644 README.md CONTRIBUTING.md CHANGELOG.md LICENSE "$1/"
install -m 644 docs/*.* "$1/docs/"
install -m 644 docs/decisions/*.md "$1/docs/decisions/"
install -m 644 docs/plots/*.svg "$1/docs/plots/"
for folder in "" /python /node /laravel /webhooks; do
    install -m 644 "docs/examples$folder"/*.* "$1/docs/examples$folder/"
done
install -m 644 config/*.toml "$1/config/"
