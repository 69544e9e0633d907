"""Row seeds: what it costs a job that the global generators of random numbers are seeded for it."""

from __future__ import annotations

import sys
from pathlib import Path

from peers import HERE, Peers
from results import Measured
from sizes import Sizes
from timing import run


def measure(sizes: Sizes, folder: Path, _peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    told = [run([sys.executable, HERE / "drivers/seeding.py"], folder).stdout.split() for _ in range(sizes.rounds)]
    here, forked = ([float(words[place]) for words in told] for place in (0, 1))
    return [Measured("seeds", here), Measured("seeds-fork", forked)]
