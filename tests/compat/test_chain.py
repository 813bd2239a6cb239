"""Chains of three in all eight mixtures, in short; for ten minutes and more: chain.py --minutes 10."""
import os

from chain import MIXES, run

COMMANDS = 3000
SEED = int(os.environ.get("TANIST_SEED", 2026))


def one(mix):
    def test():
        stats = run(mix, SEED, COMMANDS, 20)
        assert all(int(s["sync_full"]) >= 1 for s in stats)
    return test


for at, kinds in enumerate(MIXES):
    globals()["test_" + "_".join(kinds)] = one(kinds)
