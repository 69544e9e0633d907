"""What may befall a run: signals, deaths, disks. No output is half-written, nothing is lost, nothing runs twice."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .commands import SLOW_JOBS, Jor, descendants, outputs, slow_output, tree, wait_until

Write = Callable[..., None]

ALL = {f"index{i}.txt": slow_output(i) for i in range(40)}
#: Generations below the command.
WORKER, HOST, JOB = 1, 2, 3


def executed(project: Path) -> list[int]:
    """Return the indices of the jobs that were executed, in order."""
    log = project / "executed.log"
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def running(jor: Jor, count: int, *args: object, **environment: object) -> subprocess.Popen[str]:
    """Start a run, and return it when `count` of its jobs have begun."""
    process = jor.start("run", *args, **environment)
    wait_until(lambda: process.poll() is not None or len(executed(jor.folder)) >= count)
    assert process.poll() is None
    return process


def nothing_is_half_written(folder: Path) -> bool:
    """Tell whether each output that stands is whole."""
    return outputs(folder).items() <= ALL.items()


def kill_one(generation: int, command: subprocess.Popen[str]) -> None:
    """Kill a process of that generation below the command, as soon as there is one."""
    killed = []

    def try_it() -> bool:
        for pid in descendants(command.pid, generation):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it has just ended
            killed.append(pid)
            break
        return bool(killed) or command.poll() is not None

    wait_until(try_it)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signal_stops_the_run_cleanly(jor: Jor, slow: Path, number: int, code: int) -> None:
    process = running(jor, 2, SECONDS_OF_JOBS=600)
    process.send_signal(number)
    done = jor.end_of(process)
    assert done.code == code
    assert outputs(slow) == {}
    assert jor.processes() == set()
    assert f"Stopped by {signal.Signals(number).name}: 0 of 40 jobs done" in done.out


@pytest.mark.parametrize("begun", [4, 0], ids=["jobs running", "workers starting"])
def test_many_workers_that_were_stopped_are_not_called_unable_to_begin(jor: Jor, slow: Path, begun: int) -> None:
    process = running(jor, begun, "--workers", 4, SECONDS_OF_JOBS=600)
    wait_until(lambda: len(descendants(process.pid, WORKER)) >= 4)
    process.send_signal(signal.SIGINT)
    done = jor.end_of(process)
    assert (done.code, done.err) == (130, "")
    assert f"Stopped by SIGINT: 0 of 40 jobs done, {begun} interrupted" in done.out or not begun


def test_status_tells_what_a_signal_has_left(jor: Jor, slow: Path) -> None:
    process = running(jor, 2, SECONDS_OF_JOBS=600)
    process.send_signal(signal.SIGINT)
    jor.end_of(process)
    told = jor("status").out
    assert told.splitlines()[0].split() == ["entry", "done", "interrupted", "missing", "total"]
    assert told.splitlines()[1].split() == ["slow(n=40)", "0", "2", "38", "40"]


def test_next_run_completes_what_a_signal_has_stopped(jor: Jor, slow: Path) -> None:
    process = running(jor, 5)
    process.send_signal(signal.SIGINT)
    jor.end_of(process)
    assert nothing_is_half_written(slow)
    kept = len(outputs(slow))
    assert f"{40 - kept} jobs to run" in jor("run").out
    assert outputs(slow) == ALL


def test_ctrl_c_reaches_the_command_through_the_terminal(jor: Jor, slow: Path) -> None:
    process = running(jor, 2, SECONDS_OF_JOBS=600)
    os.killpg(process.pid, signal.SIGINT)
    assert jor.end_of(process).code == 130
    assert jor.processes() == set()


STUBBORN = """\
import os, signal, time
import jor

class Jobs(jor.JobsBase):
    name = "stubborn"

    def _mk_jobs(self):
        self._jobs = [{"index": i} for i in range(2)]

    def execute(self, i):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
        open(f"begun{i}", "w").close()
        time.sleep(600)
"""


def test_second_ctrl_c_kills_at_once(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(stubborn=STUBBORN, todo="jobs:\n- jobmodule: stubborn\n")
    process = jor.start("run", "--workers", 2, "--grace-period", 3600)
    wait_until(lambda: (tmp_path / "begun0").exists() and (tmp_path / "begun1").exists())
    process.send_signal(signal.SIGINT)
    wait_until(lambda: _stops(jor))
    process.send_signal(signal.SIGINT)
    assert jor.end_of(process).code == 130
    assert jor.processes() == set()


def _stops(jor: Jor) -> bool:
    """Tell whether the signal has been passed on: both jobs and their hosts block it, so that it is pending."""
    pending = 0
    for pid in jor.processes():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue  # it has ended
        mask = re.search(r"^ShdPnd:\s*(\w+)", status, re.MULTILINE)
        pending += mask is not None and bool(int(mask[1], 16) & 1 << (signal.SIGINT - 1))
    return pending == 4


def test_job_that_ignores_signals_is_killed_after_the_grace_period(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(stubborn=STUBBORN, todo="jobs:\n- jobmodule: stubborn\n")
    process = jor.start("run", "--workers", 2, "--grace-period", 0.5)
    wait_until(lambda: (tmp_path / "begun0").exists() and (tmp_path / "begun1").exists())
    process.terminate()
    assert jor.end_of(process).code == 143
    assert jor.processes() == set()


@pytest.mark.parametrize("isolation", ["fork", "spawn", "none"])
def test_nothing_outlives_a_killed_command(jor: Jor, slow: Path, isolation: str) -> None:
    # The command is in a session of its own, as under setsid or nohup: no terminal ends its workers for it.
    process = running(jor, 2, "--isolation", isolation, "--grace-period", 3600, SECONDS_OF_JOBS=600)
    process.kill()
    wait_until(lambda: jor.processes() == set())
    assert outputs(slow) == {}


@pytest.mark.parametrize("seed", range(3))
def test_killed_command_costs_the_running_jobs_only(jor: Jor, slow: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(3):
        before = outputs(slow)
        process = running(jor, len(executed(jor.folder)) + chance.randrange(1, 8))
        time.sleep(chance.random() * 0.04)
        process.kill()
        wait_until(lambda: jor.processes() == set())
        assert nothing_is_half_written(slow)
        assert before.items() <= outputs(slow).items()
    assert jor("run").code == 0
    _is_as_undisturbed(jor, slow)


@pytest.mark.parametrize("generation", [WORKER, HOST, JOB], ids=["worker", "host", "job"])
@pytest.mark.parametrize("seed", range(2))
def test_killed_process_costs_its_job_only(jor: Jor, slow: Path, generation: int, seed: int) -> None:
    chance = random.Random(seed)
    process = running(jor, 2)
    for _ in range(4):
        time.sleep(chance.random() * 0.1)
        kill_one(generation, process)
    done = jor.end_of(process)
    assert done.code == 1
    assert nothing_is_half_written(slow)
    assert len(outputs(slow)) >= 40 - 4
    assert jor.processes() == set()
    assert jor("run").code == 0
    _is_as_undisturbed(jor, slow)


def _is_as_undisturbed(jor: Jor, folder: Path) -> None:
    """Assert that the outputs are those of a run that nothing has disturbed, and nothing is left beside."""
    assert outputs(folder) == ALL
    assert list(folder.glob(".jor/*/partial")) == []
    assert list(folder.glob(".jor/lock")) == []
    assert jor.processes() == set()


def test_killed_worker_is_replaced_and_its_job_reported(jor: Jor, slow: Path) -> None:
    process = running(jor, 3, "--workers", 1)
    kill_one(WORKER, process)
    done = jor.end_of(process)
    assert done.code == 1
    assert "its worker ended: killed by signal 9, SIGKILL" in done.said
    assert "39 of 40 jobs done, 1 failed" in done.out
    assert len(outputs(slow)) == 39


KILLER = """
import os
import jor

def parent(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])

class Jobs(jor.JobsBase):
    def _mk_jobs(self):
        self._jobs = jor.grid(n=range(5))

    def execute(self, i):
        if i == 1:
            host = os.getppid()
            worker = parent(host)
            run = parent(worker)
            for signal in (19, 9):  # stopped first, for the end of one is the end of those that it has started
                for pid in (run, worker, host):
                    os.kill(pid, signal)
        open(self._get_output_path(**self._jobs[i]), "w").write("whole")
"""


def test_job_that_kills_the_run_is_begun_last_by_the_next(jor: Jor, tmp_path: Path) -> None:
    (tmp_path / "killer.py").write_text(KILLER)
    (tmp_path / "todo.yaml").write_text("jobs:\n- jobmodule: killer\n")
    counts = []
    for _ in range(2):
        assert jor("run", "--workers", 1).code == -signal.SIGKILL
        wait_until(lambda: jor.processes() == set())
        counts.append(len(outputs(tmp_path / "job")))
    assert counts == [1, 4]


def test_job_that_a_worker_has_taken_to_its_grave_runs_next_time(jor: Jor, slow: Path) -> None:
    process = running(jor, 2, "--workers", 2)
    _steal_from_feed(process.pid)
    done = jor.end_of(process)
    assert done.code == 1
    assert done.out.splitlines()[-1] == "[jor] 39 of 40 jobs done, 1 not begun. Run again to go on"
    assert len(list(slow.glob(".jor/*/runs/*/*.log"))) == 2
    assert "1 job to run" in jor("run").out
    _is_as_undisturbed(jor, slow)


def _steal_from_feed(pid: int) -> None:
    """Take one job from the feed of the command `pid`, as a worker does that dies before it begins the job."""

    def pipes(process: int) -> dict[str, Path]:
        links = {os.readlink(fd): fd for fd in Path(f"/proc/{process}/fd").iterdir()}
        return {link: fd for link, fd in links.items() if link.startswith("pipe:")}

    (worker, *_) = descendants(pid, WORKER)
    own = pipes(pid)
    (feed,) = own.keys() & pipes(worker).keys()
    stolen = os.open(own[feed], os.O_RDONLY | os.O_NONBLOCK)
    assert len(os.read(stolen, 8)) == 8
    os.close(stolen)


def test_status_tells_which_job_a_killed_command_has_interrupted(jor: Jor, slow: Path) -> None:
    process = running(jor, 2, SECONDS_OF_JOBS=600)
    process.kill()
    wait_until(lambda: jor.processes() == set())
    told = jor("status").said
    assert "slow(n=40) 0 2 38 40" in told
    assert "index=0 interrupted: jor was killed while it ran" in told


IN_PLACE = """\
import os, time
import jor

class Jobs(jor.JobsBase):
    name = "in_place"
    atomic_output = False

    def _mk_jobs(self):
        self._jobs = [{"index": i} for i in range(3)]

    def execute(self, i):
        path = self._get_output_path(**self._jobs[i])
        if not os.path.exists(path):
            with open(path, "w") as file:
                file.write(f"first half of {i}\\n")
            open(f"halfway{i}", "w").close()
            while i == 1:
                time.sleep(0.01)
        with open(path, "a") as file:
            file.write(f"second half of {i}\\n")

    def collect(self):
        with open("collected", "w") as file:
            for path in self.existing_outputs:
                with open(path) as one:
                    file.write(one.read())
"""


def test_half_that_a_killed_job_has_written_in_place_is_no_output_until_it_is_completed(
    jor: Jor, write: Write, tmp_path: Path
) -> None:
    write(in_place=IN_PLACE, todo="jobs:\n- jobmodule: in_place\n")
    whole = [f"first half of {i}\nsecond half of {i}\n" for i in range(3)]
    process = jor.start("run", "--workers", 1)
    wait_until((tmp_path / "halfway1").exists)
    process.kill()
    wait_until(lambda: jor.processes() == set())
    assert (tmp_path / "in_place/index1.txt").read_text() == "first half of 1\n"
    assert [line.split() for line in jor("status").out.splitlines()[:2]] == [
        ["entry", "done", "interrupted", "missing", "total"],
        ["in_place", "1", "1", "1", "3"],
    ]
    for place in ([], ["--condaenv", _conda_environment(tmp_path)]):
        (tmp_path / "collected").unlink(missing_ok=True)
        assert jor("collect", *place).code == 0
        assert (tmp_path / "collected").read_text() == whole[0]
    assert "2 jobs to run" in jor("run").out
    assert jor("collect").code == 0
    assert (tmp_path / "collected").read_text() == "".join(whole)


def _conda_environment(folder: Path) -> Path:
    """Make what looks like a conda environment, with the Python that runs the tests; return where."""
    (folder / "env/conda-meta").mkdir(parents=True)
    (folder / "env/bin").mkdir()
    python = folder / "env/bin/python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return folder / "env"


@pytest.mark.parametrize("count", [2, 5])
def test_runs_at_once_execute_each_job_once(jor: Jor, slow: Path, count: int) -> None:
    processes = [jor.start("run") for _ in range(count)]
    done = [jor.end_of(process) for process in processes]
    assert [one.code for one in done] == [0] * count
    assert sorted(executed(jor.folder)) == list(range(40))
    assert outputs(slow) == ALL


def test_run_beside_another_leaves_its_jobs_to_it(jor: Jor, slow: Path) -> None:
    process = running(jor, 2, SECONDS_OF_JOBS=600)
    done = jor("run")
    assert done.code == 0
    assert f"slow(n=40): 40 jobs running or queued: left to process {process.pid} on {os.uname().nodename}" in done.out


def test_overwrite_beside_another_run_leaves_its_jobs_to_it(jor: Jor, slow: Path) -> None:
    process = running(jor, 2, SECONDS_OF_JOBS=600)
    done = jor("run", "--overwrite-output")
    assert done.code == 75
    assert f"no output is marked as outdated: 40 jobs are being run by process {process.pid}" in done.out
    assert f"left to process {process.pid}" in done.out


def test_status_beside_a_run_tells_running_and_queued(jor: Jor, slow: Path) -> None:
    running(jor, 2, SECONDS_OF_JOBS=600)
    told = jor("status").out.splitlines()
    assert told[0].split() == ["entry", "done", "running", "queued", "missing", "total"]
    assert told[1].split() == ["slow(n=40)", "0", "2", "38", "0", "40"]


GATED = """\
import os, time
import jor

class Jobs(jor.JobsBase):
    name = "gated"
    isolation = "spawn"

    def _mk_jobs(self):
        self._jobs = [{"index": i, "value": i} for i in range(4)]

    def _get_output_fname(self, index, value):
        return f"{index}.txt"

    def execute(self, i):
        open("begun", "a").close()
        while i == 0 and not os.path.exists("go"):
            time.sleep(0.01)
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("first edition")
"""


def _edited_meanwhile(jor: Jor, write: Write, text: str) -> subprocess.Popen[str]:
    """Start a run, and edit the job module while its first job is running."""
    write(gated=GATED, todo="jobs:\n- jobmodule: gated\n")
    process = jor.start("run", "--workers", 1)
    wait_until((jor.folder / "begun").exists)
    write(gated=text)
    (jor.folder / "go").touch()
    return process


def test_jobs_of_other_parameters_than_planned_are_refused(jor: Jor, write: Write, tmp_path: Path) -> None:
    done = jor.end_of(_edited_meanwhile(jor, write, GATED.replace('"value": i', '"value": 10 + i')))
    assert done.code == 1
    assert outputs(tmp_path / "gated") == {"0.txt": b"first edition"}
    problem = jor("status", COLUMNS=500).out
    assert "job 1 is not what was planned: value was 1, and is now 11" in problem


def test_changed_code_runs_when_the_parameters_are_as_planned(jor: Jor, write: Write, tmp_path: Path) -> None:
    done = jor.end_of(_edited_meanwhile(jor, write, GATED.replace("first edition", "the second edition")))
    assert done.code == 0
    assert list(outputs(tmp_path / "gated").values()) == [b"first edition", *[b"the second edition"] * 3]


def test_job_module_that_is_broken_meanwhile_stops_the_run(jor: Jor, write: Write, tmp_path: Path) -> None:
    done = jor.end_of(_edited_meanwhile(jor, write, "this is no Python\n"))
    assert done.code == 1
    assert "gated.py:1" in done.err
    assert outputs(tmp_path / "gated") == {"0.txt": b"first edition"}


#: Plays Apptainer with a writable overlay, which one container at a time can have.
OVERLAY = """\
#!/bin/sh
[ "$1" = exec ] || exit 0
until [ "$1" = {folder}/image ]; do shift; done
shift 2
case "$*" in
*" exec "*) exec 9> {folder}/lock; flock -n 9 || {{ echo "FATAL:   the overlay is in use" >&2; exit 255; }}
esac
exec {python} "$@"
"""


def test_workers_that_cannot_start_beside_another_leave_the_jobs_to_it(jor: Jor, slow: Path, tmp_path: Path) -> None:
    (tmp_path / "image/.singularity.d").mkdir(parents=True)
    (tmp_path / "program").write_text(OVERLAY.format(folder=tmp_path, python=sys.executable))
    (tmp_path / "program").chmod(0o755)
    done = jor("run", "--sif", "./image", "--container-program", "./program", SECONDS_OF_JOBS=0.1)
    assert (done.code, outputs(slow)) == (0, ALL)
    assert (
        "slow(n=40): went on with 1 at once: 3 workers in a row ended before any job: FATAL: the overlay" in done.said
    )


def test_jobs_cannot_harm_each_other(jor: Jor, write: Write, tmp_path: Path) -> None:
    text = SLOW_JOBS.replace(
        "    def execute(self, i):\n",
        "    def execute(self, i):\n"
        "        if i == 0:\n            os.chdir('/')\n            os.environ.clear()\n            os.umask(0o777)\n"
        "            jor.JobsBase._get_output_path = None\n            os.closerange(3, 100)\n"
        "        if i == 1:\n            os.kill(0, 9)\n"
        "        if i == 2 and os.fork() == 0:\n            os.setsid()\n            time.sleep(600)\n",
    )
    write(slow=text, todo="jobs:\n- jobmodule: slow\n  jobargs: n=8\n")
    done = jor("run", "--workers", 1)
    assert done.code == 1
    assert outputs(tmp_path / "slow").items() >= {f"index{i}.txt": slow_output(i) for i in range(3, 8)}.items()
    assert jor.processes() == set()


def test_run_refuses_an_output_folder_that_cannot_be_written(jor: Jor, example: Path, mount: Callable) -> None:
    folder = mount("ro")
    before = tree(example)
    done = jor("run", "--path-prefix", folder)
    assert done.code == 2
    assert "the output folder cannot be written: Read-only file system" in done.err
    assert "Traceback" not in done.err
    assert tree(folder) == {}
    assert before == {name: content for name, content in tree(example).items() if "__pycache__" not in name}


FILLING = """\
import jor

class Jobs(jor.JobsBase):
    name = "filling"

    def _mk_jobs(self):
        self._jobs = [{"index": i} for i in range(4)]

    def execute(self, i):
        with open(self._get_output_path(**self._jobs[i]), "wb") as file:
            file.write(bytes(1000 if i != 1 else 100_000))
"""


def test_full_disk_fails_the_job_that_fills_it_only(jor: Jor, write: Write, mount: Callable) -> None:
    folder = mount("size=64k")
    write(filling=FILLING, todo="jobs:\n- jobmodule: filling\n")
    done = jor("run", "--workers", 1, "--path-prefix", folder)
    assert done.code == 1
    assert "No space left on device" in done.said
    assert outputs(folder / "filling") == {f"index{i}.txt": bytes(1000) for i in (0, 2, 3)}


def test_disk_without_any_room_is_refused(jor: Jor, write: Write, mount: Callable) -> None:
    folder = mount("size=8k")
    (folder / "big").write_bytes(bytes(8192))
    write(filling=FILLING, todo="jobs:\n- jobmodule: filling\n")
    done = jor("run", "--path-prefix", folder)
    assert done.code == 2
    assert "the output folder cannot be written: No space left on device" in done.err
    assert "Traceback" not in done.err


def test_output_may_lie_on_another_file_system_than_its_folder(jor: Jor, write: Write, mount: Callable) -> None:
    elsewhere = mount("size=1m")
    text = SLOW_JOBS + '\n    def _get_output_fname(self, index):\n        return f"sub/{index}.txt"\n'
    write(slow=text, todo="jobs:\n- jobmodule: slow\n  jobargs: n=3, seconds=0\n")
    (jor.folder / "slow").mkdir()
    (jor.folder / "slow" / "sub").symlink_to(elsewhere)
    assert jor("run").code == 0
    shutil.rmtree(elsewhere / ".jor")  # it tells who plans there that a link leads there
    assert tree(elsewhere) == {f"{i}.txt": slow_output(i) for i in range(3)}
    assert "all 3 jobs done" in jor("run").out


def test_folder_where_an_output_belongs_fails_its_job_only(jor: Jor, slow: Path) -> None:
    (slow / "index3.txt").mkdir(parents=True)
    done = jor("run", SECONDS_OF_JOBS=0)
    assert done.code == 1
    assert "the output could not be put into place" in done.said
    assert "39 of 40 jobs done, 1 failed" in done.out
    assert (slow / "index3.txt").is_dir()


def test_torn_and_damaged_journals_cost_no_output(jor: Jor, slow: Path) -> None:
    jor("run", SECONDS_OF_JOBS=0)
    chance = random.Random(0)
    for journal in slow.glob(".jor/*/runs/*/task-*.jsonl"):
        content = bytearray(journal.read_bytes())
        for _ in range(20):
            content[chance.randrange(len(content))] = chance.randrange(256)
        journal.write_bytes(content[: -chance.randrange(1, 50)])
    (slow / "index7.txt").unlink()
    assert jor("status").code == 0
    assert "1 job to run" in jor("run").out
    _is_as_undisturbed(jor, slow)


def test_records_may_be_deleted_when_nothing_is_running(jor: Jor, slow: Path) -> None:
    jor("run", SECONDS_OF_JOBS=0)
    shutil.rmtree(slow / ".jor")
    assert "all 40 jobs done" in jor("run").out
