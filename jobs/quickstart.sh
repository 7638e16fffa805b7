#!/bin/sh
# From a fresh Debian 12 machine to the first result: installs, builds, runs the paper's cluster and draws what happened.
set -eu

usage() {
    cat <<'END'
usage: jobs/quickstart.sh [--jobs N] [-- OPTIONS OF skipstone run]

Installs the packages that are missing (as root), builds build/skipstone, emulates the paper's ten devices twice under mpirun, and
leaves traces (*.h5) and pictures (*.png) in quickstart/:
  khan2023         the paper's evaluation, 20 rounds in real time (under a minute)
  khan2023-tight   too little energy: blocks are dropped, then requests rejected (virtual clock)
Run again, it only does what is left, and runs both again. N: compilers at a time.
END
}

jobs=
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --jobs)
            [ $# -ge 2 ] || { echo "quickstart.sh: --jobs needs a number" >&2; exit 2; }
            jobs=$2
            shift
            ;;
        --) shift; break ;;
        *) echo "quickstart.sh: unknown argument: $1" >&2; usage >&2; exit 2 ;;
    esac
    shift
done

cd "$(dirname "$0")/.."
jobs/install.sh build figures
jobs/build.sh ${jobs:+--jobs "$jobs"} program

if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
ranks=11  # ten devices and the coordinator

# run_scenario NAME OPTIONS...
run_scenario() {
    name=$1
    shift
    echo
    echo "== $name"
    mpirun -n $ranks --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 \
        build/skipstone run "profiles/scenarios/$name.toml" -o "quickstart/$name.h5" "$@"
    /usr/bin/python3 analysis/plot_trace.py "quickstart/$name.h5" -o "quickstart/$name.png"
}

mkdir -p quickstart
run_scenario khan2023 --clock wall "$@"
run_scenario khan2023-tight --clock virtual "$@"

echo
echo "Traces:   quickstart/khan2023.h5, quickstart/khan2023-tight.h5 (h5py, pandas; format: analysis/README.md)"
echo "Pictures: quickstart/khan2023.png, quickstart/khan2023-tight.png"
