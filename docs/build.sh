#!/bin/sh
# Build the pages that the web process serves at /docs/, into .docs/site: docs/build.sh PYTHON
# A link that leads nowhere fails it, and leaves the pages that were there.
set -eu
python=$1
cd "$(dirname "$0")/.."
rm -rf .docs/new
mkdir -p .docs/new
cp docs/zensical.toml .docs/new/
cp -R docs .docs/new/pages
rm .docs/new/pages/zensical.toml .docs/new/pages/build.sh
"$python" -m zensical build --strict --config-file .docs/new/zensical.toml
rm -rf .docs/site
mv .docs/new/site .docs/site
rm -rf .docs/new
