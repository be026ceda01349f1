# Everything a newcomer needs: `make demo` and `make test`. A machine with Go 1.21
# or newer is enough; the toolchain that go.mod names arrives by itself.

# Machines often carry an older Go with GOTOOLCHAIN=local, which would refuse go.mod.
export GOTOOLCHAIN := auto

# The pure-Go engine's vector kernels, on the architecture that has them.
ifneq ($(filter x86_64 amd64,$(shell uname -m)),)
export GOEXPERIMENT := simd
endif

# ENGINE=xla runs the tests on XLA too, with a plugin made by a rig beside this checkout.
ENGINE ?= go
XLA_RIG := ../shared/tools/xla-cpu/build.sh
# Tests compile thousands of small graphs and run each a few times: with these flags, which
# that plugin knows, that takes a fraction of the time. XLA_FLAGS in the environment takes
# their place, and empty means XLA as users run it.
XLA_QUICK := --xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false \
	--xla_cpu_parallel_codegen_split_count=1 --xla_cpu_experimental_ynn_fusion_type=
ifeq ($(ENGINE),go)
with_engine :=
quickly :=
else ifeq ($(ENGINE),xla)
with_engine = test -x $(XLA_RIG) || { echo "make: ENGINE=xla needs the plugin rig $(XLA_RIG), which is not there" >&2; exit 1; }; \
	plugin=$$($(XLA_RIG)) || exit 1; eval "$$plugin"; export LINEARIZE_TEST_ENGINE=xla:cpu;
quickly := export XLA_FLAGS="$${XLA_FLAGS-$(strip $(XLA_QUICK))}";
else
$(error ENGINE is "$(ENGINE)", want go or xla)
endif

GO ?= go
# The linter must be built with the toolchain that it checks for. It lives
# outside go.mod, whose pins are the program's own.
TOOLCHAIN := $(shell awk '$$1 == "toolchain" { print $$2 }' go.mod)
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
TESTFLAGS ?=
PKG ?= ./...

# For a busy machine, or XLA as users run it. One for all engines, so that go test's cache
# knows the packages that use none.
PATIENCE := -timeout 60m

# What check-xla runs a second time, on XLA as users run it: a compiled graph of each kind.
XLA_WHOLE := ./internal/engine ./internal/nn/ops ./internal/eval
XLA_MIXERS := TestTrainingIsOracle/(hedgehog|gla|mamba2|gated-delta)$$
XLA_STEPS := TestAgainstGo|TestDevices|TestAccumulation
XLA_RUNS := TestLayerwiseIsJoint|TestLayerwiseParts|TestEngineOfARun

.PHONY: help build demo test check check-xla vet lint bench golden golden-mixers golden-families golden-tokenizers golden-chat clean

help:
	@echo 'make demo     convert and train the built-in teacher, start to end (under 3 minutes)'
	@echo 'make test     run the tests; ENGINE=xla runs them on XLA; PKG=./distill TESTFLAGS=-v narrow it'
	@echo 'make build    make bin/linearize'
	@echo 'make check    build, vet, lint, test: what must pass before a commit'
	@echo 'make check-xla   all tests on XLA, where the rig for its plugin is'
	@echo 'make bench    run the benchmarks and print what mixers and steps cost; TORCH=PYTHON compares'
	@echo 'make golden   rewrite golden files and the generated part of docs/cli.md; review the diff'
	@echo 'make golden-mixers golden-families golden-tokenizers golden-chat   recompute what other people'"'"'s code gives, in Python'

build:
	$(GO) build -o bin/ ./cmd/linearize

demo: build
	bin/linearize demo

test:
	@$(with_engine) $(quickly) echo '$(GO) test $(PATIENCE) $(TESTFLAGS) $(PKG)'; $(GO) test $(PATIENCE) $(TESTFLAGS) $(PKG)

check: build vet lint test

# Where the rig is absent, or cannot fetch what it builds from, that is said and no failure.
check-xla:
	@test -x $(XLA_RIG) || { echo 'make: check-xla is skipped: there is no rig at $(XLA_RIG)'; exit 0; }; \
	plugin=$$($(XLA_RIG)) || { echo 'make: check-xla is SKIPPED: the rig built no plugin, see above'; exit 0; }; \
	eval "$$plugin"; export LINEARIZE_TEST_ENGINE=xla:cpu; set -ex; \
	XLA_FLAGS='$(strip $(XLA_QUICK))' $(GO) test $(PATIENCE) $(TESTFLAGS) ./...; export XLA_FLAGS=; \
	$(GO) test $(TESTFLAGS) $(XLA_WHOLE); \
	$(GO) test $(TESTFLAGS) -run '$(XLA_MIXERS)' ./internal/nn/mixers; \
	$(GO) test $(TESTFLAGS) -short -run '$(XLA_STEPS)' ./internal/nn/train; \
	$(GO) test $(TESTFLAGS) -run '$(XLA_RUNS)' ./distill

# Without cgo there is the engine go alone.
vet:
	$(GO) vet ./...
	CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/linearize
	CGO_ENABLED=0 $(GO) test ./internal/engine

lint:
	GOTOOLCHAIN=$(TOOLCHAIN) $(GO) run $(GOLANGCI) run --concurrency 2 ./...

# What mixers cost by length comes after the benchmarks, then steps of a distillation; with
# TORCH=…/python, one that has torch, both also beside PyTorch, by turns.
bench:
	@$(with_engine) $(GO) test -run '^$$' -bench . -benchmem -timeout 2h $(TESTFLAGS) $(PKG)
	@$(with_engine) $(GO) run ./internal/cmd/mixbench -engine "$${LINEARIZE_TEST_ENGINE:-go}"
	@test -z "$(TORCH)" || { $(with_engine) $(GO) run ./internal/cmd/mixbench -engine "$${LINEARIZE_TEST_ENGINE:-go}" -torch "$(TORCH)"; }
	@$(with_engine) $(GO) run ./internal/cmd/trainbench -engine "go$${LINEARIZE_TEST_ENGINE:+,$$LINEARIZE_TEST_ENGINE}" -torch "$(TORCH)"

golden:
	UPDATE_GOLDEN=1 $(GO) test $(TESTFLAGS) $(PKG)

# Golden files of other people's code, in a throw-away environment. torch of PyPI comes
# with CUDA, some GB, which fla's Triton wants to be importable. The witnesses of
# hedgehog are remade with LOLCATS=<checkout of lolcats> only.
golden-mixers: scripts := mixers.py
golden-families: scripts := families.py defaults.py adding_family.py
golden-tokenizers: scripts := tokenizer_vectors.py
golden-chat: scripts := chat.py
golden-mixers golden-families golden-tokenizers golden-chat:
	python3 -m venv .cache/golden
	.cache/golden/bin/pip install --quiet -r tools/golden/requirements.txt
	set -e; for script in $(scripts); do .cache/golden/bin/python -B tools/golden/$$script; done
	rm -rf .cache/golden

clean:
	rm -rf bin
