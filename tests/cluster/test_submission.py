"""Submission on a real Slurm: limits, options, and that nothing is submitted twice whatever happens."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time

import pytest

from .conftest import arrays, fake_sbatch, hasty, impatient, later

#: The name of an entry in which nearly each character means something to YAML, a shell, squeue or sbatch.
ODD = 'a|b "ä" %j'


def submitted(run):
    """Return what a submission tells of itself."""
    return json.loads((run / "submission.json").read_text())


# Arrays, options and limits


@pytest.mark.every_version
def test_arrays_are_cut_as_the_cluster_wants_them(project):
    project.write(list(range(2000)), "pass")
    project.configure(jobs_per_task=1, options="--hold")
    said = project.jor("run")
    assert said.count("submitted as Slurm array") == 3  # max_array_tasks is 900
    tasks = [json.loads((run / "submission.json").read_text()) for run in project.runs]
    assert [one["planned"] for one in tasks] == [[[0, 899]], [[900, 1799]], [[1800, 1999]]]
    assert "all" not in project.jor("run")
    assert len(arrays(project)) == 3


def test_arrays_are_cut_where_only_the_highest_index_is_limited(make_cluster, project_on):
    parameters = "sched_min_interval=0,batch_sched_delay=0,sched_interval=2,bf_interval=2"
    project = project_on(make_cluster(settings={"MaxArraySize": "11", "SchedulerParameters": parameters}))
    project.write(list(range(25)), "pass")
    project.configure(jobs_per_task=1)
    project.jor("run", "--wait")
    assert [submitted(run)["planned"] for run in project.runs] == [[[0, 10]], [[11, 21]], [[22, 24]]]
    assert sorted(project.ran) == list(range(25))


def test_cluster_that_takes_no_arrays_is_told(make_cluster, project_on):
    project = project_on(make_cluster(settings={"MaxArraySize": "0"}))
    wrong = "this cluster takes no job arrays (MaxArraySize is 0)"
    assert wrong in project.jor("run", "--wait", code=2)
    assert project.runs == []
    assert wrong in project.jor("check", code=1)


@pytest.mark.every_version
def test_ten_thousand_packed_jobs_all_run_once(project):
    project.write(list(range(10_000)), "pass")
    project.configure(jobs_per_task=500)
    assert "10,000 jobs submitted as Slurm array" in project.jor("run", "--wait")
    assert len(project.outputs) == 10_000
    assert sorted(project.ran) == list(range(10_000))
    files = [path for path in project.runs[0].iterdir() if path.name.startswith("task-")]
    assert len(files) == 2 * 20


def test_jobs_on_nodes_draw_the_numbers_that_they_draw_here(project):
    """And in tasks of other sizes; with one order of sets."""
    project.write(list(range(4)), "import random; how = f'{random.random()} {os.environ[\"PYTHONHASHSEED\"]}'")
    project.configure(jobs_per_task=1)
    project.jor("run", "--wait")
    drawn = [(project.folder / "out" / name).read_text() for name in project.outputs]
    project.configure(jobs_per_task=4)
    project.jor("run", "--scheduler", "local", "--overwrite-output")
    assert [(project.folder / "out" / name).read_text() for name in project.outputs] == drawn
    assert len(set(drawn)) == 4
    assert {text.split()[1] for text in drawn} == {"0"}


def test_only_pending_jobs_are_submitted(project):
    project.write(list(range(6)), "assert how % 2")
    project.jor("run", "--wait", code=1)
    project.write(list(range(6)), "pass")
    project.jor("run", "--wait")
    assert sorted(project.ran) == [0, 0, 1, 2, 2, 3, 4, 4, 5]
    assert json.loads((project.runs[-1] / "submission.json").read_text())["planned"] == [[0, 0], [2, 2], [4, 4]]


def test_job_module_edited_while_tasks_wait_runs_nothing_else(project):
    project.write(["a", "b"], "pass")
    project.configure(options="--hold")
    project.jor("run")
    project.write(["z", "b"], "pass")
    project.slurm("scontrol", "release", project.queue("%F")[0])
    assert "not what was planned" not in project.wait()  # job 0 of now is another
    assert len(project.outputs) == 1
    project.write(["a", "b"], "pass")
    assert "job 0 is not what was planned" in project.wait()
    assert project.ran == [1]


def test_jobs_per_task_is_measured(project):
    project.write(list(range(4)), "time.sleep(0.5)")
    project.jor("run", "--wait")
    project.write(list(range(40)), "pass")
    project.configure(options="--hold", target_task_time="00:00:10")
    said = project.jor("run")
    tasks = int(said.split(", ")[-1].split()[0])
    assert 2 <= tasks <= 4


@pytest.mark.every_version
def test_throttle_is_set_and_changed(project):
    project.write(list(range(6)), "pass")
    project.configure(jobs_per_task=1, options="--hold", array_throttle=2)
    project.jor("run")
    assert project.queue("%i")[0].endswith("_[0-5%2]")
    assert "at most 4 at once" in project.jor("throttle", "4")
    assert project.queue("%i")[0].endswith("_[0-5%4]")
    project.jor("throttle", "0")
    assert project.queue("%i")[0].endswith("_[0-5]")


@pytest.mark.every_version
def test_running_array_can_be_throttled_also_when_tasks_of_it_have_ended(project):
    project.write([0, 60, 60], "time.sleep(how)")
    project.configure(jobs_per_task=1, array_throttle=1)
    project.jor("run")
    project.until(lambda: len(project.outputs) == 1 and project.ran == [0, 1])
    assert "any number at once" in project.jor("throttle", "0")
    project.until(lambda: project.ran == [0, 1, 2])


def test_max_submitted_holds_back_and_wait_tops_up(project):
    project.write(list(range(6)), "pass")
    project.configure(jobs_per_task=1, max_submitted=4)
    said = project.jor("run", code=75)
    assert "2 jobs held back: max-submitted is reached" in said
    project.jor("run", "--wait")
    assert sorted(project.ran) == list(range(6))


def test_max_submitted_counts_what_an_earlier_run_has_submitted(project):
    project.write(list(range(6)), "pass")
    project.configure(jobs_per_task=1, max_submitted=4, options="--hold")
    assert "4 jobs submitted" in project.jor("run", code=75)
    said = project.jor("run", code=75)
    assert "submitted as" not in said
    assert "2 jobs held back: max-submitted is reached" in said
    assert len(project.queue("%i", "-r")) == 4


def test_wait_tops_up_what_failed_before_and_tries_it_once(project):
    project.write(["a", "b", "c"], "assert False")
    project.jor("run", "--wait", code=1)
    project.write(["a", "b", "c"], "assert how != 'b'")
    project.configure(jobs_per_task=1, max_submitted=1)
    said = project.jor("run", "--wait", code=1)
    assert len(re.findall(r"\[jor\] jobs_out: \d jobs? held back: max-submitted is reached", said)) == 1
    assert sorted(project.ran) == [0, 0, 1, 1, 2, 2]


@pytest.mark.every_version
def test_limit_of_the_account_holds_back(project):
    project.slurm("sacctmgr", "-i", "modify", "qos", "normal", "set", "MaxSubmitJobsPerUser=3")
    try:
        time.sleep(2)
        project.write(list(range(5)), "pass")
        project.configure(jobs_per_task=1, options="--hold")
        said = project.jor("run", code=75)
        assert "2 jobs held back: the account's limit of jobs is reached" in said
        assert len(project.queue("%F", "-r")) == 3
        said = project.jor("run", code=75)
        assert "2 jobs held back" in said
    finally:
        project.slurm("sacctmgr", "-i", "modify", "qos", "normal", "set", "MaxSubmitJobsPerUser=-1")


@pytest.mark.every_version
def test_limit_of_the_account_that_cannot_be_read_is_found_by_submitting_half_as_much(project):
    limit = ("sacctmgr", "-i", "modify", "account", "lab", "set")
    project.slurm(*limit, "GrpSubmitJobs=3")
    try:
        project.until(lambda: "GrpSubmitJobs=3" in project.slurm("scontrol", "show", "assoc_mgr", "flags=assoc"))
        project.write(list(range(5)), "pass")
        project.configure(jobs_per_task=1, options="--hold")
        said = project.jor("run", code=75)
        assert "3 jobs held back" in said
        assert "Job violates accounting/QOS policy" in said
        assert "2 jobs held back" in project.jor("run", code=75)
        assert [submitted(run)["planned"] for run in project.runs] == [[[0, 1]], [[2, 2]]]
        assert len(project.queue("%i", "-r")) == 3
        project.configure(jobs_per_task=1)
        project.slurm("scontrol", "release", *arrays(project))
        project.jor("run", "--wait")
    finally:
        project.slurm(*limit, "GrpSubmitJobs=-1")
    assert sorted(project.ran) == list(range(5))


@pytest.mark.every_version
def test_refusal_is_told_with_a_remedy_and_leaves_nothing(project):
    said = project.jor("run", "--partition", "nope", code=2)
    assert "Invalid partition name" in said
    assert "sinfo" in said
    assert project.runs == []
    assert "missing" in project.jor("status")


@pytest.mark.parametrize("folder", ["with spaces", "it's", "100%j", "[x]", "ä"])
def test_odd_names_of_folders_and_entries_work(make_project, folder):
    project = make_project(folder)
    (project.folder / "todo.yaml").write_text(f"jobs:\n  - {{jobmodule: jobs_out, name: {json.dumps(ODD)}}}\n")
    project.write(["a", "b"], "pass")
    project.jor("run", "--wait")
    assert sorted(project.ran) == [0, 1]
    assert len(project.outputs) == 2
    assert ODD in project.jor("status", "--", ODD)
    assert project.jor("logs", "--", ODD, "1").splitlines()[1:] == ["this is b"]
    project.write(["a", "b", "c"], "pass")
    project.configure(options="--hold")
    project.jor("run", "--", ODD)
    assert "cancelled Slurm array" in project.jor("cancel", "--", ODD)
    project.until(lambda: project.queue() == [])


def test_folder_whose_logs_slurm_would_not_open_is_refused(make_project):
    project = make_project("back\\slash")
    wrong = "Slurm opens no file whose path has a backslash"
    assert wrong in project.jor("run", code=2)
    assert wrong in project.jor("check", code=1)
    assert not (project.folder / "out").exists()


def test_script_and_command_are_kept_and_shown_before(project):
    project.configure(prologue="export FROM_PROLOGUE=7\n    umask 027")
    project.write([0], "assert os.environ['FROM_PROLOGUE'] == '7'")
    shown = project.jor("run", "--dry-run")
    assert project.runs == []
    assert "export FROM_PROLOGUE=7" in shown
    project.jor("run", "--wait")
    script = (project.runs[0] / "script.sh").read_text().splitlines()
    assert script[0] == "#!/bin/bash"
    place = script.index("export FROM_PROLOGUE=7")
    assert script[place + 1] == "umask 027"
    assert script[-1].startswith("exec ")
    command = json.loads((project.runs[0] / "submission.json").read_text())["batch"]["command"]
    assert command[0] == "sbatch"
    assert "--array=0" in command


@pytest.mark.every_version
def test_options_of_class_entry_and_file_reach_slurm(project):
    project.write([0], "pass", head="slurm = {'constraint': '', 'nice': 7}\nmem = '50M'")
    project.configure(options="--hold --comment=hello", exclude="n1")
    (project.folder / "todo.yaml").write_text("jobs:\n  - jobmodule: jobs_out\n    cpus-per-task: 2\n")
    project.jor("run")
    shown = project.slurm("scontrol", "show", "job", project.queue("%F")[0])
    for what in ("CPUs/Task=2", "ExcNodeList=n1", "Nice=7", "Comment=hello", "Requeue=0"):
        assert what in shown


@pytest.mark.every_version
def test_environment_of_an_enclosing_job_neither_steers_nor_leaks(project):
    project.write(
        [0],
        """
        bad = [name for name in os.environ if name.startswith(("SBATCH_", "SQUEUE_")) or name == "SLURM_CPU_BIND"]
        assert not bad, bad
        assert os.environ["SLURM_CPUS_PER_TASK"] == "1"
        """,
    )
    steering = {
        "SBATCH_WAIT": "1", "SBATCH_ARRAY_INX": "1-3", "SBATCH_TIMELIMIT": "nonsense", "SQUEUE_STATES": "FAILED",
        "SQUEUE_PARTITION": "high", "SLURM_CPU_BIND": "mask", "SLURM_CPUS_PER_TASK": "9", "SLURM_TIME_FORMAT": "%s",
        "SLURM_CLUSTERS": "nope", "SACCT_FORMAT": "JobID", "SCANCEL_STATE": "FAILED",
    }  # fmt: skip
    project.jor("run", "--wait", **steering)
    assert len(project.outputs) == 1


@pytest.mark.every_version
def test_job_starts_its_own_steps_on_two_nodes(project):
    project.configure(nodes=2, ntasks=2)
    project.write([0], "print(subprocess.run(['srun', 'sh', '-c', 'echo $SLURM_NODEID of $SLURM_NNODES'], check=True))")
    project.jor("run", "--wait")
    assert {"0 of 2", "1 of 2"} <= set(project.jor("logs", "jobs_out", "0").splitlines())


@pytest.mark.every_version
def test_gpus_are_given(project):
    project.configure(gpus=1)
    project.write([0], "print(subprocess.run(['scontrol', 'show', 'job', os.environ['SLURM_JOB_ID']], check=True))")
    project.jor("run", "--wait")
    said = project.jor("logs", "jobs_out", "0")
    assert "TresPerJob=gres:gpu:1" in said or "TresPerJob=gres/gpu:1" in said  # as versions have it


def test_several_jobs_run_at_once_in_a_task(project):
    project.configure(jobs_per_task=4, workers_per_task=2)
    project.write([0, 1, 2, 3], "time.sleep(1)")
    project.jor("run", "--wait")
    assert json.loads((project.runs[0] / "submission.json").read_text())["batch"]["workers_per_task"] == 2
    assert len(list(project.runs[0].glob("task-0.s*.log"))) == 2


@pytest.mark.every_version
def test_collect_follows_by_itself(project):
    head = """
    def collect(self):
        with open(os.path.join(self.path_prefix, "all"), "w") as file:
            file.write(str(len(list(self.existing_outputs))))
    """
    project.write([0, 1, 2], "assert how != 1", head)
    for name in ("click", "csv", "queue", "random", "statistics"):  # no modules of the job that collects
        (project.folder / f"{name}.py").write_text("raise ImportError\n")
    assert "will collect when they have ended" in project.jor("run", "--collect")
    path = project.folder / "all"
    project.until(lambda: path.exists() and path.read_text())
    assert path.read_text() == "2"
    (note,) = project.until(lambda: list(project.folder.glob("out/.jor/*/collected.json")))
    assert json.loads(note.read_text())["missing"][0]["jobs"] == [[1, 1]]


# Never twice


@pytest.mark.every_version
def test_two_runs_at_once_submit_one_array(project):
    project.write(list(range(4)), "pass")
    commands = [project.start("run") for _ in range(4)]
    said = [process.communicate(timeout=120)[0] for process in commands]
    assert [process.returncode for process in commands] == [0] * 4, said
    project.wait()
    assert len(arrays(project)) == 1
    assert sorted(project.ran) == [0, 1, 2, 3]


def test_submission_that_sbatch_lost_is_found_again(project, cluster):
    project.write([0, 1], "pass")
    process = project.start("run")
    cluster.freeze_controller()
    time.sleep(14)  # sbatch gives up after 10 s, and the first look is frozen with it
    cluster.thaw_controller()
    said, _ = process.communicate(timeout=120)
    assert process.returncode in (0, 75), said
    project.jor("run")
    project.wait()
    assert len(arrays(project)) == 1
    assert sorted(project.ran) == [0, 1]


def test_frozen_controller_leaves_the_submission_unconfirmed_until_it_answers(project, cluster):
    project.write([0], "pass")
    project.jor("status")
    frozen = {**impatient(project), **fake_sbatch(project, before=f"kill -STOP {cluster.controller_pid}")}
    said = project.jor("run", code=75, **frozen)
    assert "did not say whether it has accepted 1 job" in said
    assert "is unknown since" in project.jor("status", **frozen)
    assert json.loads(project.jor("status", "--json", **frozen))["counts"]["queued"] == 1
    cluster.thaw_controller()
    project.wait()
    assert "all 1 job done" in project.jor("run")
    assert project.ran == [0]


def test_submission_that_was_never_asked_for_is_made_anew(project):
    project.write([0], "pass")
    environment = fake_sbatch(project, before="kill -9 $PPID; exit 1")
    process = project.start("run", **environment)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert "a submission is unconfirmed" in project.jor("status")
    assert "queued: left to an unconfirmed submission" in project.jor("run")
    assert arrays(project) == []
    later(project.runs[0], 400)
    assert "missing" in project.jor("status").split("\n")[0]
    project.jor("run", "--wait")
    assert project.ran == [0]
    assert json.loads((project.runs[0] / "revoked").read_text())["why"] == "its jobs were submitted again"


@pytest.mark.every_version
def test_submission_that_was_accepted_before_jor_died_is_found_again(project):
    project.write([0], "time.sleep(10)")
    process = project.start("run", **fake_sbatch(project, after="kill -9 $PPID; exit 1"))
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    said = project.jor("run")
    assert "left to Slurm array" in said
    project.wait()
    assert project.ran == [0]
    assert len(arrays(project)) == 1


def test_array_that_is_accepted_after_all_does_nothing(project):
    project.write([0], "pass")
    project.configure(options="--hold")
    process = project.start("run", **fake_sbatch(project, after="kill -9 $PPID; exit 1"))
    process.communicate(timeout=60)
    (held,) = arrays(project)
    project.slurm("scontrol", "update", f"JobId={held}", "JobName=hidden")  # as if it were not there yet
    later(project.runs[0], 400)
    project.configure()
    project.jor("run", "--wait")
    project.slurm("scontrol", "release", held)
    project.until(lambda: held not in project.slurm("squeue", "-h", "-o", "%F"))
    assert project.ran == [0]
    assert "its jobs were submitted again" in (project.runs[0] / "task-0.r0.jsonl").read_text()


def test_id_that_the_controller_lost_is_not_taken_for_ours(project, cluster):
    project.write([0], "pass")
    project.configure(options="--hold")
    project.jor("run")
    lost = project.queue("%F")[0]
    cluster.kill_controller()
    cluster.start_controller()
    if lost in project.slurm("squeue", "-h", "-o", "%F"):
        pytest.skip("this time the controller had saved its state")
    foreign = project.slurm("sbatch", "--parsable", "--hold", "--wrap=true").strip()
    assert "queued" in project.jor("status").split("\n")[0]
    later(project.runs[0], 100)
    assert "unknown" in project.jor("status").split("\n")[0]
    project.configure()
    project.jor("run", "--wait", **hasty(project))
    assert project.ran == [0]
    project.slurm("scancel", foreign)


def test_controller_that_is_down_makes_states_unknown_and_wait_goes_on(project, cluster):
    project.write([20, 20], "time.sleep(how)")
    process = project.start("run", "--wait")
    project.until(lambda: sorted(project.ran) == [0, 1])
    time.sleep(6)  # until it has saved its state, or it would forget the array
    cluster.kill_controller()
    said = project.jor("status")
    assert "is unknown since" in said
    assert json.loads(project.jor("status", "--json"))["counts"]["failed"] == 0
    cluster.start_controller()
    assert process.wait(120) == 0
    process.communicate()
    assert sorted(project.ran) == [0, 1]


@pytest.mark.every_version
def test_duplicate_of_an_array_does_nothing(project):
    project.write([0, 1], "pass")
    project.jor("run", "--wait")
    submission = json.loads((project.runs[0] / "submission.json").read_text())
    for path in (project.folder / "out").glob("*.txt"):
        path.unlink()
    again = subprocess.run(
        submission["batch"]["command"], input=(project.runs[0] / "script.sh").read_text(), env=project.environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    project.until(lambda: again.stdout.strip() not in project.slurm("squeue", "-h", "-o", "%F").split())
    assert sorted(project.ran) == [0, 1]
    assert "another process's already" in (project.runs[0] / "task-0.log").read_text()


def test_overwriting_twice_runs_jobs_once_more_and_not_twice(project):
    project.write([0, 1], "time.sleep(8)")
    project.jor("run", "--wait")
    project.jor("run", "--overwrite-output")
    assert "2 jobs are being run again by Slurm array" in project.jor("run", "--overwrite-output", code=75)
    project.until(lambda: project.queue() == [])
    assert sorted(project.ran) == [0, 0, 1, 1]


def test_munge_that_is_down_loses_nothing(project, cluster):
    project.write([0, 1], "time.sleep(30)")
    cluster.kill_munge()
    try:
        assert "Munge encode failed" in project.jor("run", code=75)
    finally:
        cluster.start_munge()
    project.jor("run")
    cluster.kill_munge()
    try:
        assert "is unknown since" in project.jor("status")
    finally:
        cluster.start_munge()
    project.jor("run", "--wait")
    assert sorted(project.ran) == [0, 1]


def test_accounting_that_is_down_is_done_without(make_cluster, project_on):
    cluster = make_cluster(accounting=True)
    project = project_on(cluster)
    project.write([0, 1], "assert how == 0")
    cluster.kill_accounting()
    project.jor("run", "--wait", code=1)
    assert "AssertionError" in project.jor("status")
    assert sorted(project.ran) == [0, 1]


def test_check_asks_whether_slurm_would_take_the_jobs(project):
    project.write([0, 1], "pass")
    said = project.jor("check", "--try")
    assert "to start at" in said
    assert "job 0 (how=0 n=0) made its output in " in said
    assert project.outputs == []
    assert project.ran == []
    assert list(project.folder.glob(".jor-check-*")) == []
    said = project.jor("check", "--partition", "dya", code=1)
    assert "command line: there is no partition 'dya'\n           Did you mean 'day'?" in said
    assert "time = 3-0: the partition allows 1-00:00:00" in project.jor("check", "--time", "3-0", code=1)
    assert "ok     Slurm" in project.jor("check", "--time", "3-0", "--partition", "high,day")
    assert "WRONG" in project.jor("check", "--mem", "900G", code=1)
    assert "Ask for less" in project.jor("check", "--cpus-per-task", "900", code=1)


def test_job_that_fails_when_it_is_tried_on_a_node_tells_its_last_words(project):
    project.write([0, 1], "assert how == 1, 'not on this node'")
    said = project.jor("check", "--try", code=1)
    assert "WRONG  job 0 (how=0 n=0) failed: AssertionError: not on this node" in said
    assert "| AssertionError: not on this node" in said
    assert len(list(project.folder.glob(".jor-check-*"))) == 1


def test_try_that_is_interrupted_takes_its_job_back(project):
    project.write([0], "time.sleep(600)")
    process = project.start("check", "--try")
    project.until(lambda: list(project.folder.glob(".jor-check-*/ran")))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert list(project.folder.glob(".jor-check-*/**/jobs.jsonl")) == []
    project.until(lambda: not project.slurm("squeue", "-h", "--me", "-t", "PD,R").strip())


def test_test_submits_one_job_and_waits_for_that_alone(project):
    project.write([0, 1, 2], "pass")
    project.jor("run", "--test", "--wait")
    assert project.ran == [0]
    assert len(project.outputs) == 1
