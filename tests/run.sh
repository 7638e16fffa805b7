#!/bin/sh
# Installs what is missing, builds everything and runs all tests. The last line counts them.
set -eu

usage() {
    cat <<'END'
usage: tests/run.sh [--preset release|debug|clang|mpich|asan|tsan] [--jobs N] [OPTIONS OF ctest]

Options of ctest choose tests and how they run, e.g. -R planner, --repeat until-fail:10. N: compilers at a time.
END
}

preset=release
jobs=
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --preset | --jobs)
            [ $# -ge 2 ] || { echo "run.sh: $1 needs a value" >&2; exit 2; }
            [ "$1" = --preset ] && preset=$2 || jobs=$2
            shift 2
            ;;
        *) break ;;
    esac
done

root=$(cd "$(dirname "$0")/.." && pwd)
folder=$root/build
[ "$preset" = release ] || folder=$root/build-$preset

case $preset in
    clang | asan | tsan) more=clang ;;
    mpich) more=mpich ;;
    *) more= ;;
esac
"$root/jobs/install.sh" build tests figures convert $more
"$root/jobs/build.sh" --preset "$preset" ${jobs:+--jobs "$jobs"} all

if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

results=$folder/tests.xml
rm -f "$results"
status=0
ctest --test-dir "$folder" --output-on-failure --no-tests=error --output-junit "$results" "$@" || status=$?
if [ ! -s "$results" ]; then
    echo "run.sh: ctest left no results" >&2
    exit 1
fi

# A test that did not run though nothing said to skip it (its program is missing, say) has failed.
awk '
    /^\t<testcase / {
        passed += / status="run"/; failed += / status="fail"/; skipped += / status="disabled"/
        not_run = / status="notrun"/
    }
    /^\t\t<skipped / && not_run { if (/ message="SKIP_/) ++skipped; else ++failed }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$results"
exit $status
