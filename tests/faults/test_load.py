"""Very many jobs: each is accounted for, journals agree with what came out, and memory stays flat."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from jor.runtime.events import Begin, End, Over
from jor.runtime.journal import Reader

from ..integration.commands import Jor, children, descendants
from .conftest import SHORT

Record = Callable[[str, object], None]

#: How many jobs, and how many outputs in one folder.
JOBS = 3_000 if SHORT else 100_000
OUTPUTS = 100_000 if SHORT else 1_000_000
#: Bytes by which no process may grow from the end of the first tenth of the jobs to that of the last.
GROWTH = 4 * 2**20

JOBS_OF_LOAD = """\
import os, signal, sys
import jor

class Jobs(jor.JobsBase):
    name = "load"

    def __init__(self, n=1, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = jor.grid(index=range(n))
        self._ways = {}
        if os.path.exists("ways"):
            with open("ways") as file:
                self._ways = {int(i): way for i, way in map(str.split, file)}

    def execute(self, i):
        way = self._ways.get(i)
        if way == "raise":
            raise ValueError("no good")
        if way == "exit":
            sys.exit(3)
        if way == "vanish":
            os._exit(0)
        if way == "forget":
            return
        if way in ("SIGKILL", "SIGSEGV"):
            os.kill(os.getpid(), getattr(signal, way))
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("" if way == "empty" else str(i))
"""
#: Ways to go wrong, and what is said of it; an output that a job has written and left empty is one.
WAYS = {
    "raise": "ValueError: no good",
    "exit": "sys.exit(3)",
    "vanish": "its process ended before execute had returned",
    "forget": "execute returned, but has not written its output",
    "SIGKILL": "killed by signal 9, SIGKILL",
    "SIGSEGV": "killed by signal 11, SIGSEGV",
    "empty": "",
}


def test_jobs_of_which_one_in_a_hundred_fails_are_all_accounted_for(
    jor: Jor, tmp_path: Path, record_property: Record
) -> None:
    chance = random.Random(7)
    ways = dict(zip(sorted(chance.sample(range(JOBS), JOBS // 100)), itertools.cycle(WAYS)))
    failing = {index: WAYS[way] for index, way in ways.items() if WAYS[way]}
    (tmp_path / "load.py").write_text(JOBS_OF_LOAD)
    (tmp_path / "todo.yaml").write_text(f"jobs:\n- {{jobmodule: load, jobargs: n={JOBS}}}\n")
    (tmp_path / "ways").write_text("".join(f"{index} {way}\n" for index, way in ways.items()))

    process = jor.start("run", "--workers", 2)
    grown = growth(process, tmp_path / "load")
    done = jor.end_of(process)
    assert done.code == 1, done.err
    assert f"{JOBS - len(failing):,} of {JOBS:,} jobs done, {len(failing)} failed" in done.out
    assert {name: size for name, size in grown.items() if size > GROWTH} == {}
    assert len(grown) >= 5  # the command, two workers and their hosts

    told = json.loads(jor("status", "--json").out)
    assert told["counts"]["done"] + told["counts"]["failed"] == JOBS
    problems = told["entries"][0]["problems"]
    assert {one["job"]: one["reason"].partition(" (")[0] for one in problems} == failing
    assert {one["status"] for one in problems} == {"failed"}
    (first,) = (tmp_path / "load").glob(".jor/*/runs/*")
    assert journals(first) == (set(range(JOBS)), set(failing))

    (tmp_path / "ways").unlink()
    assert jor("run").code == 0
    second = max((tmp_path / "load").glob(".jor/*/runs/*"))
    assert journals(second) == (set(failing), set())
    contents = Counter((tmp_path / "load" / f"index{i}.txt").read_text() == str(i) for i in range(JOBS))
    assert contents == {True: JOBS - list(ways.values()).count("empty"), False: list(ways.values()).count("empty")}
    assert f"all {JOBS:,} jobs done" in jor("run").out
    assert jor.processes() == set()
    record_property("jobs", JOBS + len(failing))


def growth(command: subprocess.Popen[str], outputs: Path) -> dict[str, int]:
    """Return by how many bytes each process of a run has grown since a tenth of its outputs was there."""
    early: dict[str, int] = {}
    late: dict[str, int] = {}
    while command.poll() is None:
        sizes = {f"command {command.pid}": resident(command.pid)}
        sizes |= {f"worker {pid}": resident(pid) for pid in descendants(command.pid, 1)}
        sizes |= {f"host {host}": resident(host) for pid in descendants(command.pid, 1) for host in children(pid)}
        is_early = not outputs.exists() or len(os.listdir(outputs)) < JOBS // 10
        for name, size in sizes.items():
            if is_early or name not in early:
                early[name] = max(early.get(name, 0), size)
            late[name] = max(late.get(name, 0), size)
        time.sleep(0.2)
    return {name: size - early[name] for name, size in late.items()}


def resident(pid: int) -> int:
    """Return how many bytes of memory a process has; 0 if it has gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, IndexError):
        return 0


def journals(run: Path) -> tuple[set[int], set[int]]:
    """Return which jobs the journals of a submission saw to their end, and which of them failed.

    Each job has one beginning and one end, no record is damaged or lost, and their sums are the workers' own.
    """
    begun: Counter[int] = Counter()
    ended: Counter[int] = Counter()
    failed: set[int] = set()
    for path in run.glob("*.jsonl"):
        if path.name == "jobs.jsonl":
            continue
        mine = Reader(str(path)).poll()
        assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == list(range(len(mine)))
        begun.update(event.index for event in mine if isinstance(event, Begin))
        ends = [event for event in mine if isinstance(event, End)]
        ended.update(end.index for end in ends)
        failed.update(end.index for end in ends if not end.ok)
        (over,) = [event for event in mine if isinstance(event, Over)]
        assert over.done + over.failed == len(ends)
    assert begun == ended
    assert set(begun.values()) == {1}
    return set(ended), failed


def test_million_outputs_in_a_folder_are_counted_and_what_is_missing_runs(
    jor: Jor, tmp_path: Path, record_property: Record
) -> None:
    (tmp_path / "load.py").write_text(JOBS_OF_LOAD)
    (tmp_path / "todo.yaml").write_text(f"jobs:\n- {{jobmodule: load, jobargs: n={OUTPUTS}}}\n")
    folder = tmp_path / "load"
    folder.mkdir()
    for index in range(OUTPUTS):
        name = f"{folder}/index{index}.txt"
        if index % 30_000:  # a file of ext4 has 65,000 names at most
            os.link(f"{folder}/index{index - index % 30_000}.txt", name)
        else:
            Path(name).write_text("made before")
    before = sorted(os.listdir(tmp_path))
    assert f"all {OUTPUTS:,} jobs done" in jor("run").out
    assert sorted(os.listdir(tmp_path)) == before
    assert not (folder / ".jor").exists()
    gone = sorted(random.Random(1).sample(range(OUTPUTS), 20))
    for index in gone:
        (folder / f"index{index}.txt").unlink()
    told = json.loads(jor("status", "--json").out)
    assert told["counts"] == {**dict.fromkeys(told["counts"], 0), "done": OUTPUTS - 20, "missing": 20}
    assert jor("run").code == 0
    (run,) = folder.glob(".jor/*/runs/*")
    assert journals(run) == (set(gone), set())
    assert json.loads(jor("status", "--json").out)["counts"]["done"] == OUTPUTS
    assert len(os.listdir(folder)) == OUTPUTS + 1
    record_property("jobs", OUTPUTS)
