# `make` prints the targets.
SHELL := /bin/bash
BIN   := bin/cinedex
GO    ?= go
export GOFLAGS ?= -buildvcs=false
# Without gRPC's own traces, which Cinedex does not use, the linker leaves out uncalled methods.
TAGS  ?= grpcnotrace

.DEFAULT_GOAL := help
# Nodes of each server, and their first ports.
KAFKA      ?= 1
CASSANDRA  ?= 1
OPENSEARCH ?= 1
KAFKA_PORT      ?= 19092
CASSANDRA_PORT  ?= 9042
OPENSEARCH_PORT ?= 9201

.PHONY: browsers opensearch-next servers servers-stop servers-status chaos
.PHONY: help build wheel sizes demo test check setup figures bench fuzz race release lint generate stale fmt prose clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

build: ## build bin/cinedex
	$(GO) build -tags=$(TAGS) -o $(BIN) ./cmd/cinedex

sizes: ## the size of each program as in a release, and the seconds of building and linking
	@TAGS=$(TAGS) scripts/sizes

demo: build ## fetch models and media, ingest, search in three ways, serve (ONCE=1 ends, FULL=1 the whole film, SIZE=production over make servers)
ifeq ($(SIZE),production)
	$(MAKE) --no-print-directory servers
	$(BIN) demo --home .cinedex/production --config config/production.yaml
else
	$(BIN) demo
endif

setup: build ## fetch the models, media, programs and packages of the tests
	@scripts/system-packages & packages=$$!; $(BIN) models fetch core suite demo ffmpeg ffprobe && wait $$packages
	@scripts/sdk-packages

wheel: ## dist/cinedex-VERSION-py3-none-any.whl: the package for algorithms in Python
	@scripts/wheel dist

servers: ## real Kafka, Cassandra and OpenSearch as processes on this machine (KAFKA=3 CASSANDRA=2)
	@$(GO) run ./deploy/local start -kafka $(KAFKA) -cassandra $(CASSANDRA) -opensearch $(OPENSEARCH) \
		-kafka-port $(KAFKA_PORT) -cassandra-port $(CASSANDRA_PORT) -opensearch-port $(OPENSEARCH_PORT)

opensearch-next: ## the tests of the search engine over OpenSearch 3 (CI: OpenSearch 2.19); Java 21 to 25
	scripts/opensearch-next

servers-status: ## the running servers, their addresses and memory
	@$(GO) run ./deploy/local status

servers-stop: ## stop the servers; their data stays
	@$(GO) run ./deploy/local stop

test: setup ## set up and pass everything
	scripts/test

check: ## as in CI: setup, lint, every test, then some packages under the race detector
	scripts/check

browsers: setup ## an editor's day in Chromium, Firefox and WebKitGTK, and the goldens (CI: the day in Chromium)
	CINEDEX_BROWSERS=all scripts/system-packages
	CINEDEX_BROWSERS=all scripts/web-test

chaos: setup ## brokers, nodes, disks and networks fail on purpose, on real servers (ONLY=regexp picks)
	ONLY='$(ONLY)' scripts/chaos

figures: setup ## run every figure of docs/benchmarks again (ONLY=glob picks)
	$(BIN) models fetch bench
	ONLY='$(ONLY)' scripts/figures

bench: figures ## the same as figures

fuzz: ## run every fuzz target for an hour each (FOR=10m, ONLY=glob picks)
	ONLY='$(ONLY)' FOR='$(FOR)' scripts/fuzz

race: setup ## every package under the race detector, real servers left out (CI runs the packages of scripts/race)
	scripts/race all

release: ## dist/: programs, SBOM (CycloneDX), licences, checksums (VERIFY=1 builds twice and compares the bytes)
	go -C tools/release run . $(if $(VERIFY),-verify)

lint: ## gofmt, shellcheck, staleness of generated code, buf lint and breaking, govulncheck, golangci-lint with go vet
	scripts/lint

generate: ## generate code from the protobuf and GraphQL schemas
	scripts/generate

prose: ## count the words that comments and docs should avoid, per package and page (JSON=1)
	@$(GO) -C tools run ./prose $(if $(JSON),-json)

fmt: ## gofmt everything
	gofmt -w $$(git ls-files '*.go')

clean: servers-stop ## remove built programs and the demo's data; the model cache stays
	rm -rf bin .cinedex
