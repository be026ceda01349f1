#!/bin/sh
# Packs what run.sh needs on a machine with a GPU, which need have neither Go nor a
# network: the tests of every package that computes, the benchmark of a training step,
# and linearize itself. Needs Linux on x86-64, Go, a C compiler and xz.
#
#   tools/cuda/build.sh FILE      FILE: where the archive goes, about 36 MB
set -eu
case ${1-} in '' | -*) echo "usage: tools/cuda/build.sh FILE" >&2; exit 2 ;; esac
mkdir -p "$(dirname "$1")"
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/../.."
export GOTOOLCHAIN=auto GOEXPERIMENT=simd CGO_ENABLED=1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for package in internal/engine internal/eval internal/generate internal/nn internal/nn/infer \
    internal/nn/mixers internal/nn/ops internal/nn/scan internal/nn/train distill; do
    go test -c -ldflags '-s -w' -o "$dir/$(echo "$package" | tr / _).test" "./$package"
done
go build -ldflags '-s -w' -o "$dir/linearize" ./cmd/linearize
# One window over all of them: they have most of their code in common.
tar -C "$dir" -c . | xz -T1 -2 --lzma2=preset=2,dict=256MiB >"$out"
ls -l "$out" >&2
