#!/bin/sh
# The paper's figures 6 to 9 from nothing: builds, runs the sweeps of jobs/sweeps, collects them, draws, and judges section V's claims.
set -eu

usage() {
    cat <<'END'
usage: jobs/figures.sh [--output DIR] [--without-clocks]

Installs the packages that are missing (as root), builds build/skipstone, and leaves in DIR (default: evaluation/) for each sweep of
jobs/sweeps a folder with its traces and a table (fig6.csv, …), and:
  fig6.png … fig9.png  the figures
  claims.md            what section V says, and what came out
  clocks.md            one point of each figure in real time with kernels beside the same point under the virtual clock without
Run again, it only does what is left. --without-clocks leaves out what needs real time.
END
}

usage_error() {
    echo "figures.sh: $1" >&2
    usage >&2
    exit 2
}

output=
clocks=yes
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --output) [ $# -ge 2 ] || usage_error "--output needs a folder"; output=$(realpath -m "$2"); shift ;;
        --without-clocks) clocks=no ;;
        *) usage_error "unknown argument: $1" ;;
    esac
    shift
done

cd "$(dirname "$0")/.."
output=${output:-$PWD/evaluation}
jobs/install.sh build figures
jobs/build.sh program
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
mkdir -p "$output"

# sweep NAME: jobs/sweeps/NAME.toml run, and collected into NAME.csv
sweep() {
    echo
    echo "== $1"
    build/skipstone sweep run "jobs/sweeps/$1.toml" --folder "$output/$1"
    build/skipstone sweep collect "jobs/sweeps/$1.toml" --folder "$output/$1" -o "$output/$1"
}

for figure in fig6 fig7 fig8 fig9; do
    sweep $figure
    /usr/bin/python3 analysis/figures/plot_section5.py $figure "$output/$figure.csv" -o "$output/$figure.png"
done
for variant in fig6-measured fig7-stores fig9-speed; do
    sweep $variant
done
/usr/bin/python3 analysis/figures/claims.py "$output" >"$output/claims.md"
if [ $clocks = yes ]; then
    sweep clocks
    /usr/bin/python3 analysis/figures/compare_clocks.py "$output/clocks" >"$output/clocks.md"
fi

echo
cat "$output/claims.md"
[ $clocks = no ] || { echo; cat "$output/clocks.md"; }
echo
echo "Figures, tables and traces: $output"
