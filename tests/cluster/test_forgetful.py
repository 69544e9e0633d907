"""Ends that Slurm's queue has forgotten before anybody looked, and that the accounting tells late or never."""

from __future__ import annotations

import json
import signal
import time

import pytest

from .conftest import fake_squeue, hasty, impatient, later

#: A job that ends as it is told to; "worker": it kills the worker, which its host's parent is.
BODY = """
time.sleep(3)
assert how != "raise"
if how == "worker":
    with open(f"/proc/{os.getppid()}/status") as file:
        os.kill(int(next(line.split()[1] for line in file if line.startswith("PPid:"))), signal.SIGKILL)
    time.sleep(60)
"""


def status(project):
    """Return the status as data: counts, and the reason of each problem by job."""
    found = json.loads(project.jor("status", "--json", **hasty(project)))
    return found["counts"], {problem["job"]: problem["reason"] for problem in found["entries"][0]["problems"]}


def until_forgotten(project):
    """Wait until the queue shows nothing of the jobs, though they ended within MinJobAge; and as if for long."""
    project.until(lambda: project.queue("%i", "-t", "all") == [], 180)
    later(project.runs[0], 100)


def test_wait_that_has_slept_through_the_end_tells_it_without_accounting(make_cluster, project_on):
    project = project_on(make_cluster(settings={"MinJobAge": "2"}))
    project.configure(jobs_per_task=1)
    project.write(["good", "raise", "worker"], BODY)
    process = project.start("run", "--wait", **hasty(project))
    project.until(lambda: sorted(project.ran) == [0, 1, 2])
    process.send_signal(signal.SIGSTOP)
    until_forgotten(project)
    process.send_signal(signal.SIGCONT)
    said, _ = process.communicate(timeout=180)
    assert process.returncode == 1, said
    counts, reasons = status(project)
    assert counts == {
        "done": 1,
        "running": 0,
        "queued": 0,
        "failed": 1,
        "interrupted": 1,
        "outdated": 0,
        "missing": 0,
        "unknown": 0,
    }
    assert "AssertionError" in reasons[1]
    assert reasons[2] == "Slurm does not know its task any more"
    assert sorted(project.ran) == [0, 1, 2]


def test_accounting_that_lags_tells_its_reason_later(make_cluster, project_on):
    cluster = make_cluster(accounting=True, settings={"MinJobAge": "2"})
    project = project_on(cluster)
    project.write(["worker"], BODY)
    cluster.kill_accounting()
    project.jor("run")
    project.until(lambda: project.ran == [0])
    until_forgotten(project)
    assert status(project)[0]["unknown"] == 1
    project.until(lambda: status(project)[0]["interrupted"] == 1)
    _, reasons = status(project)
    assert reasons[0] == "Slurm does not know its task any more"
    cluster.start_accounting()
    project.until(lambda: "signal 9" in status(project)[1][0], 180)
    assert project.ran == [0]


#: What squeue does instead, and what it is: a shell command.
ODD = {
    "silent": "true",
    "an error, and status 0": "echo 'slurm_load_jobs error: Socket timed out on send/recv operation' >&2",
    "a failure": "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1",
    "late": "exec sleep 20",
    "half a row": "printf 'ARRAY_JOB_ID|'",
}


@pytest.mark.every_version
def test_squeue_that_is_silent_late_or_fails_ends_no_job(project):
    project.configure(jobs_per_task=1)
    project.write(["long", "long"], "while not os.path.exists(os.path.join(self.path_prefix, 'go')): time.sleep(0.2)")
    project.jor("run", **hasty(project, 60))
    project.until(lambda: sorted(project.ran) == [0, 1])
    later(project.runs[0], 3600)
    environment = {**fake_squeue(project), **impatient(project)}
    for command in ODD.values():
        (project.folder / "squeue.how").write_text(command)
        began = time.monotonic()
        said = project.jor("run", **environment)
        assert "2 jobs running: left to Slurm array" in said, command
        assert time.monotonic() - began < 60  # a command that hangs is given up after two seconds, once
        assert "running, though" in project.jor("status", **environment), command
    (project.folder / "squeue.how").unlink()
    assert list(project.folder.glob("out/.jor/*/runs/*/revoked")) == []
    (project.folder / "go").touch()
    project.wait()
    assert sorted(project.ran) == [0, 1]
    assert len(project.outputs) == 2
