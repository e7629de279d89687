# The menu. `make` prints it.

GO      ?= go
LINTS    = bin/staticcheck bin/gofumpt
# CGO_ENABLED=0: one static binary, and the same code on every machine.
export CGO_ENABLED = 0

.PHONY: menu demo test setup race lint vet cross tidy fuzz sim qemu bsd evade dlp-report bench bench-dlp microbench baseline build release clean mutants

menu:          ## print this
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo:          ## see Weir work on real diverted traffic, in a lab of its own (no root needed)
	$(GO) run ./cmd/weir demo

# Not from the cache: some tests build the daemon themselves, which go test does not see.
test: setup    ## all tests; as root with real traffic, otherwise naming what was skipped
	$(GO) test -json -count=1 -timeout 10m ./... | $(GO) run ./internal/testsum $(TESTSUM)

setup:         ## as root, install the Debian packages that the lab tests use
	@./internal/setup.sh

race:          ## the rooms with goroutines, under the race detector, each with few seeds (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short -timeout 10m ./divert ./engine ./event/... ./report ./control ./internal/... ./holder ./worker ./journal \
		./lab/names ./sim/real

lint: $(LINTS) vet  ## formatting, staticcheck, vet
	@out=$$(bin/gofumpt -l .); test -z "$$out" || { echo "gofumpt would change:"; echo "$$out"; exit 1; }
	bin/staticcheck ./...

vet:
	$(GO) vet ./...
	$(GO) vet -tags weirmodel ./cmd/weir

bin/%: tools/go.mod
	@mkdir -p bin
	cd tools && $(GO) build -o ../bin/ honnef.co/go/tools/cmd/staticcheck mvdan.cc/gofumpt golang.org/x/perf/cmd/benchstat

cross:         ## build and vet for every system and processor
	@for os in linux freebsd openbsd; do for arch in amd64 arm64; do \
		echo "$$os/$$arch"; GOOS=$$os GOARCH=$$arch $(GO) build ./... && GOOS=$$os GOARCH=$$arch $(GO) vet ./... || exit 1; \
	done; done

tidy:          ## the import rules and the habits of the house
	$(GO) test ./internal/tidy

FUZZTIME ?= 30s
fuzz:          ## every fuzz target for FUZZTIME
	@$(GO) list ./... | while read p; do \
		for t in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$t"; $(GO) test -run '^$$' -fuzz "^$$t$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
		done; done

N ?= 200000
sim:           ## N seeds of the deterministic network, N/10 with Linux's own TCP; one: go run ./sim/cmd/sim -seed 42 -v
	$(GO) run ./sim/cmd/sim -n $(N)
	$(GO) run ./sim/cmd/sim -real -n $$(($(N) / 10))

mutants:       ## deliberate bugs in package stream and in what keeps secrets: tests and simulator must notice each
	$(GO) run ./internal/mutants

qemu:          ## tests of what only a kernel of Debian's has: nftables' own queue statement, VLANs, WireGuard, flow tables; emulated (amd64; root once)
	@lab/qemu/kernel.sh bin/kernel
	$(GO) run ./lab/qemu | $(GO) run ./internal/testsum $(TESTSUM)

bsd:           ## tests of divert sockets, built for FreeBSD and OpenBSD, against a model of their kernels (amd64; needs gcc)
	$(GO) run ./lab/bsd | $(GO) run ./internal/testsum $(TESTSUM)

evade:         ## every evasion, against the kernel's own stack with Weir between and without; writes docs/evasions.md (root)
	$(GO) run ./evade/cmd/evade -write docs/evasions.md

dlp-report:    ## precision and recall of the detectors of sensitive values, beside plain regexps; fails below their floors
	$(GO) run ./internal/dlpcorpus/cmd/dlpreport

bench:         ## compare with no divert, C loops and other programs (root); writes bench/RESULTS.md and results.svg
	$(GO) run ./bench

bench-dlp:     ## the detectors of sensitive values beside plain regexps, on mixed traffic; writes bench/DLP.md
	$(GO) run ./bench/dlp -o bench/DLP.md

microbench: bin/benchstat ## each stage of a packet's way, beside bench/baseline.txt
	@GO="$(GO)" bench/micro.sh

baseline:      ## measure each stage and make that bench/baseline.txt
	@GO="$(GO)" bench/micro.sh -write

build:         ## bin/weir
	$(GO) build -trimpath -o bin/weir ./cmd/weir

release:       ## bin/release: every system and processor, built twice to the same bytes, with what is in it (SBOM)
	$(GO) run ./internal/release -o bin/release

clean:
	rm -rf bin
