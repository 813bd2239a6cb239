"""Single stories of fault_stories.py; many, drawn at random: tests/e2e/faults.py --seeds 50.

Where network namespaces cannot be made the test fails and says so; TANIST_NO_NETNS=1 leaves it out."""
import os

import faults
from lib import ours_only


def tell(*names, hosts=3):
    if os.environ.get("TANIST_NO_NETNS") == "1":
        print("left out: TANIST_NO_NETNS is set")
        return
    assert faults.possible(), "cannot make network namespaces (root and `ip netns` are needed)"
    shown, wrong = faults.run(names, 1, hosts)
    assert not wrong, wrong


@ours_only
def test_isolated_master():
    tell("isolate")


@ours_only
def test_master_and_one_other_cut():
    tell("pair")


@ours_only
def test_rolling_restarts():
    tell("restarts", "rolling")


@ours_only
def test_sentinels_cut_from_each_other():
    tell("lost_quorum")


@ours_only
def test_minority_with_the_master():
    tell("split", hosts=5)
