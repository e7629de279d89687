#!/bin/sh
# micro.sh: the benchmarks of every stage of a packet's way, six times each, beside bench/baseline.txt, which names its machine.
# micro.sh -write: makes them the new baseline. A stage that allocates is a failure; slower is for the reader to judge: on another machine,
# or beside other programs, the times say nothing.
set -eu
cd "$(dirname "$0")/.."
out=bin/micro.txt
mkdir -p bin
: >"$out"
while read -r package pattern; do
	echo "$package $pattern" >&2
	${GO:-go} test -run '^$' -bench "$pattern" -benchmem -benchtime "${BENCHTIME:-200ms}" -count 6 "$package" >>"$out" || { cat "$out"; exit 1; }
done <<'STAGES'
./packet ^BenchmarkDecode(TCP4|UDP6|Extensions)$
./packet ^Benchmark(VerifyChecksum|RepairPayload)$
./packet/checksum ^BenchmarkSum$/^(20|1500)$
./flow ^BenchmarkObserve$
./stream ^BenchmarkSegment$
./proto/http1 ^BenchmarkParse$
./proto/dns ^BenchmarkParse$
./proto/tls ^BenchmarkParse$
./inspect/ids ^BenchmarkScan(Few)?$
./inspect/urls ^BenchmarkLookup$
./inspect/dlp ^BenchmarkClean$/^(html|json|log)$
./event/ring ^BenchmarkPut$
./engine ^BenchmarkStep$
./engine ^BenchmarkStream$/^(accept|read|equal)$/^1400$
./divert ^BenchmarkVerdict$
STAGES
if awk '/allocs\/op/ && $(NF-1) != 0 { print "allocates: " $0; bad = 1 } END { exit !bad }' "$out" >&2; then
	exit 1
fi
if [ "${1:-}" = -write ]; then
	grep -v -e '^PASS' -e '^ok' "$out" >bench/baseline.txt
	echo "bench/baseline.txt is written" >&2
	exit 0
fi
bin/benchstat -filter .unit:sec/op -table '' -row pkg,.fullname bench/baseline.txt "$out"
