#!/bin/sh
# Installs what is missing of the Debian packages in jobs/packages.txt.
set -eu

usage() {
    cat <<'END'
usage: jobs/install.sh SECTION...

Installs the packages of these sections of jobs/packages.txt that are missing. Needs root only when some are; without root it prints
the command to run and exits with status 2.
END
}

list=$(dirname "$0")/packages.txt

# The packages of one section, one per line.
packages_of() {
    awk -v section="[$1]" '
        { sub(/#.*/, ""); gsub(/[ \t]/, "") }
        /^\[/ { inside = ($0 == section); if (inside) known = 1; next }
        inside && $0 != "" { print }
        END { exit !known }' "$list"
}

case ${1:-} in
    '') usage >&2; exit 2 ;;
    -h | --help) usage; exit 0 ;;
esac

wanted=
for section in "$@"; do
    packages=$(packages_of "$section") || {
        echo "install.sh: $section: no such section in $list; it has $(sed -n 's/^\[\(.*\)\]$/\1/p' "$list" | tr '\n' ' ')" >&2
        exit 2
    }
    wanted="$wanted $(echo "$packages" | tr '\n' ' ')"
done

if ! command -v dpkg-query >/dev/null; then
    echo "install.sh: this is no Debian system; please install what these Debian 12 packages hold:$wanted" >&2
    exit 2
fi

missing=
for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=absent
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    {
        echo "Packages are missing; as root, run:"
        echo "    apt-get update && apt-get install -y --no-install-recommends$missing"
    } >&2
    exit 2
fi

echo "Installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=300 update
# shellcheck disable=SC2086  # one argument per package
apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install -y --no-install-recommends $missing >/dev/null
