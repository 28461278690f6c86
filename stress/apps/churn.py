# SPDX-License-Identifier: MIT
# stress/apps/churn.py - strings, dictionaries and objects of Python.
#
# usage: PYTHONMALLOC=malloc python3 churn.py ROUNDS
#
# Each round builds strings piece by piece, a dictionary with string keys, and a tree that replaces
# an older one. With PYTHONMALLOC=malloc small objects come from malloc, too, instead of the
# interpreter's own pools. Prints the closing line that hakmem-sweep reads: ops= counts objects
# made, checksum= depends on ROUNDS alone.

import sys


class Node:
    def __init__(self, left, right):
        self.left = left
        self.right = right


def tree(depth):
    if depth == 0:
        return Node(None, None)
    return Node(tree(depth - 1), tree(depth - 1))


def count(node):
    return count(node.left) + count(node.right) if node.left else 1


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    total = ops = 0
    kept = [tree(2)] * 8
    for number in range(1, rounds + 1):
        text = ";".join(f"item {i * number % 1013} of {i}" for i in range(400))
        words = sum(len(word) for word in text.split())
        table = {f"key {i * number % 997}": [i] * (i % 20) for i in range(400)}
        values = sum(len(value) for value in table.values())
        kept[number % 8] = tree(7)
        for n in (words, values, count(kept[number * 5 % 8])):
            total = (total * 31 + n) % 2147483647
        ops += 400 * 6 + 255
    print(f"workload=python ops={ops} checksum={total}")


main()
