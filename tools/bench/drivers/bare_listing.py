"""The least that knowing which outputs exist can cost in Python: list the folder, make the names.

`python bare_listing.py FOLDER OUTPUTS list|grid` makes the same names as the job modules do, from as many dictionaries.
"""

import os
import sys
from itertools import product


def name(a, b):
    """Return the name of an output."""
    return f"{a}_{b}.txt"


def main(folder, outputs, kind):
    """Put the folder's names into a set and make the names of all jobs."""
    with os.scandir(folder) as entries:
        there = {entry.name for entry in entries}
    jobs = ({"a": a, "b": b} for a, b in product(range(outputs // 1000), range(1000)))
    names = [name(**job) for job in (list(jobs) if kind == "list" else jobs)]
    print(len(there), len(names))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
