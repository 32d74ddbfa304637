#!/bin/sh
# bundle.sh NPM NODE SOURCES FOLDER: makes FOLDER/memsnap.html from the sources, with the packages of the lock file.
# Everything is done in FOLDER, so that the sources stay as they are.
set -eu
npm=$1 node=$2 sources=$3 folder=$4
mkdir -p "$folder"
cp -R "$sources/package.json" "$sources/package-lock.json" "$sources/.npmrc" "$sources/build.mjs" "$sources/page.html" \
  "$sources/src" "$folder"
cd "$folder"
# Only where the packages are not those of the lock file yet: offline, a second build has all that it needs.
if ! cmp -s package-lock.json installed-lock.json; then
  if ! "$npm" ci --prefer-offline --loglevel=error >npm.log 2>&1; then
    cat npm.log >&2
    echo "memsnap: npm could not install the packages of the .html export's page (see above);" \
      "without a network, configure with -DMEMSNAP_HTML=OFF" >&2
    exit 1
  fi
  cp package-lock.json installed-lock.json
fi
exec "$node" build.mjs
