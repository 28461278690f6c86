# SPDX-License-Identifier: MIT
# stress/apps/churn.rb - strings, hashes and objects under Ruby's own collector.
#
# usage: ruby churn.rb ROUNDS
#
# Each round builds strings piece by piece (most too long to lie in the object itself), a hash with
# string keys, and a tree that replaces an older one. Prints the closing line that hakmem-sweep
# reads: ops= counts objects made, checksum= depends on ROUNDS alone.

rounds = (ARGV[0] || 10).to_i
sum = 0
ops = 0

Node = Struct.new(:left, :right, :name)

def tree(depth)
  return Node.new(nil, nil, "leaf of a tree that is #{depth} deep, by name") if depth.zero?

  Node.new(tree(depth - 1), tree(depth - 1), "inner node at #{depth} of the tree")
end

def count(node)
  node.left ? count(node.left) + count(node.right) : node.name.size
end

kept = []
(1..rounds).each do |round|
  text = +''
  400.times { |i| text << format('item %d of %d;', i * round % 1013, i) }
  words = text.split(';').sum(&:size)
  table = {}
  400.times { |i| table["a key of some length #{i * round % 997}"] = 'x' * (i % 100) }
  total = table.sum { |key, value| key.size + value.size }
  kept[round % 8] = tree(7)
  [words, total, count(kept[round % 8])].each { |n| sum = (sum * 31 + n) % 2_147_483_647 }
  ops += 400 * 4 + 511
end
puts "workload=ruby ops=#{ops} checksum=#{sum}"
