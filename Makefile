# `make` prints the targets.
SHELL := /bin/bash
BIN   := bin/cinedex
GO    ?= go
export GOFLAGS ?= -buildvcs=false

.DEFAULT_GOAL := help
.PHONY: help build demo test check setup figures bench lint generate stale fmt clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

build: ## build bin/cinedex
	$(GO) build -o $(BIN) ./cmd/cinedex

demo: build ## fetch what is needed, ingest, search in three ways, serve (ONCE=1 ends, FULL=1 the whole film)
	$(BIN) demo

setup: build ## fetch models, media and programs that tests need
	$(BIN) models fetch core demo
	@scripts/system-packages

test: setup ## set up and pass everything
	scripts/test

check: lint test ## what CI runs: lint, then everything else

figures: setup ## run every figure of docs/benchmarks again (ONLY=glob picks)
	$(BIN) models fetch bench
	ONLY='$(ONLY)' scripts/figures

bench: figures ## the same as figures

lint: ## buf lint and breaking, staleness of generated code, vet, gofmt
	scripts/lint

generate: ## generate code from the protobuf and GraphQL schemas
	scripts/generate

fmt: ## gofmt everything
	gofmt -w $$(git ls-files '*.go')

clean: ## remove what was built and the demo's data; the model cache stays
	rm -rf bin .cinedex
