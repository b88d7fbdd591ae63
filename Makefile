# Go is all that these need, but for lint (golangci-lint) and image (docker).
export CGO_ENABLED = 0

.PHONY: all build test race lint fuzz-short torture bench eval bench-scrub docs image ci help
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

all: build test lint ## build, test, lint

build: ## the binary, ./swab
	go build -trimpath -o swab ./cmd/swab

test: ## all tests
	go test ./...

race: ## all tests under the race detector, which wants cgo
	CGO_ENABLED=1 GORACE="atexit_sleep_ms=10 $$GORACE" go test -race ./...

lint: ## gofmt, vet for each platform, golangci-lint
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	go vet ./...
	GOARCH=arm64 go vet ./...
	GOOS=darwin GOARCH=arm64 go vet ./...
	golangci-lint run ./...

FUZZTIME ?= 5s
fuzz-short: ## each fuzz target for FUZZTIME (5s)
	FUZZTIME=$(FUZZTIME) bash .ci/run fuzz

TORTURE ?= --for 2m
torture: ## kills, broken disks, a store that fails; then every line is counted (TORTURE="--for 2m")
	go run ./testdata/torture $(TORTURE)

bench: ## each benchmark about a second, then swab beside what it replaces
	go test -run '^$$' -bench . -benchmem ./...
	bash testdata/bench/run

eval: ## what swab and its peers find of the same rows, and what they spoil
	go run ./testdata/eval

bench-scrub: ## scrubbing alone: swab beside its peers, and what was asked of it
	bash testdata/bench/scrub

docs: ## write the generated parts of the pages, and check all of them
	go test -run 'TestDocsFlagsTable' . -write-docs
	go test -run 'TestDocs' .

image: ## the container image, swab
	docker build -t swab .

ci: ## what a change must pass
	bash .ci/run
