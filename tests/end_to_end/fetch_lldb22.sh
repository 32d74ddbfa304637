#!/usr/bin/env bash
# fetch_lldb22.sh FOLDER: unpacks Debian's LLDB 22 into FOLDER, so that FOLDER/lldb runs beside the installed LLDB 14.
#
# As a package it would remove LLDB 14 (both own the `lldb` module of Python); unpacked, neither knows of the other.
# Nothing is installed and no rights are needed. A folder that is complete already is left as it is. Where it cannot be
# had, the reason is in FOLDER/reason, which the tests of LLDB 22 show as they skip.
set -euo pipefail

folder=$1
mkdir -p "$folder"
folder=$(cd -- "$folder" && pwd)
if [[ -x $folder/lldb ]] && "$folder/lldb" --version >/dev/null 2>&1; then
  "$folder/lldb" --version
  exit
fi

give_up() {
  printf '%s\n' "$1" >"$folder/reason"
  printf 'LLDB 22 is not there: %s\n' "$1" >&2
  exit 1
}

rm -rf "$folder/packages" "$folder/root" "$folder/lldb" "$folder/reason"
mkdir "$folder/packages" "$folder/root"

# apt says what it would install, which leaves out what is there: lldb-22 itself and what it needs.
plan() { apt-get -s install --no-install-recommends lldb-22 | awk '$1 == "Inst" { print $2 }'; }
packages=$(plan 2>"$folder/apt.log") || packages=
if [[ -z $packages ]] && { apt-get -q update || sudo -n apt-get -q update; } >>"$folder/apt.log" 2>&1; then
  packages=$(plan 2>>"$folder/apt.log") || packages=
fi
if [[ -z $packages ]]; then
  give_up "apt knows no package lldb-22"
fi
mapfile -t packages <<<"$packages"
if ! (cd -- "$folder/packages" && apt-get -q download "${packages[@]}") >>"$folder/apt.log" 2>&1; then
  give_up "apt could not download ${packages[*]} (see apt.log)"
fi
for package in "$folder"/packages/*.deb; do
  dpkg-deb -x "$package" "$folder/root"
done

# Its programs look for libraries in llvm-22/lib alone. Links there, and not LD_LIBRARY_PATH, which the debugged
# programs would inherit.
home=$folder/root/usr/lib/llvm-22
for library in "$folder"/root/usr/lib/*-linux-gnu/*.so*; do
  ln -sf -- "../../${library#"$folder"/root/usr/lib/}" "$home/lib/${library##*/}"
done
ln -s -- root/usr/lib/llvm-22/bin/lldb "$folder/lldb"
rm -rf "$folder/packages"
"$folder/lldb" --version || give_up "it was unpacked and does not run"
