#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/mimalloc-bench/bench.sh - stands in for that of mimalloc-bench, for the test of the adapter:
# it takes the same options, loads each external library into a program, and writes results of the
# same form.
set -eu
external='' procs=0 allocators=() tests=()
for word; do
	case $word in
	--external=*) external=${word#*=} ;;
	--procs=*) procs=${word#*=} ;;
	allt) tests+=(cfrac xmalloc-testN) ;;
	cfrac | redis) tests+=("$word") ;;
	*) allocators+=("$word") ;;
	esac
done
case $PWD in */out/bench) ;; *) echo "not run in out/bench" >&2; exit 3 ;; esac
[ -f "$external" ] && [ "$procs" -gt 0 ]
echo "# benchmark allocator elapsed rss user sys page-faults page-reclaims" >benchres.csv
tenth=1
for allocator in "${allocators[@]}"; do
	library=$(awk -v name="$allocator" '$1 == name { print $2 }' "$external")
	# A library that cannot be preloaded makes the linker complain.
	[ -z "$(LD_PRELOAD=$library /bin/true 2>&1)" ]
	tenth=$((tenth + 1))
	for test in "${tests[@]}"; do
		printf '%-20s %-10s 0:0%d.%d0 %d 1.00 0.10 0 %d\n' "$test" "$allocator" "$procs" \
			"$tenth" "$((tenth * 1000))" "$((tenth * 10))" >>benchres.csv
	done
done
