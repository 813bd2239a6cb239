"""Chains of three in all eight mixtures, in short; for ten minutes and more: chain.py --minutes 10."""
import os
import random

from chain import MIXES, run

COMMANDS = 3000
SEED = os.environ.get("TANIST_SEED")


def one(mix):
    def test():
        seed = int(SEED) if SEED else random.randrange(1 << 31)
        stats = run(mix, seed, COMMANDS, 20)
        assert all(int(s["sync_full"]) >= 1 for s in stats)
    return test


for at, kinds in enumerate(MIXES):
    globals()["test_" + "_".join(kinds)] = one(kinds)
