# apus: OpenStack Swift in Go, its simulator and its judges.
#
#   make            format check, vet, lint, unit tests
#   make sim        simulate SEEDS seeds (default 200)
#   make test       everything that must pass before a change lands
#
# Everything needed is pinned in go.mod and ci/*/go.mod and fetched by go.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := check

GO      ?= go
BIN     := bin
OUT     := out
SEEDS   ?= 200
SCENARIO ?=
PREFIX  ?= /usr/local

# The packages of the main module, and what only links to a package once.
PKGS := ./...

COMMIT := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)

.PHONY: check fmt vet lint unit sim replay shrink explain exact ladder test e2e conformance \
        docker-test aio bench bench-object bench-container bench-peer functional interop fuzz install clean build

## check: format, vet, lint and unit tests
check: fmt vet lint unit

fmt:
	@bad=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$bad" ]; then echo "gofmt would change:"; echo "$$bad"; exit 1; fi

vet:
	$(GO) vet $(PKGS)

# staticcheck is pinned in ci/tools/go.mod.
lint:
	$(GO) test ./ci/lint
	$(GO) tool -modfile=ci/tools/go.mod staticcheck $(PKGS)

unit:
	$(GO) test -short $(PKGS)

## build: the three commands, static
build:
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./cmd/apus ./cmd/apus-conform

# The simulator is linked against a Go runtime whose few sources of chance are
# decided by the seed (sim/engine). The changed copies are made from the local
# GOROOT and never leave $(OUT).
include sim/engine/engine.mk

## sim: simulate SEEDS seeds; exit 1 on a violation
sim: $(SIM)
	$(SIM) run --seeds $(SEEDS) $(if $(SCENARIO),--scenario $(SCENARIO))

## replay: run one seed again, for example make replay SEED=17
replay: $(SIM)
	$(SIM) replay $(if $(SCENARIO),--scenario $(SCENARIO)) $(SEED)

## shrink: make the plan and workload of a failing seed small
shrink: $(SIM)
	$(SIM) shrink $(if $(SCENARIO),--scenario $(SCENARIO)) $(SEED)

## explain: an HTML timeline of one seed
explain: $(SIM)
	$(SIM) explain $(if $(SCENARIO),--scenario $(SCENARIO)) $(SEED)

## exact: 50 seeds, three runs each on a busy machine, must be identical
exact: $(SIM)
	$(SIM) exact

## ladder: the simulator must find every planted bug
ladder: $(SIM)
	$(SIM) ladder

## conformance: judge a cluster on loopback
conformance: build
	ci/with-aio $(BIN)/apus-conform --quiet --auth '{auth}' {users}

## e2e: the commands as real processes on loopback
e2e:
	$(GO) test -count=1 ./ci/e2e

## docker-test: the same binaries in containers, under faults
docker-test:
	cd ci/containers && $(GO) test -count=1 -timeout 15m ./...

## aio: a whole cluster on loopback
aio: build
	$(BIN)/apus aio

## bench: PUT and GET through a cluster on loopback
bench: build
	$(GO) run ./ci/bench

## interop: rings, disks and clusters shared with the distribution's Swift
interop:
	ci/interop/install
	ci/interop/run $(GO) test -count=1 -timeout 20m -v ./ci/interop

## bench-object: our object server beside the distribution's; fails below five times
bench-object:
	ci/interop/install
	$(GO) run ./ci/bench/object

## bench-container: container and account servers with a million rows, against their targets
bench-container:
	$(GO) run ./ci/bench/container

## bench-peer: a cluster of ours beside one of the distribution's Swift, against targets
bench-peer:
	ci/interop/install
	$(GO) run ./ci/bench/cluster

## functional: OpenStack Swift's functional tests, from a checkout of it, for example
## make functional UPSTREAM=~/src/swift; TESTS="file.py::Class …" runs some of them
functional: build
	@[ -n "$(UPSTREAM)" ] || { echo 'make functional needs a checkout of openstack/swift: make functional UPSTREAM=DIR'; exit 2; }
	ci/functional/install
	$(GO) build -o $(OUT)/functional ./ci/functional
	ci/with-aio $(OUT)/functional --upstream '$(UPSTREAM)' --auth '{auth}' $(TESTS)

## test: everything that must pass before a change lands
test:
	ci/test

## fuzz: every fuzz test for FUZZTIME (default 30s)
fuzz:
	ci/fuzz

install: build
	install -D -t $(DESTDIR)$(PREFIX)/bin $(BIN)/apus $(BIN)/apus-conform

clean:
	rm -rf $(BIN) $(OUT)
