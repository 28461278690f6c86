-- SPDX-License-Identifier: MIT
-- stress/apps/churn.lua - strings, tables and closures under Lua's own collector.
--
-- usage: lua5.4 churn.lua ROUNDS
--
-- Each round builds strings piece by piece, a table with string keys, and a tree that replaces an
-- older one. Prints the closing line that hakmem-sweep reads: ops= counts objects made, checksum=
-- depends on ROUNDS alone.

local rounds = tonumber(arg[1]) or 10
local sum, ops = 0, 0

local function add(n)
	sum = (sum * 31 + n) % 2147483647
end

local function strings(seed)
	local parts = {}
	for i = 1, 400 do
		parts[#parts + 1] = ("item %d of %d;"):format(i * seed % 1013, i)
	end
	local text = table.concat(parts)
	local words = 0
	for word in text:gmatch("%d+") do
		words = words + #word
	end
	add(words)
	ops = ops + 800
end

local function dictionary(seed)
	local t = {}
	for i = 1, 400 do
		t["key" .. (i * seed % 997)] = i
	end
	local n = 0
	for i = 0, 996 do
		n = n + (t["key" .. i] or 0)
	end
	add(n)
	ops = ops + 1397
end

local function tree(depth)
	ops = ops + 1
	if depth == 0 then
		return {value = 1}
	end
	return {left = tree(depth - 1), right = tree(depth - 1)}
end

local function count(node)
	return node.value or count(node.left) + count(node.right)
end

local kept = {}
for round = 1, rounds do
	strings(round)
	dictionary(round)
	kept[round % 8 + 1] = tree(8)
	add(count(kept[(round * 5) % 8 + 1] or kept[round % 8 + 1]))
end
print(("workload=lua ops=%d checksum=%d"):format(ops, sum))
