#!/bin/sh
# Submits what is left of a sweep to SLURM, as job arrays of jobs/sweep.sbatch.
set -eu

usage() {
    cat <<'END_OF_USAGE'
usage: jobs/submit_sweep.sh [--bundle N] SWEEP.toml DIR [-- OPTIONS OF sbatch]

Each task of the arrays runs a bundle of N points (default 50), as far as they are left: run again, it submits only what is not
done by then. There are as many arrays as the site's MaxArraySize asks for. DIR: the sweep's folder (sweep run --folder DIR), on a
file system that all nodes share. Adapt jobs/sweep.sbatch, or give options after --: -- --partition=long --cpus-per-task=16
Environment: SKIPSTONE, the program (default: build/skipstone of this checkout); SKIPSTONE_LAUNCHER, what starts the ranks of
points with the wall clock (default: srun --mpi=pmix; or mpirun).
Then: skipstone sweep status SWEEP.toml --folder DIR, and sweep collect.
END_OF_USAGE
}

usage_error() {
    echo "submit_sweep.sh: $1" >&2
    usage >&2
    exit 2
}

bundle=50
sweep=
folder=
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --bundle) [ $# -ge 2 ] || usage_error "--bundle needs a number"; bundle=$2; shift ;;
        --) shift; break ;;
        -*) usage_error "unknown option: $1 (those of sbatch come after --)" ;;
        *)
            [ -z "$folder" ] || usage_error "unknown argument: $1"
            [ -z "$sweep" ] && sweep=$1 || folder=$1
            ;;
    esac
    shift
done
[ -n "$folder" ] || usage_error "say which sweep, and its folder"
case $bundle in '' | *[!0-9]* | 0*) usage_error "--bundle $bundle: must be a number of at least 1" ;; esac

jobs=$(cd "$(dirname "$0")" && pwd)
export SKIPSTONE="${SKIPSTONE:-$jobs/../build/skipstone}"
limit=$(scontrol show config | awk '$1 == "MaxArraySize" { print $3 }')
[ "${limit:-0}" -gt 0 ] || { echo "submit_sweep.sh: no SLURM here, or one without job arrays (MaxArraySize of scontrol show config)" >&2; exit 1; }
left=$("$SKIPSTONE" sweep status "$sweep" --folder "$folder" --left)

# "3,17-20" as lines "FIRST TASKS": the first point of an array and its tasks, each of which has something left.
arrays() {
    echo "$left" | tr ',' '\n' | awk -F- -v bundle="$bundle" -v limit="$limit" '
        function close_range() { if (from != "") tasks = tasks (tasks == "" ? "" : ",") (from == to ? from : from "-" to); from = "" }
        function close_array() { close_range(); if (tasks != "") print array * limit * bundle, tasks; tasks = "" }
        NF {
            for (task = int($1 / bundle); task <= int($NF / bundle); ++task) {
                if (started && task <= last) continue
                if (!started || int(task / limit) != array) { close_array(); array = int(task / limit) }
                i = task % limit
                if (from == "" || i != to + 1) { close_range(); from = i }
                to = i; last = task; started = 1
            }
        }
        END { close_array() }'
}

arrays | while read -r first tasks; do
    job=$(sbatch --parsable --array="$tasks" "$@" "$jobs/sweep.sbatch" "$sweep" "$folder" "$bundle" "$first")
    echo "job $job: tasks $tasks, points from $first in bundles of $bundle"
done
[ -n "$left" ] || echo "nothing is left of $sweep in $folder"
