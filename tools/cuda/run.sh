#!/usr/bin/env bash
# Runs the tests on xla:cuda, and times a training step against PyTorch. In a checkout
# on a machine with an NVIDIA GPU:
#
#   tools/cuda/run.sh ARCHIVE [PLUGIN [PYTHON]]
#
# ARCHIVE is build.sh's. PLUGIN is the path of XLA's plugin for CUDA, by default that of
# PYTHON's jax (pip install "jax[cuda13]"); PYTHON, default python3, has torch too. The
# numbers of every test are held against plain float64 Go, other people's code or the
# engine go, whichever the test has. LIMIT is what a package may take, default 400 s.
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
jobs=()
for test in "$bin"/*.test; do
    name=$(basename "$test" .test)
    (
        cd "$root/${name//_//}" || exit 1
        began=$SECONDS
        timeout "${LIMIT:-400}" "$test" -test.v ${RUN:+-test.run "$RUN"} >"$bin/$name.log" 2>&1
        rc=$?
        echo "$([ $rc = 0 ] && echo ok || echo "FAIL($rc)") ${name//_//} $((SECONDS - began)) s:" \
            "$(grep -c '^ *--- PASS' "$bin/$name.log") pass, $(grep -c '^ *--- FAIL' "$bin/$name.log") fail, $(grep -c '^ *--- SKIP' "$bin/$name.log") skip"
        exit $rc
    ) &
    jobs+=($!)
done
failed=0
for job in "${jobs[@]}"; do wait "$job" || failed=1; done
for log in "$bin"/*.log; do
    grep -E -B8 '^ *--- FAIL|^panic|^fatal|^SIG' "$log" | head -60
    [ -n "${OUT-}" ] && cp "$log" "$OUT/"
done
grep -h 'from go' "$bin"/internal_nn_train.log

# After the tests, so that nothing else is on the GPU.
(cd "$root/internal/nn/train" && timeout 200 "$bin/internal_nn_train.test" -test.run '^$' -test.bench '^BenchmarkStep$' -test.benchtime 20x | grep -E 'Benchmark|FAIL|panic')
timeout 200 "$python" "$root/tools/cuda/step.py"
exit $failed
