#!/bin/sh
# Write constraints.txt: the newest version that setup.cfg allows of every package, of their dependencies, and of the build
# tools. Run it in the project's folder, with a network; it changes nothing else.
#
# PYTHON  the Python that resolves; default: python3.11, the oldest supported one: its versions exist for the newer ones too
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
build=$(sed -n 's/^requires = \["\(setuptools[^"]*\)"\].*/\1/p' pyproject.toml)
unset PIP_CONSTRAINT
"$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet --dry-run --ignore-installed \
    --report "$folder/report.json" "${build:?}" '.[dev,browser,fleet,fuzz]'
"$folder/venv/bin/python" - "$folder/report.json" >"$folder/constraints.txt" <<'PYTHON'
import json, re, sys

print("# The exact versions that are installed, for Python 3.11, 3.12 and 3.13. Written by `make lock`; not edited by hand.")
with open(sys.argv[1]) as report:
    found = [package["metadata"] for package in json.load(report)["install"]]
for name, version in sorted((re.sub(r"[-_.]+", "-", each["name"]).lower(), each["version"]) for each in found):
    if name != "gatewayd":
        print(f"{name}=={version}")
PYTHON
# The other Pythons use the same versions; packages with compiled code must have wheels for them.
sed '/^#/d; /^gsm0338\|^python-gsmmodem-new/d' "$folder/constraints.txt" >"$folder/all.txt" # these two have only source packages
for version in 3.12 3.13; do
    "$folder/venv/bin/python" -m pip --disable-pip-version-check download --quiet --no-deps --only-binary :all: \
        --python-version "$version" --dest "$folder/$version" --requirement "$folder/all.txt"
done
mv "$folder/constraints.txt" constraints.txt
