"""jor-slurm by itself, as its README shows it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import attrs
import pytest

from jor_slurm import CommandError, IndexSet, SbatchOptions, Slurm, Snapshot

#: A user who has jobs as well. Not the one whom other tests let cancel what is others'.
OTHER = "bin"

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.every_version
def test_program_of_the_readme_runs(cluster, tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "packages/jor-slurm/README.md").read_text(), re.DOTALL)
    program = program.replace("/tmp/squares", str(tmp_path / "squares"))
    environment = {**os.environ, **cluster.environment}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[3] == "3 COMPLETED "
    assert [line for line in lines if "COMPLETED" not in line] == [lines[10]]
    assert lines[10].startswith("13 FAILED failed: its script ended with an error")
    assert (tmp_path / "squares-7.txt").read_text() == "49\n"


ODD_NAMES = ("sys/dashboard/sys/a b|c", "rule:x [1]", "gr\u00f6\u00dfe", " 'q' \"r\" %j $x \\ ", "x" * 400)


@pytest.fixture
def slurm(cluster):
    """Give the client of the cluster, whose queue is emptied at the end."""
    yield Slurm({**os.environ, **cluster.environment})
    cluster.empty_queue()


def held(name, **options):
    """Return the options of a job that waits."""
    return SbatchOptions(job_name=name, output="/dev/null", extra=["--hold"], **options)


@pytest.mark.every_version
@pytest.mark.parametrize("name", ODD_NAMES)
def test_job_of_any_name_is_submitted_found_and_cancelled(slurm, name):
    began = time.time()
    array = slurm.submit("#!/bin/sh\n", held(name), IndexSet.parse("1-400:3"))
    assert slurm.find(name) == (array.job_id,)
    (row,) = (row for row in slurm.queue().records if array.owns(row))
    assert (row.name, str(row.indices), row.user) == (name, "1-400:3", os.getuid())
    assert abs(row.submitted - began) < 60
    slurm.cancel(array)
    assert Snapshot(slurm.queue().records).task(array, 4).state.name == "CANCELLED"


@pytest.mark.every_version
def test_array_that_its_user_cancels_with_all_his_others_is_known(slurm, cluster):
    array = slurm.submit("#!/bin/sh\n", held("all"), IndexSet.parse("0-3"))
    environment = {**os.environ, **cluster.environment}
    subprocess.run(["scancel", "-u", "root"], env=environment, check=True, timeout=60)
    assert Snapshot(slurm.queue().records).task(array, 2).state.name == "CANCELLED"


@pytest.mark.every_version
def test_parts_of_a_heterogeneous_job_are_one_job(slurm, cluster):
    command = ["sbatch", "--parsable", "--hold", "-o", "/dev/null", "-n1", ":", "-n1", "--wrap=true"]
    environment = {**os.environ, **cluster.environment}
    done = subprocess.run(command, env=environment, check=True, timeout=60, capture_output=True, text=True)
    rows = [row for row in slurm.queue().records if row.array_job_id == int(done.stdout)]
    assert sorted((row.component, row.job_id - row.array_job_id) for row in rows) == [(0, 0), (1, 1)]


@pytest.mark.every_version
def test_jobs_of_others_are_seen_by_id_also_in_a_partition_that_is_hidden(slurm, cluster, tmp_path):
    environment = {**os.environ, **cluster.environment}

    def scontrol(*words):
        subprocess.run(["scontrol", *words], env=environment, check=True, timeout=60)

    subprocess.run(["sacctmgr", "-i", "add", "user", OTHER, "Account=lab"], env=environment, timeout=60)
    options = ["--parsable", "--hold", "-o", "/dev/null", "-p", "high", "-J", "o|ther", "--wrap=true"]
    look = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    command = ["setpriv", f"--reuid={OTHER}", "--clear-groups", *look, "sbatch", *options]

    def submitted():
        done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=60)
        return int(done.stdout or 0)

    deadline = time.monotonic() + 60
    while not (theirs := submitted()):  # the controller learns of the user after a while
        assert time.monotonic() < deadline
        time.sleep(0.5)
    scontrol("update", "partition=high", "hidden=yes")
    try:
        mine = slurm.submit("#!/bin/sh\n", held("mine", partition="high"))
        rows = {row.array_job_id: row for row in slurm.queue([theirs, mine.job_id, 1]).records}
        assert (rows[theirs].user != os.getuid(), rows[theirs].name) == (True, "o|ther")
        assert mine.owns(rows[mine.job_id])
        assert not attrs.evolve(mine, job_id=theirs, name="o|ther").owns(rows[theirs])  # another user's
        assert slurm.queue([1]).asked  # an id that is not there is no error
    finally:
        scontrol("update", "partition=high", "hidden=no")


@pytest.mark.parametrize("command", ["squeue", "sacct"])
def test_front_end_that_loses_the_status_gives_no_empty_answer(slurm, cluster, tmp_path, command):
    """As that of slurm.md, F1: what it prints goes through a pipe."""
    front_end = tmp_path / command
    front_end.write_text(f"#!/bin/sh\nPATH={os.environ['PATH']}; {command} \"$@\" | sed 's/ *$//'\n")
    front_end.chmod(0o755)
    behind = Slurm({**os.environ, **cluster.environment, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    ask = behind.queue if command == "squeue" else lambda: behind.accounting([1], 0)
    ask()
    kill, start = {
        "squeue": (cluster.kill_controller, cluster.start_controller),
        "sacct": (cluster.kill_accounting, cluster.start_accounting),
    }[command]
    kill()
    try:
        with pytest.raises(CommandError, match=r"onnect"):
            ask()
    finally:
        start()
