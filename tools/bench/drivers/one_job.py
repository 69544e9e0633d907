"""One job of a kind, as those run it that start a Python for each: `python one_job.py KIND FOLDER INDEX`.

INDEX may be the name of an environment variable that holds it. It stands on the standard library alone, but for the
jobs `numeric`, which import NumPy and SciPy as many job modules do.
"""

import os
import sys
import time

#: How long a job of each kind sleeps, seconds.
SLEEP = {"empty": 0.0, "10ms": 0.01, "1s": 1.0, "numeric": 0.0}


def prepare(kind):
    """Import what jobs of this kind import."""
    if kind == "numeric":
        import numpy  # noqa: F401
        import scipy.linalg
        import scipy.optimize  # noqa: F401


def work(kind, folder, index):
    """Do the job: a few bytes into a file of its own."""
    prepare(kind)
    time.sleep(SLEEP[kind])
    with open(os.path.join(folder, f"{index}.txt"), "w") as file:
        file.write(f"{index}\n")


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2], int(os.environ.get(sys.argv[3], sys.argv[3])))
