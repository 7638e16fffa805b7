#!/bin/bash
# Submits what is left of a sweep to SLURM, as job arrays of jobs/sweep.sbatch.
set -eu

usage() {
    cat <<'END_OF_USAGE'
usage: jobs/submit_sweep.sh [--bundle N] [--again] SWEEP.toml DIR [-- OPTIONS OF sbatch]

Each task of the arrays runs a bundle of N points (default 50), as far as they are left: run again, it submits only what is not
done by then, and is not in a task that waits or runs (--again: submits that, too). There are as many arrays as the site's MaxArraySize asks for. DIR: the sweep's folder (sweep run --folder DIR), on a
file system that all nodes share. Adapt jobs/sweep.sbatch, or give options after --: -- --partition=long --cpus-per-task=16
Environment: SKIPSTONE, the program (default: build/skipstone of this checkout), or words that start it, such as
"apptainer exec image.sif skipstone"; SKIPSTONE_LAUNCHER, what starts the ranks of
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
again=no
sweep=
folder=
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --bundle) [ $# -ge 2 ] || usage_error "--bundle needs a number"; bundle=$2; shift ;;
        --again) again=yes ;;
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
sweep=$(realpath -ms "$sweep")
folder=$(realpath -ms "$folder")
export SKIPSTONE="${SKIPSTONE:-$jobs/../build/skipstone}"
program=("$SKIPSTONE")
[ -e "${program[0]}" ] || mapfile -t program < <(xargs -n 1 printf '%s\n' <<<"$SKIPSTONE")
limit=$(scontrol show config | awk '$1 == "MaxArraySize" { print $3 }')
[ "${limit:-0}" -gt 0 ] || { echo "submit_sweep.sh: no SLURM here, or one without job arrays (MaxArraySize of scontrol show config)" >&2; exit 1; }
"${program[@]}" sweep expand "$sweep" --folder "$folder" --no-estimate >/dev/null  # tasks find the points in its manifest
left=$("${program[@]}" sweep status "$sweep" --folder "$folder" --left)

# "3,17-20" without the points of tasks of this sweep that wait or run: on standard output those that remain, on the error output
# what was left out. A task's command line ends with SWEEP DIR BUNDLE [FIRST].
not_submitted() {
    squeue --noheader --array --format='%K|%F|%Z|%o' | awk -F'|' -v sweep="$sweep" -v folder="$folder" -v left="$left" '
        function absolute(word, current) { return substr(word, 1, 1) == "/" ? word : current "/" word }
        $1 ~ /^[0-9]+$/ {
            command = substr($0, length($1) + length($2) + length($3) + 4)
            if (!match(command, /( [0-9]+)+$/)) next
            count = split(substr(command, RSTART + 1), numbers, " ")
            head = substr(command, 1, RSTART - 1)
            words = split(head, word, " ")
            named = " " sweep " " folder
            if (substr(head, length(head) - length(named) + 1) != named &&
                (words < 2 || absolute(word[words - 1], $3) != sweep || absolute(word[words], $3) != folder)) next
            bundle = count > 1 ? numbers[count - 1] : numbers[1]
            begin = (count > 1 ? numbers[count] : 0) + $1 * bundle
            for (point = begin; point < begin + bundle; ++point) job[point] = $2
        }
        END {
            ranges = split(left, parts, ",")
            for (r = 1; r <= ranges; ++r) {
                ends = split(parts[r], range, "-")
                for (point = range[1] + 0; point <= range[ends] + 0; ++point)
                    if (point in job) { ++out; jobs[job[point]] } else rest = rest (rest == "" ? "" : ",") point
            }
            if (out) {
                text = ""
                for (j in jobs) text = text (text == "" ? "" : ", ") j
                print "submit_sweep.sh: warning: " out " of the points that are left are in tasks that wait or run (job " text \
                    "): they are not submitted again (--again submits them)" > "/dev/stderr"
            }
            print rest
        }'
}
[ $again = yes ] || left=$(not_submitted)

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
    job=$(sbatch --parsable --job-name="$(basename "$sweep" .toml)" --array="$tasks" "$@" "$jobs/sweep.sbatch" "$sweep" "$folder" "$bundle" "$first")
    echo "job $job: tasks $tasks, points from $first in bundles of $bundle"
done
[ -n "$left" ] || echo "nothing is left to submit of $sweep in $folder"
