#!/bin/sh
# npm_packages.sh NPM SOURCES FOLDER: FOLDER gets a copy of SOURCES, so that those stay as they are, and the packages of
# their lock file.
set -eu
npm=$1 sources=$2 folder=$3
mkdir -p "$folder"
cp -R "$sources/." "$folder"
cd "$folder"
# Only where the packages are not those of the lock file yet: offline, a second build has all that it needs.
if cmp -s package-lock.json installed-lock.json; then
  exit 0
fi
if ! "$npm" ci --prefer-offline --loglevel=error >npm.log 2>&1; then
  cat npm.log >&2
  echo "memsnap: npm could not install the packages of $sources (see above);" \
    "without a network, configure with -DMEMSNAP_HTML=OFF, which does without the page of 'export FILE.html'" >&2
  exit 1
fi
cp package-lock.json installed-lock.json
