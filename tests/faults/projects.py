"""A sweep whose jobs tell when two of them are the same one at once, and what it looks like undisturbed."""

from __future__ import annotations

from pathlib import Path

#: How many jobs it has.
COUNT = 6

CAREFUL_JOBS = '''\
"""Jobs that write half of their output before a while and half after it, and a file beside it.

Each execution appends when it begins and ends to `executions`, and, when it begins, whether another execution of the
same job is under way: one that has begun, has not ended, and whose process lives.
"""

import os
import time

import jor


def tell(line):
    log = os.open("executions", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, line.encode() + b"\\n")
    os.close(log)


def started(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def overlaps(i):
    me = f"{os.getpid()}~{started(os.getpid())}"
    tell(f"begin {i} {me}")
    with open("executions") as file:
        lines = [line.split() for line in file.read().splitlines()]
    ended = {tuple(words[1:]) for words in lines if words[0] == "end"}
    for kind, job, other in lines:
        if (kind, job) == ("begin", str(i)) and other != me and (job, other) not in ended:
            pid, _, start = other.partition("~")
            if started(pid) == start:
                tell(f"overlap {i} {other}")
    return me


class Jobs(jor.JobsBase):
    name = "careful"

    def __init__(self, n=6, seconds=0.03, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.n = n
        self.seconds = float(os.environ.get("SECONDS_OF_JOBS", seconds))
        self._mk_jobs()

    def _mk_jobs(self):
        self._jobs = [{"index": i} for i in range(self.n)]

    def execute(self, i):
        me = overlaps(i)
        path = self._get_output_path(**self._jobs[i])
        with open(path, "w") as file:
            file.write(f"first half of {i}\\n" * 100)
            file.flush()
            time.sleep(self.seconds)
            file.write(f"second half of {i}\\n" * 100)
        with open(os.path.join(os.path.dirname(path), f"beside{i}"), "w") as file:
            file.write(f"beside {i}\\n" * 100)
        tell(f"end {i} {me}")

    def collect(self):
        folder = self._get_output_folder()
        with open(os.path.join(folder, "all"), "w") as file:
            for path in self.existing_outputs:
                with open(path) as one:
                    file.write(one.read())
'''


def expected(count: int = COUNT) -> dict[str, bytes]:
    """Return the tree that an undisturbed run of `count` jobs leaves, without what jor keeps for itself."""
    halves = {f"index{i}.txt": f"first half of {i}\n" * 100 + f"second half of {i}\n" * 100 for i in range(count)}
    beside = {f"beside{i}": f"beside {i}\n" * 100 for i in range(count)}
    return {name: text.encode() for name, text in {**halves, **beside}.items()}


def nothing_is_torn(folder: Path, count: int = COUNT) -> bool:
    """Tell whether each file at its final place is whole; what collect makes is the class's affair."""
    # Only the folder itself: what is below .jor comes and goes while workers end.
    found = {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file() and path.name != "all"}
    return found.items() <= expected(count).items()


def executions(project: Path) -> list[list[str]]:
    """Return what the executions of jobs have told, in its order: kind, index, process."""
    log = project / "executions"
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def overlaps(project: Path) -> list[list[str]]:
    """Return the executions that have found another of the same job under way."""
    return [words for words in executions(project) if words[0] == "overlap"]
