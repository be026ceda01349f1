#!/usr/bin/env bash
# Runs the tests on xla:cuda, and times a training step against PyTorch. In a checkout
# on a machine with an NVIDIA GPU:
#
#   tools/cuda/run.sh ARCHIVE [PLUGIN [PYTHON]]
#
# ARCHIVE is build.sh's. PLUGIN is the path of XLA's plugin for CUDA, by default that of
# PYTHON's jax (pip install "jax[cuda13]"); PYTHON, default python3, has torch too. The
# numbers of every test are held against plain float64 Go, other people's code or the
# engine go, whichever the test has. Tests compile and hardly compute, so each is a
# process of its own, one for each core at a time, and has a line when it ends: its exit
# status and seconds. LIMIT is what one may take, default
# 400 s; ONLY, a regular expression, chooses by "distill TestKeep", and the training step
# by "internal_nn_train BenchmarkStep".
set -uo pipefail
[ $# -ge 1 ] || { echo "usage: tools/cuda/run.sh ARCHIVE [PLUGIN [PYTHON]]" >&2; exit 2; }
archive=$1 python=${3:-python3}
plugin=${2:-$("$python" -c 'import jax_plugins.xla_cuda13 as p; print(list(p.__path__)[0] + "/xla_cuda_plugin.so")')}
[ -f "$plugin" ] || { echo "run.sh: no plugin at $plugin" >&2; exit 1; }
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
xz -dc "$archive" | tar -C "$bin" -x || exit 1

# The layout of pip packages is not the one that go-xla looks for.
cuda=$("$python" -c 'import nvidia.cu13 as p; print(list(p.__path__)[0])' 2>/dev/null) || cuda=/usr/local/cuda
export XLA_FLAGS="${XLA_FLAGS-} --xla_gpu_cuda_data_dir=$cuda" GOPJRT_CUDA_CHECKS=0 TF_CPP_MIN_LOG_LEVEL=2
export LINEARIZE_TEST_ENGINE=xla:$plugin

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
PJRT_PLUGIN_LIBRARY_PATH=$(dirname "$plugin") "$bin/linearize" doctor

# The longest tests have a subtest for each mixer, recipe, family or witness: a job of its
# own, or some letters' mixers. Whole tests are the longer jobs, and begin.
names() {
    case $1 in
    *specs | *arch.Mixers | *Names) echo '/^d /^g[^l] /^gl /^h /^l /^m[^o] /^mo /^r /^s /^[^dghlmrs]' ;;
    *recipes.Builtin) (cd "$root/recipes" && printf '/^%s$ ' *.yaml | sed 's/\.yaml//g') ;;
    *testdata.Families) (cd "$root/internal/testdata/families" && printf '/^%s$ ' *) ;;
    *witness.All) (cd testdata/witness && printf '/^%s$ ' *.safetensors | sed 's/\.safetensors//g') ;;
    *) echo / ;;
    esac
}
jobs=$bin/jobs
for test in "$bin"/*.test; do
    name=$(basename "$test" .test)
    cd "$root/${name//_//}" || exit 1
    for function in $("$test" -test.list '^Test'); do
        [[ "$name $function" =~ ${ONLY-} ]] || continue
        list=$(sed -n "/^func $function(/,/^}/p" ./*_test.go | grep -A6 -E '^	for .* range ' | grep -B6 '^		t.Run' |
            grep -oE 'range (specs|arch.Mixers|append.Names|recipes.Builtin|testdata.Families|witness.All)' | head -1)
        read -ra parts <<<"$(names "$list")"
        for part in "${parts[@]}"; do echo "$name ^$function\$${part%/}"; done
    done
done | awk '/\/\^/ { later = later $0 "\n"; next } { print } END { printf "%s", later }' >"$jobs"
cd "$root" || exit 1
export bin root LIMIT
# shellcheck disable=SC2016 # the inner shell expands
nl -nln "$jobs" | XLA_FLAGS="$XLA_FLAGS --xla_gpu_autotune_level=0 --xla_gpu_force_compilation_parallelism=1 --xla_gpu_deterministic_ops=true" xargs -P "$(nproc)" -L 1 bash -c '
    cd "$root/${1//_//}" && began=$(date +%s)
    GOMAXPROCS=2 timeout "${LIMIT:-400}" "$bin/$1.test" -test.v -test.run "$2" >"$bin/$1.$0.log" 2>&1
    echo "$1 $2 $? $(($(date +%s) - began))" | tee -a "$bin/done"'

failed=0
for name in $(cut -d' ' -f1 "$jobs" | sort -u); do
    count() { cat "$bin/$name".[0-9]*.log | grep -cE "^ *--- $1"; }
    bad=$(grep "^$name " "$bin/done" | grep -vc ' 0 [0-9]*$')
    [ "$bad" = 0 ] || failed=1
    echo "$([ "$bad" = 0 ] && echo ok || echo "FAIL($bad)") ${name//_//}: $(count PASS) pass, $(count FAIL) fail, $(count SKIP) skip," \
        "$(awk -v p="$name" '$1 == p { s += $4 } END { print s }' "$bin/done") s"
done
cat "$bin"/*.[0-9]*.log | grep -E -B8 '^ *--- FAIL|^panic|^fatal|^SIG' | head -80
[ -n "${OUT-}" ] && tar -C "$bin" -czf "$OUT/logs.tar.gz" done $(cd "$bin" && ls *.log)
grep -hs 'from go' "$bin"/internal_nn_train.*.log

# After the tests, so that nothing else is on the GPU.
if [[ "internal_nn_train BenchmarkStep" =~ ${ONLY-} ]]; then
    (cd internal/nn/train && timeout 200 "$bin/internal_nn_train.test" -test.run '^$' -test.bench '^BenchmarkStep$' -test.benchtime 20x | grep -E 'Benchmark|FAIL|panic')
    timeout 200 "$python" tools/cuda/step.py
fi
exit $failed
