# What the benchmarks share: `source common.sh BUILD_FOLDER`. Every figure is of runs that took turns, as machines are noisy; of a
# figure that is taken several times the median is shown.

build=$(realpath -- "$1")
here=$(dirname -- "$(realpath -- "${BASH_SOURCE[0]}")")
out=$build/bench
mkdir -p "$out"
unset DEBUGINFOD_URLS
rounds=${ROUNDS:-5}

median() { sort -g | awk '{ v[NR] = $1 } END { print (NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2) }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b == 0 ? 0 : a / b) }'; }

# A line of a table: what, four figures, the goal.
line() { printf '%-46s %10s %10s %10s %14s %7s\n' "$@"; }

# GDB with memsnap loaded and armed, and a program: in_gdb GDB_ARGUMENTS... --args PROGRAM ARGUMENTS...
plain_gdb() { gdb -nx -q -batch -iex 'set debuginfod enabled off' "$@" 2>&1 </dev/null; }
in_gdb() { plain_gdb -ex "source $build/gdb/memsnap.py" -ex 'memsnap start 30' "$@"; }

# GDB's own processor time so far, in seconds, as a line "at N": -ex "$clock".
clock='python import time; print("at", time.process_time())'
# What passed between the Nth such line and the next, in milliseconds.
passed() { awk -v n="$1" '/^at / { t[++i] = $2 } END { printf "%.1f", (t[n + 1] - t[n]) * 1000 }' "$2"; }
