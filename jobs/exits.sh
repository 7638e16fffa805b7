#!/bin/sh
# A case of early exits from nothing: heads trained on a network that is there already, exits chosen, judged on other data, and run on devices.
set -eu

usage() {
    cat <<'END'
usage: jobs/exits.sh cifar10|speech|ecg DATA [--output DIR] [--max-loss "1 %"] [--network resnet8|resnet56|resnet50]

DATA: the folder with the case's network and data (profiles/early-exits.md says which). Leaves in DIR (default: exits/CASE):
  backbone.h5            the network as it was
  exits.h5               the same with a head behind every block that can have one (skipstone exits train)
  choice.h5              what every head says of the samples that exits are chosen by (skipstone exits measure)
  report*.h5             the same of the samples that figures are reported on, which nothing was chosen by
  rules.toml             the exits, their thresholds, and the devices (skipstone exits search); beside it the whole trade-off
  report*.json           accuracy, mean MACs and who leaves where, by these rules (skipstone exits score)
  scenario.toml          the case on its devices: profiles/scenarios/early-exit-CASE.toml with network and rules
  trace*.h5, trace*.png  every sample of a report emulated, and a picture of the first minute
  summary.md             all figures
Run again, it only does what is left. --max-loss: of accuracy, on the samples that exits are chosen by. --network: of cifar10 (default: resnet56).
SKIPSTONE: the program (default: build/skipstone, which is built if need be).
END
}

usage_error() {
    echo "exits.sh: $1" >&2
    usage >&2
    exit 2
}

case=
data=
output=
loss="1 %"
network=resnet56
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --output) [ $# -ge 2 ] || usage_error "--output needs a folder"; output=$(realpath -m "$2"); shift ;;
        --max-loss) [ $# -ge 2 ] || usage_error "--max-loss needs a share, such as \"1 %\""; loss=$2; shift ;;
        --network) [ $# -ge 2 ] || usage_error "--network needs a name"; network=$2; shift ;;
        -*) usage_error "unknown option: $1" ;;
        *)
            if [ -z "$case" ]; then case=$1; elif [ -z "$data" ]; then data=$(realpath -m "$1"); else usage_error "unknown argument: $1"; fi
            ;;
    esac
    shift
done
case $case in
    cifar10 | speech | ecg) ;;
    "") usage_error "which case: cifar10, speech or ecg?" ;;
    *) usage_error "there is no case $case" ;;
esac
[ -n "$data" ] || usage_error "where are the network and the data?"
[ -d "$data" ] || { echo "exits.sh: there is no folder $data" >&2; exit 2; }

cd "$(dirname "$0")/.."
output=${output:-$PWD/exits/$case}
if [ -z "${SKIPSTONE:-}" ]; then
    jobs/install.sh build figures
    jobs/build.sh program
    SKIPSTONE=$PWD/build/skipstone
fi
mkdir -p "$output"

# step FILE COMMAND...: the command that makes the file, where it is not there yet.
step() {
    file=$1
    shift
    [ ! -e "$output/$file" ] || return 0
    echo
    echo "== $file"
    "$@"
}
skipstone() {
    $SKIPSTONE "$@"
}

# Which samples heads are trained on, exits chosen by, and figures reported on: none is in two of them.
profile=
case $case in
    ecg) # three parts of the patients of file a; the patients of file b are others
        step backbone.h5 skipstone import "$data/ecg/ecg_acharya_odai.onnx" -o "$output/backbone.h5"
        train="$data/ecg/mit-bih-beats-a.h5@0..1086~1"
        choice="$data/ecg/mit-bih-beats-a.h5@1087..1629~1"
        report="$data/ecg/mit-bih-beats-a.h5@1630..~1"
        report_others="$data/ecg/mit-bih-beats-b.h5"
        ;;
    speech) # file a for training and choosing; the speakers of file b are others
        step backbone.h5 skipstone import "$data/mlperf-tiny/ds_cnn_kws_float32.onnx" -o "$output/backbone.h5"
        train="$data/speech/speech-commands-a.h5@0..1499~1"
        choice="$data/speech/speech-commands-a.h5@1500..~1"
        report="$data/speech/speech-commands-b.h5"
        report_others=
        ;;
    cifar10)
        case $network in
            resnet8)
                step backbone.h5 skipstone import "$data/mlperf-tiny/resnet8_cifar10.onnx" --range 255 \
                    -o "$output/backbone.h5"
                ;;
            resnet56)
                step backbone.h5 /usr/bin/python3 analysis/convert_weights.py "$data/resnet56-4bfd9763.th" "$output/backbone.h5" --network resnet56-cifar
                profile=resnet56-cifar
                ;;
            resnet50)
                step backbone.h5 cp "$data/resnet50-cifar10.h5" "$output/backbone.h5"
                profile=resnet50
                ;;
            *) usage_error "--network $network: must be resnet8, resnet56 or resnet50" ;;
        esac
        train="$data/cifar10-train-10k.bin.xz"
        choice="$data/cifar10-test.bin.xz@0..4999"
        report="$data/cifar10-test.bin.xz@5000.."
        report_others=
        ;;
esac
# A head behind every block, and what all of them say.
step exits.h5 skipstone exits train --weights "$output/backbone.h5" --data "$train" -o "$output/exits.h5"
step choice.h5 skipstone exits measure --weights "$output/exits.h5" --data "$choice" -o "$output/choice.h5"
step report.h5 skipstone exits measure --weights "$output/exits.h5" --data "$report" -o "$output/report.h5"
[ -z "$report_others" ] ||
    step report-others.h5 skipstone exits measure --weights "$output/exits.h5" --data "$report_others" -o "$output/report-others.h5"

# Which exits, at which thresholds, on which devices.
/usr/bin/python3 jobs/exits.py scenario "profiles/scenarios/early-exit-$case.toml" "$output" --profile "$profile"
step rules.toml skipstone exits search "$output/choice.h5" --scenario "$output/search.toml" --max-loss "$loss" -o "$output/rules.toml"
/usr/bin/python3 jobs/exits.py scenario "profiles/scenarios/early-exit-$case.toml" "$output" --profile "$profile"

# judge NAME DATA: by these rules, of the table NAME.h5; and every sample of it on the devices.
judge() {
    name=$1
    samples=$2
    # shellcheck disable=SC2016
    step "$name.json" sh -c '$1 exits score "$2" --rules "$3" --json >"$4.part" && mv "$4.part" "$4"' sh "$SKIPSTONE" "$output/$name.h5" "$output/rules.toml" "$output/$name.json"
    step "trace-$name.h5" skipstone run "$output/scenario.toml" --images "$samples" --rounds "$(/usr/bin/python3 jobs/exits.py samples "$output/$name.h5")" \
        -o "$output/trace-$name.h5" --quiet
    skipstone check "$output/trace-$name.h5"
    step "trace-$name.png" /usr/bin/python3 analysis/plot_trace.py "$output/trace-$name.h5" -o "$output/trace-$name.png"
}
judge report "$report"
[ -z "$report_others" ] || judge report-others "$report_others"
/usr/bin/python3 jobs/exits.py summary "$output" | tee "$output/summary.md"
