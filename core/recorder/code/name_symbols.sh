#!/bin/sh
# name_symbols.sh NM FILE: what the recorder's own functions are called in a traceback, as objcopy's --redefine-syms has it:
# memsnap_ and the function's plain name, with a number where there are several. As they are they would be found by a
# user's breakpoint on `walk`.
set -eu
"$1" "$2" | sed -n 's/^[0-9a-f]* [tTwW] \(_Z.*\)/\1/p' | while read -r symbol; do
  printf '%s %s\n' "$symbol" \
    "$(printf '%s\n' "$symbol" | c++filt | sed 's/(anonymous namespace):://g; s/[([].*//; s/.*:://')"
done | awk '{ n = ++seen[$2]; print $1, "memsnap_" $2 (n > 1 ? "_" n : "") }'
