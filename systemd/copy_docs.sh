#!/bin/sh
# Copy the documents, the files that they link to and the commented configuration into a folder, so that their links find each
# other: copy_docs.sh FOLDER [debian]
#
# With `debian` the licence and the list of changes have the names that Debian's policy gives them.
set -eu
folder=$1 layout=${2:-}
cd "$(dirname "$0")/.."

mkdir -p "$folder"
# shellcheck disable=SC2046 # no name has a space
cp --parents README.md CONTRIBUTING.md CHANGELOG.md LICENSE $(find docs -type f) config/*.toml "$folder/"
chmod -R u=rwX,go=rX "$folder"
if [ "$layout" = debian ]; then
    {
        sed "s/@COPYRIGHT@/$(sed -n 's/^Copyright (c) //p' LICENSE)/" systemd/debian/copyright
        sed -n '/^Permission/,$ { s/^$/./; s/^/ /; p }' LICENSE
    } >"$folder/copyright"
    gzip -9n "$folder/CHANGELOG.md"
    mv "$folder/CHANGELOG.md.gz" "$folder/changelog.gz"
    rm "$folder/LICENSE"
    sed -i 's|](LICENSE)|](copyright)|; s|](CHANGELOG.md)|](changelog.gz)|' "$folder"/*.md
fi
