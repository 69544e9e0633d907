"""Row start: what a worker's start costs before the job module loads."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

from peers import HERE, Peers
from results import Measured
from sizes import Sizes
from timing import environment, interleaved, run

#: What a worker's feed says: run the first job, then end.
_FEED = struct.pack("<QQ", 0, 2**64 - 1)


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    worker = _Worker(folder, peers)

    def started(*words: str) -> float:
        return run([sys.executable, *words], folder).seconds * 1000

    contestants = {
        "pass": lambda: started("-c", "pass"),
        "help": lambda: started("-m", "jor", "exec", "--help"),
        "module": worker.start,
    }
    found = interleaved(contestants, sizes.rounds_quick)
    return [Measured(f"start-{name}", found[name], found["pass"]) for name in ("help", "module")]


class _Worker:
    """Starts workers of a submission whose job module writes down when it is loaded."""

    def __init__(self, folder: Path, peers: Peers) -> None:
        shutil.copy(HERE / "jobs/stamped.py", folder)
        run([peers.jor, "submit", "stamped.py"], folder)
        (submission,) = folder.glob("stamped/.jor/*/runs/*/submission.json")
        self._run = submission.parent
        self._stamp = folder / "loaded.txt"
        self._tasks = count(1000)

    def start(self) -> float:
        """Return the milliseconds from the start of a worker to the first line of the job module."""
        argv = [sys.executable, "-m", "jor", "exec", str(self._run), str(next(self._tasks))]
        (self._run / "alive").touch()  # the lock of the run, which is over: a worker without one stops
        self._stamp.unlink()
        began = time.monotonic()
        # A run would not do: a worker takes the end of its input for the death of the command.
        with subprocess.Popen(argv, env=environment(), stdin=subprocess.PIPE, cwd=self._run) as process:
            assert process.stdin is not None
            process.stdin.write(_FEED)
            process.stdin.flush()
            status = process.wait()
        if status:
            sys.exit(f"{' '.join(argv)} ended with exit code {status}")
        return (float(self._stamp.read_text()) - began) * 1000
