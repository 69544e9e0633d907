"""What jor tells of jobs that a real Slurm has."""

from __future__ import annotations


def test_job_that_waits_is_told_with_the_reason_that_slurm_gives(project):
    project.write([0, 1], "pass")
    project.configure(options="--hold", jobs_per_task=1)
    project.jor("run")
    said = project.jor("show", "jobs_out", "1")
    assert said.splitlines()[0] == "jobs_out job 1: queued"
    assert "JobHeldUser" in said
    assert f"as Slurm array {project.queue('%F')[0]}, 2 tasks, 2 jobs" in said
    assert f"{project.runs[0].relative_to(project.folder)}/script.sh" in said


def test_job_that_has_run_is_told_with_its_task_and_host(project):
    project.jor("run", "--wait")
    said = project.jor("show", "jobs_out", "0")
    *_, attempt = said.splitlines()
    assert attempt.split()[3].isdigit()
    assert attempt.split()[-1] == "done"
    assert "this is 0" in project.jor("logs", "jobs_out", "0")


def test_short_jobs_that_wait_are_told_to_be_packed(project):
    project.write(list(range(8)), "time.sleep(60 if how > 3 else 0)")
    project.configure(jobs_per_task=1, array_throttle=1)
    project.jor("run")
    project.until(lambda: len(project.outputs) == 4)
    line = "jobs-per-task of jobs_out: other values would fit better, see jor advise"
    assert line in project.jor("status").splitlines()
    said = project.jor("advise")
    assert "jobs-per-task = auto" in said
    assert "auto would pack about 8 into a task" in " ".join(said.split())


def test_status_points_to_no_advice_once_all_is_done(project):
    project.write(list(range(4)), "pass")
    project.configure(jobs_per_task=1)
    project.jor("run", "--wait")
    assert "advise" not in project.jor("status")
    assert "jobs-per-task = auto" in project.jor("advise")
