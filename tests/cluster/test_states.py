"""What becomes of jobs on a real Slurm, and what jor says of it: each way to end, produced for real."""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest

from .conftest import hasty

# The versions of Slurm that run in a chroot have no cgroups there; the machine's own version, never skipped, has.
with_memory_limits = pytest.mark.skipif(
    os.environ.get("JOR_TESTBED") == "chroot", reason="memory limits of the kernel are not to be had in a chroot"
)


def status(project):
    """Return the status as data: counts, and the reason of each problem by job."""
    found = json.loads(project.jor("status", "--json"))
    return found["counts"], {problem["job"]: problem["reason"] for problem in found["entries"][0]["problems"]}


def pid_of_task(project):
    """Return the process id of the worker of the newest submission's first task."""
    journal = next(iter(project.runs[-1].glob("task-0.r*.jsonl")))
    return int(json.loads(journal.read_text().split("\n")[0])["owner"].split("~")[2])


@pytest.mark.every_version
def test_jobs_run_once_and_their_outputs_are_there(project):
    project.write(list("abc"), "time.sleep(8)")  # longer than the next two commands take
    assert "3 jobs submitted as Slurm array" in project.jor("run")
    assert "left to Slurm array" in project.jor("run")
    project.wait()
    assert len(project.outputs) == 3
    assert sorted(project.ran) == [0, 1, 2]
    assert "all 3 jobs done" in project.jor("run")
    assert sorted(project.ran) == [0, 1, 2]


@pytest.mark.every_version
def test_failures_are_told_with_their_reasons(project):
    project.write(
        ["good", "raise", "exit", "kill"],
        """
        if how == "raise": raise ValueError("no good")
        if how == "exit": sys.exit(3)
        if how == "kill": os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    said = project.jor("run", "--wait", code=1)
    assert "failed: ValueError: no good" in said
    counts, reasons = status(project)
    assert (counts["done"], counts["failed"]) == (1, 3)
    assert reasons[2] == "sys.exit(3)"
    assert reasons[3].startswith("killed by signal 9")
    log = project.jor("logs", "jobs_out", "--failed")
    assert log.count("this is") == 3
    assert "this is raise" in log


@with_memory_limits
def test_memory_is_told_and_asked_for_more(project):
    project.configure(jobs_per_task=2)
    project.write(
        ["good", "big", "good", "child"],
        """
        if how == "big": bytearray(250 << 20)
        if how == "child": subprocess.run([sys.executable, "-c", "bytearray(250 << 20)"], check=True)
        """,
    )
    said = project.jor("run", "--wait", code=1)
    assert "2 jobs ran out of memory: jor run --retry-scale 2" in said
    counts, reasons = status(project)
    assert counts == {
        "done": 2,
        "running": 0,
        "queued": 0,
        "failed": 2,
        "interrupted": 0,
        "outdated": 0,
        "missing": 0,
        "unknown": 0,
    }
    assert "out of memory" in reasons[1]
    assert "100M" in reasons[1]
    assert "all 2 out of memory" not in project.jor("status", "--by", "how")
    project.jor("run", "--wait", "--retry-scale", "5")
    assert json.loads((project.runs[-1] / "submission.json").read_text())["batch"]["mem"] == 500 << 20
    assert sorted(project.ran) == [0, 1, 1, 2, 3, 3]


@with_memory_limits
def test_output_of_a_job_that_lost_a_process_is_suspect_until_it_is_made_anew(project):
    project.write(
        ["good", "child"],
        """
        if how == "child":
            subprocess.run([sys.executable, "-c", "bytearray(250 << 20)"])
        """,
    )
    project.jor("run", "--wait")
    said = project.jor("status")
    assert "1 job suspect: a process was killed for want of memory, yet the job ended well: 1" in said
    assert json.loads(project.jor("status", "--json"))["entries"][0]["suspect"] == [1]
    project.write(["good", "child"], "pass")
    project.jor("run", "--wait", "--overwrite-output")
    assert "suspect" not in project.jor("status")


@pytest.mark.every_version
def test_retries_stop_after_so_many(project):
    project.configure(retries=2)
    project.write(["a", "b"], "assert how == 'a'")
    project.jor("run", "--wait", code=1)
    assert project.ran.count(1) == 3
    assert project.ran.count(0) == 1


@pytest.mark.every_version
def test_killed_task_leaves_its_jobs_pending(project):
    project.configure(jobs_per_task=3)
    project.write([0, 1, 2], "time.sleep(60 * how)")
    project.jor("run")
    project.until(lambda: project.ran == [0, 1])
    os.kill(pid_of_task(project), signal.SIGKILL)
    project.wait()
    counts, reasons = status(project)
    assert (counts["done"], counts["interrupted"], counts["missing"]) == (1, 1, 1)
    assert "killed" in reasons[1]  # all that the queue tells
    project.until(lambda: "signal 9" in status(project)[1][1])  # the accounting tells more, if later


def test_local_run_in_an_allocation_has_what_that_has(project):
    script = project.folder / "local.sh"
    script.write_text(f"#!/bin/bash\nexec {sys.executable} -m jor_cli check --scheduler local\n")
    project.slurm("sbatch", "--wait", "-c1", "--mem=150", f"--chdir={project.folder}", "--output=said", str(script))
    said = (project.folder / "said").read_text()
    assert "1 at once: " in said
    assert "150M (by SLURM_MEM_PER_NODE) here" in said


def test_job_that_kills_its_worker_costs_no_job_behind_it(project):
    project.configure(jobs_per_task=8)
    kill = """
    if how == 1:
        mine = open(f"/proc/{os.getppid()}/stat").read().rpartition(")")[2].split()
        os.kill(int(mine[1]), signal.SIGKILL)
        time.sleep(60)
    """
    project.write(range(8), kill)
    project.jor("run", "--wait", "--poll-interval", "1", code=1)
    counts, reasons = status(project)
    assert (counts["done"], list(reasons)) == (7, [1])
    assert sorted(project.ran) == list(range(8))
    assert "Slurm: 1 array of 1 task, 1 job each" in project.jor("run", "--dry-run")


@pytest.mark.every_version
def test_job_cancelled_by_somebody_is_told(project):
    project.configure(jobs_per_task=2, array_throttle=1)
    project.write([1, 2, 3, 4], "time.sleep(60)")
    project.jor("run")
    project.until(lambda: project.ran == [0])
    project.slurm("scancel", project.queue("%F")[0])
    project.wait()
    counts, reasons = status(project)
    assert (counts["interrupted"], counts["missing"]) == (1, 3)
    assert "was cancelled" in reasons[0]
    assert "was cancelled" in reasons[2]


@pytest.mark.every_version
def test_cancel_takes_back_what_jor_submitted_and_nothing_else(project):
    other = project.slurm("sbatch", "--parsable", "--hold", "--wrap=true").strip()
    project.write([1, 2], "time.sleep(60)")
    project.jor("run")
    project.until(lambda: sorted(project.ran) == [0, 1])
    assert "cancelled Slurm array" in project.jor("cancel")
    project.wait()
    assert project.slurm("squeue", "-h", "-o", "%i", "-j", other).strip() == other
    project.slurm("scancel", other)
    assert "Nothing to cancel" in project.jor("cancel")


@pytest.mark.every_version
def test_log_that_cannot_be_opened_is_told(project):
    project.configure(options="--hold")
    project.jor("run")
    (project.runs[0] / "task-0.log").mkdir()
    project.slurm("scontrol", "release", project.queue("%F")[0])
    project.wait()
    counts, reasons = status(project)
    assert counts["missing"] == 1
    assert "log" in reasons[0]
    assert "could not be opened" in reasons[0]


@pytest.mark.every_version
def test_task_that_will_never_begin_is_told(project):
    project.configure(options="--dependency=afterok:1", nodes=1)
    failed = project.slurm("sbatch", "--parsable", "-o", "/dev/null", "--wrap=exit 1").strip()
    project.until(lambda: "FAILED" in project.slurm("squeue", "-h", "-t", "all", "-j", failed, "-o", "%T"))
    project.configure(options=f"--dependency=afterok:{failed}")
    project.jor("run")
    project.until(lambda: "will not begin by itself: what it depends on has failed" in project.jor("status"))
    counts, _ = status(project)
    assert counts["queued"] == 1


def test_time_limit_is_told(project):
    project.configure()
    project.write([0], "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(300)", head="time = '1'")
    project.jor("run", "--grace-period", "1")
    project.wait(150)
    counts, reasons = status(project)
    assert counts["failed"] == 1
    assert reasons[0] == "reached its time limit"
    assert "1 job ran out of time" in project.jor("status")


def test_packed_task_begins_no_job_that_would_not_fit(project):
    project.configure(jobs_per_task=4, max_time=1)
    project.write([1, 2, 3, 4], "time.sleep(20)", head="time = '1'")
    project.jor("run")
    project.wait(150)
    counts, reasons = status(project)
    assert (counts["done"], counts["missing"]) == (2, 2)
    assert "its task had no time left for it" in reasons[3]
    assert project.ran == [0, 1]


def test_warned_task_saves_and_is_run_again(project):
    project.configure(signal=40, requeue="True")
    head = """
    time = '1'
    def checkpoint(self, i):
        open(os.path.join(self.path_prefix, 'saved'), 'w').close()
    """
    project.write([0], "if not os.path.exists(os.path.join(self.path_prefix, 'saved')): time.sleep(300)", head)
    project.jor("run")
    project.until(lambda: len(project.outputs) == 1, 150)
    assert project.ran == [0, 0]
    assert [path.name for path in sorted(project.runs[0].glob("task-0.r*"))] == ["task-0.r0.jsonl", "task-0.r1.jsonl"]
    project.until(lambda: "queued" not in project.jor("status").split("\n")[0])


@pytest.mark.every_version
def test_preempted_task_goes_on_with_what_is_left(project):
    project.configure(requeue="True", jobs_per_task=2, nodelist="n1")
    project.write([0, 30], "time.sleep(0 if os.path.exists(os.path.join(self.path_prefix, 'go')) else how)")
    project.jor("run", "--partition", "day")
    project.until(lambda: project.ran == [0, 1])
    higher = project.slurm(
        "sbatch", "--parsable", "-p", "high", "-w", "n1", "--exclusive", "-o", "/dev/null", "--wrap=sleep 3"
    ).strip()
    project.until(lambda: "queued" in project.jor("status").split("\n")[0])
    (project.folder / "go").touch()
    project.until(lambda: len(project.outputs) == 2, 150)
    assert project.ran == [0, 1, 1]
    assert len(project.runs) == 1
    assert higher


def test_task_of_a_lost_node_runs_as_long_as_it_is_heard_of(project, cluster):
    environment = hasty(project)
    project.configure(nodelist="n2", jobs_per_task=2)
    project.write_careful(2, 0.1)
    project.jor("run", SECONDS_OF_JOBS="40", **environment)
    project.until(lambda: project.begun == [0])
    worker = pid_of_task(project)
    cluster.kill_node("n2")
    try:
        project.until(lambda: "though Slurm says that it lost its node" in project.jor("status", **environment), 120)
        assert "left to Slurm array" in project.jor("run", **environment)
        assert len(project.runs) == 1
        project.until(lambda: len(project.outputs) == 1, 60)
        project.until(lambda: project.begun == [0, 1])
        os.kill(worker, signal.SIGKILL)  # at last
        project.until(lambda: json.loads(project.jor("status", "--json", **environment))["counts"]["interrupted"], 60)
        assert "lost its node" in project.jor("status", **environment)
        project.configure(nodelist="n1", jobs_per_task=2)
        project.jor("run", "--wait", **environment)
        assert project.begun == [0, 1, 1]
        assert project.overlaps == []
    finally:
        cluster.start_node("n2")
        cluster.wait_for_nodes()


def test_task_requeued_from_a_lost_node_begins_when_its_old_process_has_stopped(project, cluster):
    project.configure(jobs_per_task=2, requeue=True)
    project.write_careful(2, 300)
    project.slurm("scontrol", "update", "NodeName=n1", "State=DRAIN", "Reason=test")
    try:
        project.jor("run")
        project.until(lambda: project.begun == [0])
    finally:
        project.slurm("scontrol", "update", "NodeName=n1", "State=RESUME")
    module = project.folder / "jobs_out.py"
    module.write_text(module.read_text().replace("time.sleep(self.seconds)", "time.sleep(0.1)"))
    task = f"{project.queue('%F')[0]}_0"
    cluster.kill_node("n2")
    try:
        project.until(lambda: project.start_now(task) or (project.runs[0] / "task-0.r1.jsonl").exists(), 120)
        project.until(lambda: len(project.outputs) == 2, 120)
        assert project.begun == [0, 0, 1]
        assert project.overlaps == []
    finally:
        cluster.start_node("n2")
        cluster.wait_for_nodes()


def test_task_that_a_preemption_ends_is_told_and_run_again(project):
    project.configure(jobs_per_task=2, nodelist="n1")
    project.write([0, 60], "time.sleep(0 if os.path.exists(os.path.join(self.path_prefix, 'go')) else how)")
    project.jor("run", "--partition", "killme")
    project.until(lambda: project.ran == [0, 1])
    project.slurm("sbatch", "-p", "high", "-w", "n1", "--exclusive", "-o", "/dev/null", "--wrap=sleep 3")
    project.wait()
    counts, reasons = status(project)
    assert (counts["done"], counts["interrupted"]) == (1, 1)
    assert "was preempted" in reasons[1]
    (project.folder / "go").touch()
    project.jor("run", "--wait", "--partition", "killme")
    assert project.ran == [0, 1, 1]


@pytest.mark.every_version
def test_node_on_which_tasks_die_at_once_is_named_and_avoided(project):
    # A job may be sent there again before a look has shown that three died: one retry might not be enough.
    project.configure(retries=3, prologue='[ "$SLURMD_NODENAME" != n1 ] || export PYTHONHOME=/no')
    project.write(list(range(12)), "time.sleep(1)")
    project.jor("run", "--wait")
    assert sorted(project.ran) == list(range(12))
    command = json.loads((project.runs[-1] / "submission.json").read_text())["batch"]["command"]
    assert "--exclude=n1" in command


@pytest.mark.parametrize(("prologue", "printed"), [("exit 0", ""), ("echo no such module; exit 0", "no such module")])
def test_prologue_that_ends_the_script_is_told_and_nothing_is_submitted_again(project, prologue, printed):
    project.configure(prologue=prologue)
    project.jor("run", "--wait", code=1)
    assert len(project.runs) == 1
    assert project.ran == []
    assert status(project)[1] == {0: "last: the prologue ended it: exit 0"}
    said = project.jor("status")
    assert "the prologue ended it: exit 0" in said
    log = project.runs[0] / "task-0.log"
    assert log.read_text().startswith(f"{printed}\n")
    assert str(log.relative_to(project.folder)) in said


@pytest.mark.every_version
def test_prologue_that_fails_is_told_by_all_and_is_no_mark_against_a_node(project):
    project.configure(nodelist="n1", prologue="module load gcc/12", retries=1)
    project.write(["a", "b", "c"], "pass")
    why = "the prologue failed: module load gcc/12: module: command not found"
    assert why in " ".join(project.jor("check", "--try", code=1).split())
    said = project.jor("run", "--wait", code=1)
    assert why in " ".join(said.split())
    assert project.ran == []
    assert len(project.runs) == 2
    assert set(status(project)[1].values()) == {f"last: {why}"}
    assert "node n1" not in project.jor("status")
    assert "--exclude" not in (project.runs[-1] / "submission.json").read_text()


@pytest.mark.parametrize("prologue", ["set -eu", "seq 800000"])
def test_prologue_that_is_strict_or_prints_megabytes_disturbs_no_job(project, prologue):
    project.configure(prologue=prologue, jobs_per_task=2)
    project.write(["a", "b"], "pass")
    project.jor("run", "--wait")
    assert project.ran == [0, 1]
    assert project.jor("logs", "jobs_out", "0", "1").splitlines()[1::2] == ["this is a", "this is b"]


def test_errors_that_a_prologue_prints_without_failing_are_told_by_a_trial(project):
    project.configure(prologue="module() { echo ERROR:105: no $2 >&2; }\n    module load gcc/12")
    said = project.jor("check", "--try")
    assert "Before it, the prologue printed: | ERROR:105: no gcc/12" in " ".join(said.split())


def test_node_on_which_tasks_die_at_once_is_told(project):
    project.configure(nodelist="n1", prologue="export PYTHONHOME=/no")
    project.write(list(range(3)), "pass")
    project.jor("run")
    project.wait()
    assert "node n1: 3 tasks died there within a minute of their start" in project.jor("status")


def test_states_stay_with_their_jobs_when_the_list_is_edited_while_they_run(project):
    def write(hows):
        project.write(
            hows,
            """
            with open(f"begun{how}", "x"):
                pass
            assert how != "bad", "no good"
            while how == "held" and not os.path.exists("go"):
                time.sleep(0.1)
            """,
        )
        module = project.folder / "jobs_out.py"
        module.write_text(module.read_text().replace("dict(how=how, n=n)", "dict(how=how)"))

    project.configure(jobs_per_task=1)
    write(["good", "held", "bad"])
    project.jor("run")
    project.until(lambda: status(project)[0]["running"] == 1 and status(project)[0]["failed"] == 1)
    write(["new", "good", "bad", "held"])
    counts, reasons = status(project)
    assert {state: count for state, count in counts.items() if count} == {
        "done": 1, "running": 1, "failed": 1, "missing": 1,
    }  # fmt: skip
    assert list(reasons) == [2]
    assert "this is bad" in project.jor("logs", "jobs_out", "2")
    (project.folder / "begunbad").unlink()
    project.jor("run")
    project.until(lambda: status(project)[0]["done"] == 2)
    assert status(project)[0]["running"] == 1
    (project.folder / "go").touch()
    project.wait()
    assert status(project)[0]["done"] == 3
