"""What is written before anything starts, and the plan that it comes from."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import time
from pathlib import Path
from typing import Any, get_args, get_type_hints

import attrs
import pytest

from jor import BusyError, JobModuleError, RecordError
from jor.planning.planner import again, choose, make_submission, survey
from jor.planning.status import Carrier, EntryStatus, Phase, Status, TaskState
from jor.runs.lease import Lease
from jor.runs.store import is_copied, newest_first, of_unknown_entries, partial_folder, read, write
from jor.runs.submission import Batch, Submission
from jor.runtime.job_spec import thaw
from jor.runtime.run_folder import VERSION, Run
from jor.runtime.run_spec import BatchSpec, RunSpec
from jor.settings.config import read_config
from jor.todo.reader import make_entry


def submit(found, indices):
    with plan(found) as planning:
        return write(make_submission(found, indices), found.jobs, indices, found.records, planning)


def plan(found):
    os.makedirs(found.records, exist_ok=True)
    return Lease(os.path.join(found.records, "lock"))


def test_survey_writes_nothing(found, tmp_path):
    assert [path.name for path in tmp_path.iterdir()] == ["jobs_here.py"]
    assert found.status.pending == [0, 1, 2, 3, 4]
    assert found.folder == str(tmp_path / "out")


def test_submission_is_read_back_equal(found):
    submitted = submit(found, [0, 2, 3])
    assert read(submitted.run) == submitted.submission
    assert submitted.submission.planned == ((0, 0), (2, 3))
    assert submitted.submission.mem == "1G"
    submitted.lease.release()


def test_who_has_stood_still_too_long_leaves_the_entry_to_who_plans_it_now(found, tmp_path):
    planning = plan(found)
    os.unlink(planning.path)
    other = f"elsewhere~0~{os.getpid()}~1"
    with open(planning.path, "w") as file:
        file.write(other)
    with pytest.raises(BusyError, match="this process has lost its lock"):
        write(make_submission(found, [0]), found.jobs, [0], found.records, planning)
    planning.release()
    assert os.listdir(os.path.join(found.records, "runs")) == []
    with open(planning.path) as file:
        assert file.read() == other


def test_planned_jobs_stand_at_their_offsets(found):
    submitted = submit(found, [1, 4])
    with open(submitted.run.jobs, "rb") as file:
        content = file.read()
    lines = [content[offset:].partition(b"\n")[0] for offset in submitted.offsets]
    assert [(thaw(line).index, thaw(line).parameters) for line in lines] == [(1, {"i": 1}), (4, {"i": 4})]
    submitted.lease.release()


@pytest.mark.parametrize("per_task", [1, 2, 3, 9])
@pytest.mark.parametrize("indices", [[0], [4], [0, 1, 2, 3, 4], [0, 2, 3], [1, 4], [0, 1, 3, 4]], ids=str)
def test_task_has_the_jobs_that_stand_at_its_place(found, indices, per_task):
    batch = Batch("jor-one", per_task, 1, None, None, None, 0, (), ("sbatch",))
    submission = make_submission(found, indices, batch=batch)
    task_of = submission.task_of()
    assert [task_of(index) for index in indices] == [place // per_task for place in range(len(indices))]
    assert (submission.count, submission.tasks) == (len(indices), -(-len(indices) // per_task))
    assert [index for index in range(-1, 6) if submission.has(index)] == indices


def test_workers_on_this_machine_are_one_task(found):
    submission = make_submission(found, [0, 3])
    assert (submission.tasks, submission.task_of()(3)) == (0, 0)


def test_submitted_jobs_are_queued_until_the_lease_is_gone(found):
    submitted = submit(found, [1, 4])
    status = again([found], time.time())[0].status
    assert (status.counts[Status.QUEUED], status.pending) == (2, [0, 2, 3])
    submitted.lease.release()
    assert again([found], time.time())[0].status.pending == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("attribute", "value", "goes_on"),
    [("name", "out", False), ("checkpoint", lambda _self, _i: None, True), ("atomic_output", False, True)],
)
def test_submission_tells_whether_a_job_that_was_stopped_goes_on(found, monkeypatch, attribute, value, goes_on):
    monkeypatch.setattr(type(found.jobs), attribute, value, raising=False)
    assert read(submit(found, [0]).run).resumable == goes_on


def test_submissions_come_the_newest_first_and_unfinished_ones_not_at_all(found):
    first, second = submit(found, [0]), submit(found, [1])
    os.rename(second.run.folder, second.run.folder.replace("runs/2", "runs/3"))
    os.mkdir(os.path.join(found.records, "runs", "9-unfinished"))
    assert [read(run).planned for run in newest_first(found.records)] == [((1, 1),), ((0, 0),)]
    first.lease.release()


def test_submission_whose_writer_was_killed_is_none(found, monkeypatch):
    """submission.json comes last and by rename: a half of it counts for nothing."""

    def die(_content, file, **_):
        file.write('{"token"')
        file.flush()
        os._exit(9)

    monkeypatch.setattr(json, "dump", die)
    if (pid := os.fork()) == 0:
        try:
            submit(found, [0])
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    assert list(newest_first(found.records)) == []
    assert again([found], time.time())[0].status.pending == [0, 1, 2, 3, 4]


def test_submission_comes_after_the_newest_also_where_the_clock_is_behind(found):
    first = submit(found, [0])
    os.rename(first.run.folder, first.run.folder.replace("runs/2", "runs/3"))
    os.mkdir(os.path.join(found.records, "runs", "4-unfinished"))
    second = submit(found, [1])
    assert [read(run).planned for run in newest_first(found.records)] == [((1, 1),), ((0, 0),)]
    assert second.submission.created.startswith("3")


def test_damaged_and_newer_submissions_are_refused_with_the_remedy(found):
    run = submit(found, [0]).run
    content = run.read_content()
    for change, reason in (
        ({"version": VERSION + 1}, f"has version {VERSION + 1}"),
        ({"planned": "x"}, "the submission is damaged"),
    ):
        with open(run.submission, "w") as file:
            json.dump({**content, **change}, file)
        with pytest.raises(RecordError, match=reason) as caught:
            read(run)
        assert caught.value.remedy


def test_folder_that_cannot_be_made_is_told_and_nothing_is_left(found):
    plan(found).release()
    runs = os.path.join(found.records, "runs")
    with open(runs, "w") as file:
        file.write("a file in the way")
    with pytest.raises(RecordError, match="the output folder cannot be written: Not a directory"):
        submit(found, [0])
    assert os.listdir(found.records) == ["runs"]
    with open(runs) as file:
        assert file.read() == "a file in the way"


def test_staging_folder_is_shared_by_the_entrys_submissions(found):
    submitted = submit(found, [0])
    assert partial_folder(found.records) == submitted.run.partial
    submitted.lease.release()


def status(pending, **counts):
    found = {kind: counts.get(kind.value, 0) for kind in Status}
    return EntryStatus(9, found, pending, [], ())


def test_pending_jobs_are_chosen():
    assert choose(status([2, 5]), overwrite=False) == [2, 5]


def test_all_jobs_are_chosen_to_overwrite_unless_somebody_is_at_it():
    assert list(choose(status([2]), overwrite=True)) == list(range(9))
    active = Carrier("somebody", lambda _task: TaskState(Phase.WAITING), True)
    gone = attrs.evolve(active, is_active=False)
    assert list(choose(attrs.evolve(status([]), carriers=(active,)), overwrite=True)) == []
    assert list(choose(attrs.evolve(status([]), carriers=(gone,)), overwrite=True)) == list(range(9))


def test_entries_that_share_a_folder_may_not_share_an_output(found):
    config = read_config({})
    apart = [make_entry("jobs_here", "first=0, last=3"), make_entry("jobs_here", "first=3, last=5")]
    assert [one.status.total for one in survey(apart, config)] == [3, 2]
    overlapping = [*apart, make_entry("jobs_here", "first=4, last=6")]
    with pytest.raises(JobModuleError, match=r"two jobs have the same output .*i4.txt'; the second is job 0"):
        list(survey(overlapping, config))


def test_empty_outputs_of_before_are_made_again_and_those_of_jor_are_not(found, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "i0.txt").write_text("")
    (tmp_path / "out" / "i1.txt").write_text("x")
    (one,) = again([found], time.time())
    assert one.status.counts[Status.INTERRUPTED] == 1
    assert one.status.pending == [0, 2, 3, 4]
    submitted = submit(one, one.status.pending)
    submitted.lease.release()
    assert submitted.submission.empty == ("i0.txt",)
    assert submitted.submission.may_exist
    assert 0 in again([found], time.time())[0].status.pending
    (tmp_path / "out" / "i0.txt").write_text("now it is there")
    assert again([found], time.time())[0].status.pending == [2, 3, 4]


def test_empty_outputs_of_before_are_known_also_when_the_list_has_changed(found, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "i3.txt").write_text("")
    (one,) = again([found], time.time())
    submit(one, [1]).lease.release()
    one.jobs._jobs = [{"i": i} for i in (7, 3, 1)]
    (now,) = again([one], time.time())
    assert now.status.empty == {1}
    assert now.status.pending == [0, 1, 2]


def test_package_names_what_it_exports():
    import jor

    assert sorted(jor.__all__) == sorted(set(jor.__all__))
    assert all(hasattr(jor, name) for name in jor.__all__)


def test_submission_that_may_not_be_seen_is_not_taken_for_none(tmp_path):
    folder = tmp_path / "runs" / "20260301-120000000-0123456789"
    folder.mkdir(parents=True)
    (folder / "submission.json").touch()
    for opened in (tmp_path, *tmp_path.parents[:2]):  # all that pytest has made
        opened.chmod(0o755)
    folder.chmod(0)
    user = os.geteuid()
    os.seteuid(user or 65534)  # root sees everything
    try:
        with pytest.raises(PermissionError):
            list(newest_first(str(tmp_path)))
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


def test_record_in_the_folder_that_was_planned_is_no_copy(found):
    one = submit(found, [0])
    assert not is_copied(one.run, one.submission)


def test_record_in_a_copy_of_the_folder_is_known_as_one(found, tmp_path):
    one = submit(found, [0])
    copy = Run(one.run.folder.replace(found.folder, f"{tmp_path}/twin"))
    shutil.copytree(found.folder, tmp_path / "twin")
    assert is_copied(copy, one.submission)
    shutil.rmtree(found.folder)
    assert is_copied(copy, one.submission)


def test_record_in_a_folder_that_was_renamed_is_no_copy(found, tmp_path):
    one = submit(found, [0])
    os.rename(found.folder, tmp_path / "renamed")
    moved = Run(one.run.folder.replace(found.folder, f"{tmp_path}/renamed"))
    assert not is_copied(moved, one.submission)
    os.mkdir(found.folder)  # another stands in its place
    assert not is_copied(moved, one.submission)


def test_record_in_a_snapshot_of_the_folder_is_a_copy(found, tmp_path, monkeypatch):
    """In a snapshot of a file system inodes are the same, and the device is another."""
    one = submit(found, [0])
    shutil.copytree(found.folder, tmp_path / "snapshot")
    snapshot, real = str(tmp_path / "snapshot"), os.stat(found.folder)
    other = os.stat_result((real.st_mode, real.st_ino, real.st_dev + 1, *real[3:]))
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **more: other if path == snapshot else stat(path, **more))
    assert is_copied(Run(one.run.folder.replace(found.folder, snapshot)), one.submission)


def test_path_of_the_original_on_another_host_is_a_copy(found, monkeypatch):
    """The path is the same, and the folder is another, as after rsync to a cluster."""
    one = submit(found, [0])
    elsewhere = attrs.evolve(one.submission, folder_inode=1)
    assert not is_copied(one.run, elsewhere)  # made again on this host: the jobs write there
    assert is_copied(one.run, attrs.evolve(elsewhere, host="elsewhere"))


@pytest.mark.parametrize("content", ["{", '{"version": 1}'])
def test_unreadable_records_of_strangers_are_passed_over(found, content):
    run = submit(found, [0]).run
    Path(run.submission).write_text(content)
    assert of_unknown_entries(found.folder, set()) == []
    with pytest.raises(RecordError):
        again([found], time.time())  # its own say so


def test_record_that_is_seen_by_another_path_is_no_copy(found, tmp_path):
    one = submit(found, [0])
    os.symlink(found.folder, tmp_path / "link")
    assert not is_copied(Run(one.run.folder.replace(found.folder, f"{tmp_path}/link")), one.submission)


def test_submission_tells_its_user_and_that_it_is_local(found):
    submission = submit(found, [0]).submission
    assert (submission.scheduler, submission.cluster) == ("local", "")
    assert submission.user == pwd.getpwuid(os.geteuid()).pw_name
    assert submission.folder_inode == os.stat(found.folder).st_ino


def test_submissions_of_unknown_entries_are_found(found):
    run = submit(found, [0]).run
    assert of_unknown_entries(found.folder, {found.entry.key}) == []
    assert of_unknown_entries(found.folder, set()) == [run]
    assert of_unknown_entries(f"{found.folder}/none", set()) == []


@pytest.mark.parametrize(("part", "whole"), [(RunSpec, Submission), (BatchSpec, Batch)])
def test_what_workers_read_is_part_of_what_is_planned(part, whole):
    def plain(kind: Any) -> list[Any]:
        """Return the parts of a type, which the runtime, on Python 3.8, has to call by other names."""
        parts = [Batch if one is BatchSpec else one for one in get_args(kind) or [kind]]
        return [plain(one) if get_args(one) else one for one in parts]

    ours = get_type_hints(whole)
    for name, kind in get_type_hints(part).items():
        assert plain(kind) == plain(ours[name]), name


def test_worker_reads_what_was_planned(found):
    submitted = submit(found, [0])
    spec = submitted.run.read_submission()
    submission = read(submitted.run)
    assert spec == RunSpec(*(getattr(submission, name) for name in RunSpec._fields))
