"""The engine as an array task: a chunk of jobs, an end of time, later attempts, several slots."""

from __future__ import annotations

import json
import os
import signal
import sys
import textwrap
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from engine import Engine, alive, until  # beside this file, whatever pytest's import mode

from jor.runtime import events, run_folder
from jor.runtime.events import Begin, Claim, End, Over
from jor.runtime.jobs import JobsBase
from jor.runtime.journal import Journal
from jor.runtime.process_id import Owner

MARK = "open(os.path.join(self.path_prefix, 'ran'), 'a').write(how)\n"


@pytest.fixture
def engine(tmp_path):
    """Make submissions that array tasks carry out; end what still runs after the test."""
    made = []

    def make(body, hows=("a",), per_task=10, workers=1, time_limit=None, warning=0, requeue=(), **settings):
        batch = {
            "jobs_per_task": per_task,
            "workers_per_task": workers,
            "time_limit": time_limit,
            "warning": warning,
            "requeue": list(requeue),
        }
        body = textwrap.indent(textwrap.dedent(body), " " * 8)
        made.append(Engine(tmp_path, body, list(hows), batch=batch, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


def catches(pid, number):
    """Tell whether a process has a handler for a signal."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = [line.split()[1] for line in lines if line.startswith("SigCgt:")]
    return bool(int(mask, 16) >> (number - 1) & 1)


def ran(one):
    """Return which jobs were executed, in order."""
    return (one.folder / "ran").read_text() if (one.folder / "ran").exists() else ""


def test_each_task_runs_its_own_chunk(engine):
    one = engine(MARK + "self.write(i)", "abcde", per_task=2)
    assert [one.start_task(task).wait() for task in (2, 0, 1)] == [0, 0, 0]
    assert ran(one) == "eabcd"
    assert [record.index for record in one.events(End, "task-1.r0")] == [2, 3]
    assert one.events(Claim, "task-1.r0")[0].job_id == "7"


def test_task_that_the_submission_does_not_have_is_refused(engine):
    one = engine("self.write(i)", "ab", per_task=2)
    assert one.start_task(1).wait() == 69
    assert "has no task 1" in (one.run / "task-1.log").read_text()


def test_submission_of_a_newer_jor_is_refused_with_the_remedy(engine):
    one = engine(MARK + "self.write(i)", "ab", version=run_folder.VERSION + 1)
    assert one.start_task().wait() == 2
    told = (one.run / "task-0.log").read_text()
    assert f"this jor reads version {run_folder.VERSION}\n  Use the newer jor that wrote it" in told
    assert (ran(one), one.outputs()) == ("", [])


def test_options_in_the_environment_of_a_task_change_nothing(engine):
    one = engine(MARK + "self.write(i)", "abc", per_task=2)
    (one.output / "howa.txt").write_text("old")
    odd = {"JOR_MEM": "lots", "JOR_SCHEDULER": "slurm", "JOR_OVERWRITE_OUTPUT": "True", "JOR_JOBS_PER_TASK": "1"}
    assert one.start_task(JOR_OVERWRITE_OUTPTU="True", **odd).wait() == 0
    assert ran(one) == "b"
    assert (one.run / "task-0.log").read_text() == ""


def test_failed_job_lets_the_task_end_with_status_1(engine):
    one = engine("assert how != 'a'\nself.write(i)", "ab")
    assert one.start_task().wait() == 1
    assert one.outputs() == ["howb.txt"]


def test_outputs_that_are_there_are_not_made_again(engine):
    one = engine(MARK + "self.write(i)", "abc")
    (one.output / "howb.txt").write_text("old")
    assert one.start_task().wait() == 0
    assert ran(one) == "ac"
    assert (one.output / "howb.txt").read_text() == "old"


def test_outputs_that_are_to_be_replaced_are_made_again_but_not_twice(engine):
    one = engine(MARK + "self.write(i)", "abc", may_exist=True)
    (one.output / "howb.txt").write_text("old")
    assert one.start_task().wait() == 0
    assert ran(one) == "abc"
    assert one.start_task(restart=1).wait() == 0
    assert ran(one) == "abc"


def test_duplicate_of_an_attempt_does_nothing(engine):
    one = engine(MARK + "self.write(i)", "ab")
    assert one.start_task().wait() == 0
    for path in one.output.glob("how*"):
        path.unlink()
    assert one.start_task().wait() == 0
    assert ran(one) == "ab"
    assert "another process's already" in (one.run / "task-0.log").read_text()


def test_later_attempt_goes_on_with_what_was_interrupted_and_leaves_what_failed(engine):
    body = (
        MARK
        + """
assert how != 'a'
if how == 'b' and not os.path.exists('again'): open('again', 'w').close(); time.sleep(60)
self.write(i)
"""
    )
    one = engine(body, "abc", grace_period=0.1)
    one.start_task()
    until(lambda: (one.folder / "again").exists())
    one.process.send_signal(signal.SIGTERM)
    assert one.wait() == 128 + signal.SIGTERM
    assert [record.interrupted for record in one.events(End)] == [False, True]
    assert one.start_task(restart=1).wait() == 0
    assert ran(one) == "abbc"
    assert one.outputs() == ["howb.txt", "howc.txt"]


def test_job_during_which_attempts_die_again_and_again_is_left_and_the_others_run(engine):
    body = """
host = os.getppid()
worker = int(open(f'/proc/{host}/stat').read().rpartition(')')[2].split()[1])
if how == 'b': os.kill(worker, signal.SIGKILL); time.sleep(60)
self.write(i)
"""
    one = engine(MARK + body, "abc")
    for restart in range(3):
        one.start_task(restart=restart)
        assert one.wait() == -signal.SIGKILL
    assert one.start_task(restart=3).wait() == 1
    assert ran(one) == "abbbc"
    assert one.outputs() == ["howa.txt", "howc.txt"]
    (end,) = (record for record in one.events(End, "task-0.r3") if record.error)
    assert end.error == "its array task has died 3 times while it ran"
    assert end.log == (one.events(Begin, "task-0.r2")[-1].log[0], 0)
    assert one.events(Over, "task-0.r3")[0].failed == 1


def test_job_that_goes_on_from_where_it_was_may_be_begun_any_number_of_times(engine):
    body = """
worker = int(open(f'/proc/{os.getppid()}/stat').read().rpartition(')')[2].split()[1])
if len(open(os.path.join(self.path_prefix, 'ran')).read()) < 5: os.kill(worker, signal.SIGKILL); time.sleep(60)
self.write(i)
"""
    one = engine(MARK + body, "a", resumable=True)
    for restart in range(4):
        one.start_task(restart=restart)
        assert one.wait() == -signal.SIGKILL
    assert one.start_task(restart=4).wait() == 0
    assert one.outputs() == ["howa.txt"]


def test_jobs_that_ran_beside_one_that_kills_are_given_up_with_it_and_that_is_told(engine):
    body = """
worker = int(open(f'/proc/{os.getppid()}/stat').read().rpartition(')')[2].split()[1])
while how != 'c':
    ran = open(os.path.join(self.path_prefix, 'ran')).read()
    if how == 'b' and ran.count('a') == ran.count('b'): os.kill(worker, signal.SIGKILL)
    time.sleep(0.01)
self.write(i)
"""
    one = engine(MARK + body, "abc", workers=2)
    for restart in range(3):
        one.start_task(restart=restart)
        assert one.wait() == -signal.SIGKILL
    assert one.start_task(restart=3).wait() == 1
    ends = one.events(End, "task-0.r3")
    assert [record.error for record in ends[:2]] == [
        "its array task has died 3 times while it ran, beside 1 others"
    ] * 2
    assert one.outputs() == ["howc.txt"]


def test_attempts_that_tell_why_they_cannot_work_are_no_deaths(engine):
    one = engine(MARK + "self.write(i)", "ab", head="assert not os.path.exists('broken'), 'broken'")
    (one.folder / "broken").touch()
    for restart in range(3):
        assert one.start_task(restart=restart).wait() == 69
    (one.folder / "broken").unlink()
    assert one.start_task(restart=3).wait() == 0
    assert ran(one) == "ab"


def test_later_attempt_waits_until_the_earlier_one_has_stopped(engine):
    body = """
    if os.path.exists('pid') and os.path.exists('/proc/' + open('pid').read()): open('overlap', 'w').close()
    with open('pid', 'w') as file: file.write(str(os.getpid()))
    if not os.path.exists('again'): open('again', 'w').close(); time.sleep(60)
    self.write(i)
    """
    one = engine(body, "ab", grace_period=0.1)
    one.start_task()
    until(lambda: (one.folder / "again").exists())
    first = one.process
    assert one.start_task(restart=1).wait() == 0
    first.wait()
    assert one.events(Over, "task-0.r0")[0].stopped == "another attempt at its task has begun"
    assert one.outputs() == ["howa.txt", "howb.txt"]
    assert not (one.folder / "overlap").exists()


def test_later_attempt_leaves_what_the_earlier_one_ends_while_it_waits(engine):
    body = """
if how == 'a':
    while not os.path.exists('go'): time.sleep(0.01)
elif not os.path.exists('again'): open('again', 'w').close(); time.sleep(60)
self.write(i)
"""
    one = engine(MARK + body, "ab", grace_period=0.1, may_exist=True)
    one.start_task()
    until(lambda: ran(one) == "a")
    first = one.process
    one.start_task(restart=1)
    until(lambda: one.events(Claim, "task-0.r1"))
    (one.folder / "go").touch()
    assert one.wait() == 0
    first.wait()
    ended = {record.index for record in one.events(End, "task-0.r0") if not record.interrupted}
    assert ended.isdisjoint(record.index for record in one.events(Begin, "task-0.r1"))
    assert one.outputs() == ["howa.txt", "howb.txt"]


def test_no_job_is_begun_that_would_not_fit(engine):
    one = engine(MARK + "time.sleep(2)\nself.write(i)", "abc")
    assert one.start_task(limit=8).wait() == 0
    assert ran(one) == "a"
    assert one.events(Over)[0].stopped == "its task had no time left for it"


def test_time_that_has_passed_before_the_script_hands_over_counts(engine):
    one = engine(MARK + "time.sleep(2)\nself.write(i)", "abc")
    assert one.start_task(limit=12, prefix=["sh", "-c", 'sleep 4; exec "$@"', "sh"]).wait() == 0
    assert ran(one) == "a"


def test_time_limit_counts_where_the_end_is_not_told(engine):
    one = engine(MARK + "time.sleep(2)\nself.write(i)", "abc", time_limit=8)
    assert one.start_task().wait() == 0
    assert ran(one) == "a"


def test_attempt_that_has_been_outlived_stops_its_job(engine):
    one = engine(MARK + "time.sleep(60)", "ab", grace_period=0.1)
    one.start_task()
    until(lambda: ran(one) == "a")
    (one.run / "task-0.r1.jsonl").touch()
    assert one.wait() == 1
    assert ran(one) == "a"
    end = one.events(End)[0]
    assert end.error == "another attempt at its task has begun"
    assert end.interrupted


@pytest.mark.parametrize(("tasks", "what"), [([[0, 3]], ""), ([[1, 3]], "ab")])
def test_revoked_task_begins_nothing(engine, tasks, what):
    one = engine(MARK + "self.write(i)", "ab")
    (one.run / "revoked").write_text(json.dumps({"tasks": tasks, "why": "cancelled"}) + "\n")
    assert one.start_task().wait() == 0
    assert ran(one) == what
    assert one.events(Over)[0].stopped == ("" if what else "cancelled")
    assert ("task 0 stops: cancelled" in (one.run / "task-0.log").read_text()) == (not what)


def test_log_tells_that_the_staging_folder_of_a_job_has_gone(engine):
    body = "import shutil; shutil.rmtree(os.path.dirname(self._get_output_path(**self._jobs[i]))); self.write(i)"
    one = engine(body, "a")
    assert one.start_task().wait() == 1
    assert "is gone: the job, or another process, has deleted or moved it" in (one.run / "task-0.log").read_text()


def test_damaged_list_of_revoked_tasks_stops_all(engine):
    one = engine(MARK + "self.write(i)", "ab")
    (one.run / "revoked").write_bytes(b'{"tasks": [[0\n')
    assert one.start_task().wait() == 0
    assert ran(one) == ""


@pytest.mark.parametrize("isolation", ["fork", "spawn", "none"])
def test_several_slots_run_jobs_at_once_each_with_its_log(engine, isolation):
    body = """
    print('I am', how)
    open(how, 'w').close()
    while not os.path.exists('b' if how == 'a' else 'a'): time.sleep(0.01)
    self.write(i)
    """
    one = engine(body, "ab", workers=2, isolation=isolation)
    assert one.start_task().wait() == 0
    assert one.outputs() == ["howa.txt", "howb.txt"]
    for record in one.events(End):
        first, last = record.log
        words = (one.run / record.log_file).read_bytes()[first:last]
        assert words == f"I am {'ab'[record.index]}\n".encode()
    assert not (one.output / ".jor" / "entry" / "partial").exists()


def test_death_of_one_slots_host_leaves_the_others_alone(engine):
    body = """
    if how == 'k': time.sleep(0.3); os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)
    time.sleep(1)
    self.write(i)
    """
    one = engine(body, "kabc", workers=2)
    assert one.start_task().wait() == 1
    assert one.outputs() == ["howa.txt", "howb.txt", "howc.txt"]


@pytest.mark.parametrize("isolation", ["fork", "spawn", "none"])
def test_warning_calls_checkpoint_and_begins_no_more(engine, isolation, monkeypatch):
    monkeypatch.setattr(JobsBase, "checkpoint", None, raising=False)  # what loading the module here sets goes again
    head = "jor.JobsBase.checkpoint = lambda self, i: open('saved', 'w').write(str(i))"
    body = MARK + "\nwhile not os.path.exists('saved'): time.sleep(0.01)\nself.write(i)"
    one = engine(body, "ab", head=head, isolation=isolation)
    one.start_task()
    until(lambda: ran(one) == "a")
    one.process.send_signal(signal.SIGUSR2)
    assert one.wait() == 0
    assert ran(one) == "a"
    assert (one.folder / "saved").read_text() == "0"
    assert one.outputs() == ["howa.txt"]
    assert one.events(Over)[0].stopped == "its task was warned of its end"


def test_warning_leaves_jobs_without_checkpoint_and_their_processes_alone(engine):
    one = engine(MARK + "assert os.system('sleep 1') == 0\nself.write(i)", "ab")
    one.start_task()
    until(lambda: ran(one) == "a")
    one.process.send_signal(signal.SIGUSR2)
    assert one.wait() == 0
    assert one.outputs() == ["howa.txt"]


@pytest.mark.parametrize("can", ["end a job", "go on", "begin anew"])
def test_warned_task_has_itself_run_again_if_that_brings_it_further(engine, tmp_path, can):
    (tmp_path / "requeue").write_text(f"#!/bin/sh\necho $* > {tmp_path}/asked\n")
    os.chmod(tmp_path / "requeue", 0o755)
    requeue = [str(tmp_path / "requeue"), "now"]
    body = MARK + ("if how == 'a': return self.write(i)\n" if can == "end a job" else "") + "time.sleep(60)"
    one = engine(body, "abc", warning=2, requeue=requeue, grace_period=0.1, resumable=can == "go on")
    one.start_task()
    until(lambda: ran(one) == ("ab" if can == "end a job" else "a"))
    one.process.send_signal(signal.SIGUSR2)
    one.wait()
    assert one.events(End)[-1].error == "its task's time was up"
    assert one.events(End)[-1].interrupted
    assert (tmp_path / "asked").exists() == (can != "begin anew")
    assert can == "begin anew" or (tmp_path / "asked").read_text() == "now 7\n"


def test_task_that_is_warned_before_it_has_begun_a_job_is_not_run_again(engine, tmp_path):
    (tmp_path / "requeue").write_text(f"#!/bin/sh\necho $* > {tmp_path}/asked\n")
    os.chmod(tmp_path / "requeue", 0o755)
    one = engine(MARK + "self.write(i)", "ab", warning=600, requeue=[str(tmp_path / "requeue")])
    before = Journal(str(one.run / "task-0.r0.jsonl"), Claim(events.VERSION, str(Owner.current())))
    one.start_task(restart=1)  # and waits for the attempt before it
    until(lambda: catches(one.process.pid, signal.SIGUSR2))
    one.process.send_signal(signal.SIGUSR2)
    before.write(Over())
    before.close()
    assert one.wait() == 0
    assert ran(one) == ""
    assert one.events(Over, "task-0.r1")[0].stopped == "its task was warned of its end"
    assert not (tmp_path / "asked").exists()


def test_job_that_slurm_signals_with_its_task_is_interrupted(engine):
    one = engine(MARK + "open('pid', 'w').write(str(os.getpid())); time.sleep(60)", "ab")
    one.start_task()
    until(lambda: (one.folder / "pid").exists() and (one.folder / "pid").read_text())
    pid = int((one.folder / "pid").read_text())
    os.kill(pid, signal.SIGTERM)
    one.process.send_signal(signal.SIGTERM)
    assert one.wait() == 128 + signal.SIGTERM
    assert one.events(End)[0].interrupted
    until(lambda: not alive(pid))
    assert ran(one) == "a"
