"""Disks that fill, fail and vanish: the job or the command that meets it fails with its words, and nothing is torn."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ..integration.commands import Jor, outputs, wait_until
from .conftest import Faults, gone
from .projects import CAREFUL_JOBS, COUNT, executions, expected, nothing_is_torn, overlaps

Mount = Callable[[str], Path]
ERRNOS = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS)
named = pytest.mark.parametrize("number", ERRNOS, ids=lambda number: errno.errorcode[number])
named_or_stale = pytest.mark.parametrize("number", [*ERRNOS, errno.ESTALE], ids=lambda number: errno.errorcode[number])


def completed(jor: Jor, project: Path) -> None:
    """Run what is left, without any fault, and assert that all is there and nothing ran twice at once."""
    gone(jor)
    assert jor("run").code == 0
    assert outputs(project) == expected()
    assert overlaps(jor.folder) == []
    assert {path.name for path in project.glob(".jor/*/*")} == {"runs"}


@named_or_stale
@pytest.mark.parametrize("call", ["write", "close", "open"])
def test_output_that_cannot_be_written_fails_its_job_only(
    jor: Jor, project: Path, faults: Faults, number: int, call: str
) -> None:
    done = jor("run", **faults.strike(number, at=2, path="/partial/", role="job", calls=call))
    assert len(faults.strikes) == 1
    assert done.code == 1, done
    assert os.strerror(number) in done.said
    assert nothing_is_torn(project)
    assert f"{COUNT - 1} of {COUNT} jobs done, 1 failed" in done.out
    completed(jor, project)


@named_or_stale
def test_output_that_cannot_be_put_into_place_fails_its_job_only(
    jor: Jor, project: Path, faults: Faults, number: int
) -> None:
    done = jor("run", **faults.strike(number, at=3, path="careful/", role="worker", calls="rename"))
    assert len(faults.strikes) == 1
    assert done.code == 1, done
    assert "the output could not be put into place" in done.said
    assert os.strerror(number) in done.said
    assert nothing_is_torn(project)
    completed(jor, project)


def test_log_that_cannot_be_written_fails_the_jobs_that_print(jor: Jor, project: Path, faults: Faults) -> None:
    text = CAREFUL_JOBS.replace("me = overlaps(i)", "me = overlaps(i)\n        if i == 1: print('x' * 10**5)")
    (jor.folder / "careful.py").write_text(text)
    done = jor("run", **faults.strike(errno.ENOSPC, path=".log", role="job", calls="write", times=1000))
    assert faults.strikes
    assert done.code == 1
    assert "index=1 OSError: [Errno 28] No space left on device" in done.said
    assert f"{COUNT - 1} of {COUNT} jobs done, 1 failed" in done.out
    completed(jor, project)


@named
@pytest.mark.parametrize("at", [1, 2, 5])
@pytest.mark.parametrize("times", [1, 1000], ids=["once", "for ever"])
def test_journal_that_cannot_be_written_stops_the_worker_and_says_so(
    jor: Jor, project: Path, faults: Faults, number: int, at: int, times: int
) -> None:
    wanted = {"path": ".r0.jsonl", "role": "worker", "calls": "write fsync", "times": times}
    done = jor("run", "--workers", 1, **faults.strike(number, at, **wanted))
    assert faults.strikes
    assert "Traceback" not in done.said
    if outputs(project) != expected():  # another worker has made up for one that could not begin
        assert done.code in (1, 2)
        assert os.strerror(number) in done.said
    assert nothing_is_torn(project)
    completed(jor, project)


@named
def test_command_that_cannot_write_its_submission_says_so(jor: Jor, project: Path, faults: Faults, number: int) -> None:
    """At each call that the planning command makes below the output folder."""
    for at in range(1, 40):
        done = jor("run", "--overwrite-output", **faults.strike(number, at, path=project, role="command"))
        if len(faults.strikes) < at:
            break
        assert "Traceback" not in done.said, (faults.strikes[-1], done)
        assert done.code in (0, 1, 2), (faults.strikes[-1], done)
        assert done.code == 0 or os.strerror(number) in done.said, (faults.strikes[-1], done)
        gone(jor)
    assert at > 10
    assert nothing_is_torn(project)
    completed(jor, project)


def test_write_that_is_cut_short_by_a_full_disk_is_no_record(jor: Jor, project: Path, faults: Faults) -> None:
    short = faults.strike(errno.ENOSPC, 2, path=".r0.jsonl", role="worker", calls="write", times=2)
    done = jor("run", "--workers", 1, **short, FAULT_SHORT=1)
    assert done.code == 2
    assert "No space left on device" in done.said
    assert jor("status").code == 0
    completed(jor, project)


def test_disk_that_becomes_read_only_while_jobs_run_tears_nothing(jor: Jor, project: Path, mount: Mount) -> None:
    folder = mount("size=1m")
    process = jor.start("run", "--path-prefix", folder, SECONDS_OF_JOBS=0.5)
    wait_until(lambda: len(executions(jor.folder)) >= 3)
    for _ in range(100):  # busy while a file is open for writing
        if not subprocess.run(["mount", "-o", "remount,ro", folder], capture_output=True).returncode:
            break
    done = jor.end_of(process)
    if done.code:
        assert "Traceback" not in done.said
        assert os.strerror(errno.EROFS) in done.said
    gone(jor)
    subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
    assert nothing_is_torn(folder / project.name)
    assert jor("run", "--path-prefix", folder).code == 0
    assert outputs(folder / project.name) == expected()
    assert overlaps(jor.folder) == []


@pytest.mark.parametrize("what", ["careful", "careful/.jor", "careful/.jor/*/partial", "careful/.jor/*/runs/*"])
def test_folder_that_disappears_while_jobs_run_costs_what_was_in_it(jor: Jor, project: Path, what: str) -> None:
    process = jor.start("run", SECONDS_OF_JOBS=0.3)
    wait_until(lambda: len(executions(jor.folder)) >= 3)
    (folder,) = jor.folder.glob(what)
    shutil.rmtree(folder, ignore_errors=True)
    done = jor.end_of(process)
    assert "Traceback" not in done.err, done
    gone(jor)
    assert not project.exists() or nothing_is_torn(project)
    assert jor("status").code == 0
    completed(jor, project)


def test_link_to_the_outputs_that_is_changed_while_jobs_run_tears_nothing(jor: Jor, project: Path) -> None:
    for name in ("here", "there"):
        (jor.folder / name).mkdir()
    project.symlink_to("here")
    process = jor.start("run", SECONDS_OF_JOBS=0.3)
    wait_until(lambda: len(executions(jor.folder)) >= 3)
    (jor.folder / "new").symlink_to("there")
    (jor.folder / "new").rename(project)
    done = jor.end_of(process)
    assert "Traceback" not in done.err, done
    gone(jor)
    assert nothing_is_torn(jor.folder / "here")
    assert nothing_is_torn(jor.folder / "there")
    assert jor("run").code == 0
    assert outputs(jor.folder / "there") == expected()
    assert overlaps(jor.folder) == []


def test_output_that_is_deleted_while_jobs_run_is_missing_then(jor: Jor, project: Path) -> None:
    process = jor.start("run", SECONDS_OF_JOBS=0.3)
    wait_until((project / "index0.txt").exists)
    (project / "index0.txt").unlink()
    assert jor.end_of(process).code == 0
    assert "it was done, and its output has gone since" in jor("status").said
    assert "1 job to run" in jor("run").out
    completed(jor, project)


@pytest.mark.parametrize("step", [-3600, 3600, -10 * 365 * 86400])
def test_clock_that_is_set_while_jobs_run_disturbs_nothing(jor: Jor, project: Path, faults: Faults, step: int) -> None:
    environment = faults.strike(None)
    process = jor.start("run", **environment, SECONDS_OF_JOBS=0.5)
    wait_until(lambda: len(executions(jor.folder)) >= 3)
    faults.set_clock(step)
    assert "running" in jor("status", **environment).out
    assert jor.end_of(process).code == 0
    (project / "index1.txt").unlink()
    assert jor("run", **environment).code == 0  # a submission that sorts before the others, or long after
    completed(jor, project)


@pytest.mark.parametrize(
    "name",
    [
        "x" * 251 + ".txt",
        "\u00e9" * 125 + ".txt",
        "caf\udce9.txt",
        "deep/" * 200 + "x",
        "a\nb",
        " ",
        "-rf",
        "~",
        "$(id)",
    ],
)
def test_name_at_the_limits_is_an_output(jor: Jor, project: Path, name: str) -> None:
    text = CAREFUL_JOBS + f"\n    def _get_output_fname(self, index):\n        return {name!r}\n"
    (jor.folder / "careful.py").write_text(text)
    (jor.folder / "todo.yaml").write_text("jobs:\n- jobmodule: careful\n  jobargs: n=1\n")
    done = jor("run")
    assert (done.code, done.err) == (0, "")
    assert outputs(project)[name] == expected()["index0.txt"]
    assert "all 1 job done" in jor("run").out
    told = jor("status", "--json")
    assert (told.code, told.err) == (0, "")


@pytest.mark.parametrize("names", [("x", "X"), ("\u00e9", "e\u0301"), ("a ", "a")])
def test_names_that_differ_by_case_or_by_how_an_accent_is_written_are_two(
    jor: Jor, project: Path, names: tuple[str, str]
) -> None:
    text = CAREFUL_JOBS + f"\n    def _get_output_fname(self, index):\n        return {names!r}[index]\n"
    (jor.folder / "careful.py").write_text(text)
    (jor.folder / "todo.yaml").write_text("jobs:\n- jobmodule: careful\n  jobargs: n=2\n")
    assert jor("run").code == 0
    assert [outputs(project)[name] for name in names] == [expected()[f"index{i}.txt"] for i in range(2)]
    assert "all 2 jobs done" in jor("run").out


PLAIN_JOBS = """\
import jor

class Jobs(jor.JobsBase):
    name = "plain"

    def __init__(self, n=1, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = jor.grid(index=range(n))

    def execute(self, i):
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("well")
"""


def test_job_changes_no_more_of_the_file_system_than_its_output_and_its_record(jor: Jor, faults: Faults) -> None:
    """What twice as many jobs do more, in all processes but the command: see the README's row `metadata`."""
    (jor.folder / "plain.py").write_text(PLAIN_JOBS)
    once, twice = (_changes(jor, faults, jobs) for jobs in (20, 40))
    each = {call: (twice[call] - once[call]) / 20 for call in ("open", "write", "rename", "mkdir", "unlink", "rmdir")}
    assert each.pop("write") == 2  # its output; in the journal, its end with the begin of the next
    assert each == {"open": 1, "rename": 1, "mkdir": 0, "unlink": 0, "rmdir": 0}


def _changes(jor: Jor, faults: Faults, jobs: int) -> Counter[str]:
    """Return how often `jobs` jobs, their hosts and their worker made each call that changes what is among outputs."""
    (jor.folder / "todo.yaml").write_text(f"jobs:\n- jobmodule: plain\n  jobargs: n={jobs}\n")
    before = len(faults.strikes)
    noted = faults.strike("0", path=f"of{jobs}/", times=10**6)
    assert jor("run", "--workers", 1, "--path-prefix", f"of{jobs}", **noted).code == 0
    calls = [line.split("\t") for line in faults.strikes[before:]]
    return Counter(call for role, call, *_ in calls if role != "command")


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def test_file_system_without_hard_links_will_do(jor: Jor, project: Path, faults: Faults, number: int) -> None:
    without = {**faults.strike(None), "FAULT_NO_LINKS": str(number)}
    assert jor("check", "--try", **without).code == 0
    runs = [jor.start("run", **without) for _ in range(3)]
    assert {jor.end_of(run).code for run in runs} == {0}
    assert outputs(project) == expected()
    begun = Counter(index for what, index, _ in executions(jor.folder) if what == "begin")
    assert begun == Counter(map(str, [0, *range(COUNT)]))  # job 0 was tried
    assert overlaps(jor.folder) == []
    assert jor("collect", **without).code == 0
    assert {path.name for path in project.glob(".jor/*/*")} == {"runs", "collected.json"}


@pytest.mark.parametrize("how", ["kill", "after"])
def test_command_killed_where_there_are_no_hard_links_leaves_no_lock_for_long(
    jor: Jor, project: Path, faults: Faults, how: str
) -> None:
    without = {"FAULT_NO_LINKS": str(errno.EPERM)}
    for at in range(1, 8):
        jor("run", "--overwrite-output", **faults.strike(how, at, path="/lock", role="command"), **without)
        for lock in project.glob(".jor/lock"):
            os.utime(lock, (lock.stat().st_atime - 60, lock.stat().st_mtime - 60))
        assert jor("run", **faults.strike(None), **without).code == 0
        assert outputs(project) == expected()
    assert not list(project.glob(".jor/lock*"))
