#!/bin/sh
# Configures, where that is not done yet, and builds: the program alone, or everything with its tests.
set -eu

usage() {
    cat <<'END'
usage: jobs/build.sh [--preset release|debug|clang|mpich|asan|tsan] [--jobs N] program|all

program: the program `skipstone`; all: the tests too. Builds into build/ (release) or build-PRESET/. N: compilers at a
time (default: one per core, as far as there is 1.5 GB of memory for each).
END
}

usage_error() {
    echo "build.sh: $1" >&2
    usage >&2
    exit 2
}

preset=release
jobs=
what=
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --preset) [ $# -ge 2 ] || usage_error "--preset needs a name"; preset=$2; shift ;;
        --jobs) [ $# -ge 2 ] || usage_error "--jobs needs a number"; jobs=$2; shift ;;
        program | all) what=$1 ;;
        *) usage_error "unknown argument: $1" ;;
    esac
    shift
done

case $preset in
    release) folder=build ;;
    debug | clang | mpich | asan | tsan) folder=build-$preset ;;
    *) usage_error "unknown preset: $preset" ;;
esac
case $jobs in
    '')
        cores=$(nproc)
        by_memory=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo)
        jobs=$((by_memory < cores ? by_memory : cores))
        [ "$jobs" -ge 1 ] || jobs=1
        ;;
    *[!0-9]* | 0*) usage_error "--jobs needs a number of at least 1" ;;
esac

cd "$(dirname "$0")/.."
case $what in
    program)
        # Where the tests are configured already, they stay so; what is built is the program alone.
        [ -f "$folder/build.ninja" ] || cmake --preset "$preset" -DSKIPSTONE_TESTS=OFF
        cmake --build "$folder" --parallel "$jobs" --target skipstone
        ;;
    all)
        if ! grep -qs '^SKIPSTONE_TESTS:[A-Z]*=ON' "$folder/CMakeCache.txt" || [ ! -f "$folder/build.ninja" ]; then
            cmake --preset "$preset" -DSKIPSTONE_TESTS=ON
        fi
        cmake --build "$folder" --parallel "$jobs"
        ;;
    *) usage_error "say what to build: program or all" ;;
esac
