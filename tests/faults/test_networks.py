"""A network file system: two nodes whose caches lag behind each other, for ever in what these tests can see of it.

One node sees a folder by bindfs as it is. The other remembers for an hour what a file was like and that there was none,
as clients of NFS do for a minute: nfs(5), "Directory entry caching".
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jor.runs.lease import Lease
from jor.runtime.events import Begin, End

from ..core.runtime.engine import Engine
from ..integration.commands import Jor, outputs, wait_until
from .conftest import seeds
from .projects import CAREFUL_JOBS, COUNT, executions, expected, nothing_is_torn, overlaps

#: Seconds that the far node remembers anything.
MEMORY = 3600
#: Runs a command on the far node: where that has the folder of this one.
ON_FAR_NODE = 'mount --bind "$0" "$1" && cd "$2" && shift 2 && exec "$@"'
#: Between the listing of the outputs and the reading of the records, each output is looked for, and made then.
TOO_EARLY = """\
import os, time
from jor.planning.history import History
read = History.read
def later(*args, **options):
    for i in range(1, 6):
        assert not os.path.exists(f"careful/index{i}.txt")
    open("listed", "w").close()
    while "made" not in os.listdir():
        time.sleep(0.1)
    return read(*args, **options)
History.read = later
"""


class Nodes:
    """The folder of a project as this node sees it, and what starts a command on the far one."""

    def __init__(self, near: Path, far: Path) -> None:
        self.folder = near / "project"
        self.on_far = ("unshare", "--mount", "sh", "-c", ON_FAR_NODE, far, near, self.folder)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    """Give two nodes."""
    if shutil.which("bindfs") is None:
        pytest.fail("the tests of network file systems need bindfs: apt-get install bindfs")
    server, near, far = (tmp_path / name for name in ("server", "near", "far"))
    (server / "project").mkdir(parents=True)
    try:
        for folder, seconds in ((near, 0), (far, MEMORY)):
            folder.mkdir()
            caches = ",".join(f"{cache}_timeout={seconds}" for cache in ("attr", "entry", "negative"))
            done = subprocess.run(["bindfs", "-o", caches, server, folder], capture_output=True, text=True)
            if done.returncode:
                pytest.fail(f"the tests of network file systems need FUSE (/dev/fuse, as root): {done.stderr.strip()}")
        yield Nodes(near, far)
    finally:
        for folder in (near, far):
            subprocess.run(["umount", "-l", folder], capture_output=True)


@pytest.fixture
def near(nodes: Nodes, tmp_path: Path) -> Iterator[Jor]:
    """Give the command on this node, in a project of jobs that tell of each other."""
    (nodes.folder / "careful.py").write_text(CAREFUL_JOBS)
    (nodes.folder / "todo.yaml").write_text("jobs:\n- jobmodule: careful\n")
    (nodes.folder / "jor.cfg").write_text("[local]\nworkers = 2\n")
    (tmp_path / "executions").touch()
    (nodes.folder / "executions").symlink_to(tmp_path / "executions")  # what the test itself needs at once
    command = Jor(nodes.folder)
    yield command
    command.end()


@pytest.fixture
def far(nodes: Nodes, near: Jor) -> Iterator[Jor]:
    """Give the command on the far node."""
    command = Jor(nodes.folder, nodes.on_far)
    yield command
    command.end()


def begun(folder: Path) -> list[int]:
    """Return the jobs that were begun, in ascending order."""
    return sorted(int(words[1]) for words in executions(folder) if words[0] == "begin")


def test_far_node_remembers_that_there_was_no_file(nodes: Nodes, near: Jor) -> None:
    """What these tests rest upon."""
    see = [*map(str, nodes.on_far), "sh", "-c", "test -e new && echo there; ls"]
    subprocess.run(see, cwd=nodes.folder, check=True, capture_output=True)
    (nodes.folder / "new").touch()
    assert subprocess.run(see, cwd=nodes.folder, check=True, capture_output=True, text=True).stdout.split() == [
        "careful.py", "executions", "jor.cfg", "new", "todo.yaml"
    ]  # fmt: skip


def test_outputs_made_on_another_node_are_seen_at_once(near: Jor, far: Jor) -> None:
    near("run", "--test")
    assert f"careful 1 {COUNT - 1} {COUNT}" in far("status").said
    assert near("run").code == 0
    assert f"careful {COUNT} 0 {COUNT}" in far("status").said
    assert f"all {COUNT} jobs done" in far("run").out
    assert begun(near.folder) == list(range(COUNT))
    assert far("collect", "--missing-output", "raise").code == 0
    assert (near.folder / "careful" / "all").read_bytes() == b"".join(expected()[f"index{i}.txt"] for i in range(COUNT))


def test_output_that_a_node_has_looked_for_too_early_is_seen(near: Jor, far: Jor) -> None:
    near("run", "--test")
    (near.folder / "early").mkdir()
    (near.folder / "early" / "sitecustomize.py").write_text(TOO_EARLY)
    process = far.start("status", PYTHONPATH=near.folder / "early")
    wait_until((near.folder / "listed").exists)
    assert near("run").code == 0
    (near.folder / "made").touch()
    assert f"careful {COUNT} 0 {COUNT}" in far.end_of(process).said


def test_run_on_another_node_leaves_jobs_that_run_to_who_runs_them(near: Jor, far: Jor) -> None:
    far("status")
    process = near.start("run", SECONDS_OF_JOBS=600)
    wait_until(lambda: len(executions(near.folder)) == 2)
    assert f"left to process {process.pid}" in far("run").out
    assert f"left to process {process.pid}" in far("run", "--overwrite-output").out
    assert begun(near.folder) == [0, 1]


def test_submission_that_a_node_does_not_see_yet_is_not_passed_over(near: Jor, far: Jor) -> None:
    process = near.start("run", SECONDS_OF_JOBS=600)
    wait_until(lambda: len(executions(near.folder)) == 2)
    (submission,) = near.folder.glob("careful/.jor/*/runs/*/submission.json")
    submission.rename(submission.with_suffix(".partial"))
    far("status")  # while it is being written: there is none yet
    submission.with_suffix(".partial").rename(submission)
    assert f"left to process {process.pid}" in far("run").out
    assert process.poll() is None
    assert begun(near.folder) == [0, 1]


@pytest.mark.parametrize("seed", seeds(12))
def test_runs_on_two_nodes_at_once_execute_each_job_once(near: Jor, far: Jor, seed: int) -> None:
    far("status")
    commands = [(jor, jor.start("run")) for _ in range(3) for jor in ((near, far) if seed % 2 else (far, near))]
    for jor, command in commands:
        done = jor.end_of(command)
        assert (done.code, done.err) == (0, "")
    assert begun(near.folder) == list(range(COUNT))
    assert overlaps(near.folder) == []
    assert outputs(near.folder / "careful") == expected()


def test_failure_on_another_node_is_never_taken_for_an_output(near: Jor, far: Jor) -> None:
    text = CAREFUL_JOBS.replace("me = overlaps(i)", "me = overlaps(i)\n        assert i != 2")
    (near.folder / "careful.py").write_text(text)
    near("run", "--test")
    far("status")
    process = near.start("run", SECONDS_OF_JOBS=0.3)
    while process.poll() is None:
        assert far("status").code == 0  # reads the journals half-way, and remembers how long they were
    near.end_of(process)
    assert f"careful {COUNT - 1} " in far("status").said
    assert nothing_is_torn(near.folder / "careful")
    assert near("status").said.count("AssertionError") == 1


def test_run_of_the_dead_is_cleared_away_by_a_node_that_still_sees_it(near: Jor, far: Jor) -> None:
    process = near.start("run", SECONDS_OF_JOBS=0.5)
    wait_until(lambda: len(executions(near.folder)) >= 2)
    assert "running" in far("status").out
    process.kill()
    wait_until(lambda: near.processes() == set())
    assert near("run").code == 0  # deletes the file that says who carries the submission out
    assert far("run", "--overwrite-output").code == 0
    assert outputs(near.folder / "careful") == expected()
    assert overlaps(near.folder) == []


def test_lock_that_a_node_does_not_see_yet_is_waited_for(near: Jor, nodes: Nodes) -> None:
    near("run", "--test")
    (folder,) = near.folder.glob("careful/.jor/*")
    waits = "import os; from jor import BusyError; from jor.runs.lease import acquire\n"
    waits += "os.path.exists('lock'); print(flush=True); input()\n"
    waits += "try: acquire(os.path.abspath('lock'), print, 0.5)\nexcept BusyError as error: print(error.what)"
    argv = [*map(str, nodes.on_far), "env", f"--chdir={folder}", sys.executable, "-c", waits]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # it has looked for the lock, in vain
    held = Lease(str(folder / "lock"))
    said, _ = process.communicate("\n", timeout=60)
    assert "has been planning jobs of this folder" in said
    assert held.is_mine()


@pytest.mark.parametrize("word", ["another attempt at its task has begun", "submitted again"])
def test_array_task_on_another_node_hears_what_is_written_after_it_began(nodes: Nodes, word: str) -> None:
    batch = {"jobs_per_task": 3, "workers_per_task": 1, "time_limit": None, "warning": 0, "requeue": []}
    one = Engine(nodes.folder, "        time.sleep(600)", ["a", "b"], batch=batch, grace_period=0.1)
    process = one.start_task(prefix=nodes.on_far).process
    assert process is not None
    wait_until(lambda: one.events(Begin))
    name, text = (
        ("revoked", f'{{"tasks": [[0, 0]], "why": "{word}"}}\n') if "submitted" in word else ("task-0.r1.jsonl", "")
    )
    (one.run / name).write_text(text)
    assert process.wait(60) == 1
    assert word in str(one.events(End))
    assert one.outputs() == []


def test_old_attempt_on_another_node_stops_when_a_new_one_begins(nodes: Nodes) -> None:
    batch = {"jobs_per_task": 3, "workers_per_task": 1, "time_limit": None, "warning": 0, "requeue": []}
    body = "        seconds = 1 if os.path.exists('begun') else 600\n        open('begun', 'w').close()\n"
    body += "        time.sleep(seconds)\n        self.write(i)"
    one = Engine(nodes.folder, body, ["a", "b", "c"], batch=batch, grace_period=0.1)
    old = one.start_task(prefix=nodes.on_far).process
    wait_until((nodes.folder / "begun").exists)
    assert one.start_task(restart=1).wait() == 0
    assert old is not None
    assert old.wait(60) == 1
    assert one.outputs() == ["howa.txt", "howb.txt", "howc.txt"]
    assert "another attempt at its task has begun" in str(one.events(End))
