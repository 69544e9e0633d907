"""SIGKILL at any moment, of any process: no output is lost or torn, nothing is left over, no job runs twice at once."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jor.runtime.events import End
from jor.runtime.run_folder import VERSION

from ..core.runtime.engine import Engine
from ..integration.commands import Jor, descendants, outputs, tree, wait_until
from .conftest import SHORT, Faults, gone, seeds
from .projects import executions, expected, nothing_is_torn, overlaps

Record = Callable[[str, object], None]

#: How often each process is struck: what the command does at its start is done once, what workers do for each job.
ROLES = ("command", "command", "command", "worker", "worker", "job", "job")
#: About how many calls of each change files in a run of the project; where there are less, nothing is struck.
CALLS = {"command": 28, "worker": 42, "job": 42}
KILLS = 5


def as_undisturbed(jor: Jor, project: Path) -> None:
    """Complete the sweep, and assert that it is as if nothing had happened."""
    done = jor("run")
    assert done.code == 0, done
    assert outputs(project) == expected()
    assert jor.processes() == set()
    assert overlaps(jor.folder) == []
    left = {path.name for path in project.glob(".jor/*/*")}
    assert left == {"runs"}


def told(jor: Jor) -> None:
    """Assert that `jor status` can explain what there is."""
    done = jor("status")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("seed", seeds(90))
def test_process_killed_at_any_call_costs_its_job_at_most(
    jor: Jor, project: Path, faults: Faults, seed: int, record_property: Record
) -> None:
    chance = random.Random(seed)
    kills = 0
    for _ in range(KILLS):
        role = chance.choice(ROLES)
        at = chance.randrange(1, CALLS[role] + 1)
        how = chance.choice(("kill", "after", "half"))
        before = outputs(project) if project.exists() else {}
        args = chance.choice(([], ["--overwrite-output"]))
        done = jor("run", *args, **faults.strike(how, at, path=project, role=role))
        struck = faults.strikes[kills:]
        kills += len(struck)
        assert "Traceback" not in done.err, done
        codes = {-signal.SIGKILL} if role == "command" else {0, 1}  # a worker may have had no job
        assert done.code in (codes if struck else {0}), (struck, done)
        gone(jor)
        if project.exists():
            assert nothing_is_torn(project), struck
            assert before.keys() <= outputs(project).keys(), struck
        told(jor)
    as_undisturbed(jor, project)
    record_property("kills", kills)


@pytest.mark.parametrize("how", ["kill", "after", "half"])
@pytest.mark.parametrize("part", range(4))
def test_submission_killed_at_each_call_is_whole_or_none(
    jor: Jor, project: Path, faults: Faults, part: int, how: str, record_property: Record
) -> None:
    kills = 0
    for at in range(part + 1, 10 if SHORT else CALLS["command"] + 1, 4):
        jor("run", "--overwrite-output", **faults.strike(how, at, path="/.jor/", role="command"))
        kills = len(faults.strikes)
        gone(jor)
        told(jor)
        for submission in project.glob(".jor/*/runs/*/submission.json"):
            assert json.loads(submission.read_text())["version"] == VERSION
    as_undisturbed(jor, project)
    record_property("kills", kills)


@pytest.mark.parametrize("seed", seeds(24))
def test_command_killed_at_any_time_may_run_again_at_once(
    jor: Jor, project: Path, seed: int, record_property: Record
) -> None:
    chance = random.Random(seed)
    jor("run", "--test")  # compiles what Python imports
    for _ in range(KILLS):
        process = jor.start("run", "--overwrite-output", SECONDS_OF_JOBS=0.1)
        time.sleep(chance.random())
        process.kill()
        jor.end_of(process)
        assert nothing_is_torn(project)
    gone(jor)
    as_undisturbed(jor, project)
    record_property("kills", KILLS)


@pytest.mark.parametrize("seed", seeds(24))
def test_worker_host_or_job_killed_at_any_time_costs_its_job_at_most(
    jor: Jor, project: Path, seed: int, record_property: Record
) -> None:
    chance = random.Random(seed)
    kills = 0
    for _ in range(KILLS):
        process = jor.start("run", "--overwrite-output", SECONDS_OF_JOBS=0.1)
        time.sleep(0.2 + chance.random())
        for pid in descendants(process.pid, chance.randrange(1, 4))[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                kills += 1
        done = jor.end_of(process)
        assert done.code in (0, 1), done
        assert done.err == "" or done.code, done
        assert nothing_is_torn(project)
        told(jor)
    as_undisturbed(jor, project)
    record_property("kills", kills)


@pytest.mark.parametrize("seed", seeds(3))
def test_status_killed_at_any_time_changes_nothing(jor: Jor, project: Path, seed: int, record_property: Record) -> None:
    jor("run")
    (project / "index1.txt").unlink()
    jor("status")  # compiles what Python imports
    before = tree(jor.folder)
    chance = random.Random(seed)
    for _ in range(KILLS):
        process = jor.start("status")
        time.sleep(chance.random() * 0.3)
        process.kill()
        jor.end_of(process)
        assert tree(jor.folder) == before
    record_property("kills", KILLS)


@pytest.mark.parametrize("how", ["kill", "after", "half"])
def test_collect_killed_at_each_call_is_done_by_the_next(
    jor: Jor, project: Path, faults: Faults, how: str, record_property: Record
) -> None:
    jor("run")
    whole = outputs(project)
    for at in range(1, 13):
        done = jor("collect", **faults.strike(how, at, path=project))
        assert done.code == (-signal.SIGKILL if len(faults.strikes) == at else 0), done
        assert whole.items() <= outputs(project).items()
        for note in project.glob(".jor/*/collected.json"):
            json.loads(note.read_text())
        if done.code == 0:
            break
    assert jor("collect").code == 0
    assert outputs(project)["all"] == b"".join(expected()[f"index{i}.txt"] for i in range(6))
    (note,) = project.glob(".jor/*/collected.json")
    assert json.loads(note.read_text())["included"] == {"count": 6, "jobs": [[0, 5]]}
    assert {path.name for path in project.glob(".jor/*/*")} == {"runs", "collected.json"}
    record_property("kills", len(faults.strikes))


def test_worker_that_outlives_its_command_is_waited_for(jor: Jor, project: Path) -> None:
    """A worker that has not noticed yet that its command is dead, since it is stopped, or the machine is overloaded."""
    process = jor.start("run", SECONDS_OF_JOBS=3)
    wait_until(lambda: len(executions(jor.folder)) == 2)
    workers = descendants(process.pid, 1)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    process.kill()
    again = jor.start("run")
    time.sleep(1.5)
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    done = jor.end_of(again)
    assert done.code == 0
    assert any(f"waiting for process {worker} on " in done.out for worker in workers)
    as_undisturbed(jor, project)


def test_worker_begins_no_job_when_its_command_is_dead(jor: Jor, project: Path) -> None:
    process = jor.start("run", SECONDS_OF_JOBS=0.5)
    wait_until(lambda: len(executions(jor.folder)) >= 2)
    workers = descendants(process.pid, 1)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: sum(words[0] == "end" for words in executions(jor.folder)) == 2)  # jobs go on meanwhile
    process.kill()
    process.wait()
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    gone(jor)
    assert sum(words[0] == "begin" for words in executions(jor.folder)) == 2
    as_undisturbed(jor, project)


def test_submission_that_was_never_finished_is_deleted_in_time(jor: Jor, project: Path) -> None:
    jor("run")
    (runs,) = project.glob(".jor/*/runs")
    for name, age in (("1-old", 4000), ("1-new", 0)):
        (runs / name).mkdir()
        (runs / name / "jobs.jsonl").touch()
        os.utime(runs / name, (time.time() - age,) * 2)
    (project / "index1.txt").unlink()
    as_undisturbed(jor, project)
    assert sorted(path.name for path in runs.glob("1-*")) == ["1-new"]


BATCH = {"jobs_per_task": 4, "workers_per_task": 1, "time_limit": None, "warning": 0, "requeue": []}
#: About how many calls of each change files in the first attempt at a task; the worker's first two are its claim.
CALLS_OF_TASK = {"worker": range(3, 22), "job": range(1, 17)}
#: Written in two steps: what is only half of it is never to be seen.
ARRAY_JOB = """\
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("wh")
            file.flush()
            file.write("ole")
"""


@pytest.mark.parametrize("seed", seeds(60))
def test_array_task_killed_at_any_call_goes_on_in_its_next_attempt(
    tmp_path: Path, faults: Faults, seed: int, record_property: Record
) -> None:
    chance = random.Random(seed)
    one = Engine(tmp_path, ARRAY_JOB, ["a", "b", "c", "d"], batch=BATCH)
    restarts = 3
    for restart in range(restarts):
        role = chance.choice(("worker", "worker", "job"))
        how = chance.choice(("kill", "after", "half"))
        at = chance.choice(CALLS_OF_TASK[role])
        one.start_task(0, restart, **faults.strike(how, at, path=tmp_path, role=role)).wait()
        wait_until(lambda: not _processes(tmp_path))
        texts = {path.read_text() for path in one.output.glob("*.txt")}
        assert texts <= {"whole"}
    assert one.start_task(0, restarts).wait() in (0, 1)
    failed = {record.index for n in range(restarts) for record in one.events(End, f"task-0.r{n}") if record.error}
    whole = {f"how{how}.txt": b"whole" for index, how in enumerate("abcd") if index not in failed}
    assert outputs(one.output) == whole
    record_property("kills", len(faults.strikes))


@pytest.mark.parametrize("case", seeds(3))
def test_array_task_killed_while_it_claims_its_task_is_waited_for_and_replaced(
    tmp_path: Path, faults: Faults, case: int, record_property: Record
) -> None:
    """Who it was cannot be told: it is given the time in which it would have stopped, 75 s."""
    one = Engine(tmp_path, ARRAY_JOB, ["a", "b", "c", "d"], batch=BATCH, grace_period=0)
    how, at = (("half", 2), ("after", 1), ("kill", 2))[case]
    one.start_task(0, 0, **faults.strike(how, at, path=tmp_path, role="worker")).wait()
    assert len(faults.strikes) == 1
    process = one.start_task(0, 1).process
    assert process is not None
    assert process.wait(200) == 0
    assert outputs(one.output) == {f"how{how}.txt": b"whole" for how in "abcd"}
    record_property("kills", 1)


def _processes(folder: Path) -> list[str]:
    """Return the processes whose command line names the folder."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes())
    return [line.decode(errors="replace") for line in lines if os.fsencode(folder) in line]


#: Jobs that write the version of the code, in two steps; in place, they go on from what is there.
VERSIONED_JOBS = """\
import os
import jor

class Jobs(jor.JobsBase):
    name = "careful"
    mem = "10M"
    atomic_output = {atomic}

    def _mk_jobs(self):
        self._jobs = jor.grid(index=range(4))

    def execute(self, i):
        with open(self._get_output_path(**self._jobs[i]), "a+", buffering=1) as file:
            file.seek(0)
            for _ in range(len(file.readlines()), 2):
                file.write(os.environ["CODE"] + "\\n")
"""
OLD, NEW = b"1\n1\n", b"2\n2\n"


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("seed", seeds(30))
def test_rerun_killed_at_any_call_is_completed_by_the_next_run(
    jor: Jor, project: Path, faults: Faults, seed: int, atomic: bool, record_property: Record
) -> None:
    """All outputs are of before, if it was killed before it had marked them; or all are new in the end: never both."""
    (project.parent / "careful.py").write_text(VERSIONED_JOBS.format(atomic=atomic))
    chance = random.Random(seed)
    jor("run", CODE=1)
    for role in ("command", chance.choice(ROLES)):
        at, how = chance.randrange(1, CALLS[role] + 12), chance.choice(("kill", "after", "half"))
        path = chance.choice((project, "/.jor/"))
        first = () if role != "command" and (project / ".jor" / "marks.json").exists() else ("--overwrite-output",)
        jor("run", *first, CODE=2, **faults.strike(how, at, path=path, role=role))
        gone(jor)
        found = outputs(project)
        done = json.loads(jor("status", "--json").out)["counts"]["done"]
        assert done <= max(list(found.values()).count(OLD), list(found.values()).count(NEW)), faults.strikes
        is_marked = (project / ".jor" / "marks.json").exists() or NEW in found.values()
        assert jor("run", CODE=2).code == 0
        assert set(outputs(project).values()) == {NEW if is_marked else OLD}, faults.strikes
        assert {path.name for path in project.glob(".jor/*/*")} <= {"runs", "in-place"}
    record_property("kills", len(faults.strikes))
