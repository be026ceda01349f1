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
# 400 s; ONLY, a regular expression, chooses by "distill TestKeep".
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

# The longest tests have a subtest for each mixer: a job has some letters.
jobs=$bin/jobs
for test in "$bin"/*.test; do
    name=$(basename "$test" .test)
    for function in $(cd "$root/${name//_//}" && "$test" -test.list '^Test'); do
        [[ "$name $function" =~ ${ONLY-} ]] || continue
        parts=('')
        grep -h -A14 "^func $function(" "$root/${name//_//}"/*_test.go | grep -A1 -E 'range (specs|arch.Mixers|recipes.Builtin)' | grep -q 't.Run' &&
            parts=(/^d '/^g[^l]' /^gl /^h /^l '/^m[^o]' /^mo /^r /^s '/^[^dghlmrs]')
        for part in "${parts[@]}"; do echo "$name ^$function\$$part"; done
    done
done >"$jobs"
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
grep -h 'from go' "$bin"/internal_nn_train.*.log

# After the tests, so that nothing else is on the GPU.
(cd "$root/internal/nn/train" && timeout 200 "$bin/internal_nn_train.test" -test.run '^$' -test.bench '^BenchmarkStep$' -test.benchtime 20x | grep -E 'Benchmark|FAIL|panic')
timeout 200 "$python" "$root/tools/cuda/step.py"
exit $failed
