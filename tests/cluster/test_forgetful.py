"""Ends that Slurm's queue has forgotten before anybody looked, and that the accounting tells late or never."""

from __future__ import annotations

import json
import signal

from .conftest import later

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
    found = json.loads(project.jor("status", "--json"))
    return found["counts"], {problem["job"]: problem["reason"] for problem in found["entries"][0]["problems"]}


def until_forgotten(project):
    """Wait until the queue shows nothing of the jobs, though they ended within MinJobAge; and as if for long."""
    project.until(lambda: project.queue("%i", "-t", "all") == [], 180)
    later(project.runs[0], 100)


def test_wait_that_has_slept_through_the_end_tells_it_without_accounting(make_cluster, project_on):
    project = project_on(make_cluster(settings={"MinJobAge": "2"}))
    project.configure(jobs_per_task=1)
    project.write(["good", "raise", "worker"], BODY)
    process = project.start("run", "--wait")
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
    counts, reasons = status(project)
    assert counts["interrupted"] == 1
    assert reasons[0] == "Slurm does not know its task any more"
    cluster.start_accounting()
    project.until(lambda: "signal 9" in status(project)[1][0], 180)
    assert project.ran == [0]
