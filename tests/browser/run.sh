#!/bin/sh
# run.sh NODE WRITE_EXPORTS TEST PAGE_SOURCES: runs one file of tests on exports of its own. 77 where it cannot.
set -eu
node=$1 write_exports=$2 test=$3 MEMSNAP_PAGE_SOURCES=$4
MEMSNAP_CHROMIUM=$(command -v chromium) || {
  echo "skipped: chromium is not installed"
  exit 77
}
MEMSNAP_EXPORTS=$(mktemp -d)
trap 'rm -rf "$MEMSNAP_EXPORTS"' EXIT
# What the browser keeps is gone with it, too.
TMPDIR=$MEMSNAP_EXPORTS
export TMPDIR MEMSNAP_CHROMIUM MEMSNAP_EXPORTS MEMSNAP_PAGE_SOURCES
"$write_exports" "$MEMSNAP_EXPORTS"
cd "$(dirname "$0")"
"$node" --test --test-reporter=spec "$test"
