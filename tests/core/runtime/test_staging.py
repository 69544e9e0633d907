"""Where jobs write, and the rename that makes an output true."""

from __future__ import annotations

import errno
import os
import shutil
import time

import pytest

from jor.runtime import staging
from jor.runtime.process_id import Owner
from jor.runtime.publishing import Publisher
from jor.runtime.run_folder import Run
from jor.runtime.staging import Staging, staged, sweep, sweep_halfway


@pytest.fixture
def stage(tmp_path):
    stage = Staging(str(tmp_path / "partial"))
    yield stage
    if os.path.isdir(stage.folder):
        stage.close()


def publish(stage, output, *, durably=False):
    """Publish what a job has left; tell whether it has written its output."""
    folder = os.path.dirname(stage.partial)
    publisher = Publisher(Run(os.path.join(folder, "runs", "1")), folder)
    return publisher.publish(stage, output, durably=durably) is not None


def write(path, text="x"):
    with open(path, "w") as file:
        file.write(text)


def test_folder_is_made_though_another_deletes_that_of_all(tmp_path, monkeypatch):
    """A worker that ends deletes `partial` just when this one has found it."""
    mkdir, left = os.mkdir, [3]

    def make_late(path):
        mkdir(path)
        if path == str(tmp_path / "partial") and left[0]:
            left[0] -= 1
            os.rmdir(path)

    monkeypatch.setattr(os, "mkdir", make_late)
    stage = Staging(str(tmp_path / "partial"))
    assert os.listdir(tmp_path / "partial") == [os.path.basename(stage.folder)]


def test_folder_that_cannot_be_made_is_an_error(tmp_path):
    os.symlink(tmp_path / "nowhere", tmp_path / "link")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(OSError):  # noqa: PT011 # which one, the system says
            Staging(str(tmp_path / name))


def test_slots_of_a_worker_have_a_folder_each(tmp_path):
    stages = [Staging(str(tmp_path / "partial"), number) for number in range(2)]
    assert sorted(os.listdir(tmp_path / "partial")) == [f"{Owner.current()}~{number}" for number in range(2)]
    stages[0].close()
    assert os.path.isdir(stages[1].folder)


def test_output_is_moved_into_place(tmp_path, stage):
    output = str(tmp_path / "a.txt")
    write(staged(stage.folder, output))
    assert publish(stage, output)
    assert (tmp_path / "a.txt").read_text() == "x"
    assert os.listdir(stage.folder) == []


def test_nothing_is_moved_without_the_output(tmp_path, stage):
    write(os.path.join(stage.folder, "other.txt"))
    assert not publish(stage, str(tmp_path / "a.txt"))
    assert not (tmp_path / "other.txt").exists()


def test_what_lies_beside_the_output_is_moved_before_it(tmp_path, stage, monkeypatch):
    output = str(tmp_path / "a.txt")
    write(staged(stage.folder, output))
    write(os.path.join(stage.folder, "a.log"))
    os.mkdir(os.path.join(stage.folder, "plots"))
    moved = []
    replace, link = os.replace, os.link
    monkeypatch.setattr(os, "replace", lambda a, b: (moved.append(os.path.basename(b)), replace(a, b)))
    monkeypatch.setattr(os, "link", lambda a, b, **how: (moved.append(os.path.basename(b)), link(a, b, **how)))
    assert publish(stage, output)
    assert moved == ["a.log", "a.txt"]
    assert (tmp_path / "plots").is_dir()


def test_old_output_stands_until_the_new_one_replaces_it(tmp_path, stage):
    write(tmp_path / "a.txt", "old")
    write(staged(stage.folder, str(tmp_path / "a.txt")), "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    publish(stage, str(tmp_path / "a.txt"))
    assert (tmp_path / "a.txt").read_text() == "new"


def test_subfolder_of_an_output_is_made(tmp_path, stage):
    output = str(tmp_path / "deep" / "down" / "a.txt")
    write(staged(stage.folder, output))
    assert publish(stage, output)
    assert os.path.exists(output)


def test_subfolder_that_another_has_made_meanwhile_is_used(tmp_path, stage, monkeypatch):
    output = str(tmp_path / "deep" / "a.txt")
    write(staged(stage.folder, output))
    replace = os.replace

    def late(source, target):
        try:
            replace(source, target)
        except FileNotFoundError:
            os.mkdir(tmp_path / "deep")
            raise

    monkeypatch.setattr(os, "replace", late)
    assert publish(stage, output)
    assert os.path.exists(output)


def test_output_crosses_file_systems_by_a_copy_and_a_rename(tmp_path, stage, monkeypatch):
    output = str(tmp_path / "a.txt")
    write(staged(stage.folder, output), "far")
    replace, calls = os.replace, []

    def refuse_once(source, target):
        calls.append(target)
        if len(calls) == 1:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse_once)
    assert publish(stage, output)
    assert (tmp_path / "a.txt").read_text() == "far"
    assert os.listdir(stage.folder) == []
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "partial"]


@pytest.fixture
def far(stage, monkeypatch):
    """Have nothing renamed out of the staging folder: as if that were another file system."""
    replace = os.replace

    def refuse(source, target):
        if os.path.dirname(source) == stage.folder:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)


@pytest.mark.usefixtures("far")
def test_output_is_copied_under_a_hidden_name(tmp_path, stage, monkeypatch):
    output = str(tmp_path / "a.txt")
    write(output, "old")
    write(staged(stage.folder, output), "new")
    copy, seen = shutil.copy2, []

    def watched(source, target, **how):
        copy(source, target, **how)
        seen.append((os.path.basename(target)[0], (tmp_path / "a.txt").read_text()))

    monkeypatch.setattr(shutil, "copy2", watched)
    assert publish(stage, output)
    assert seen == [(".", "old")]
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.usefixtures("far")
def test_old_output_stands_where_a_copy_fails_halfway(tmp_path, stage, monkeypatch):
    output = str(tmp_path / "a.txt")
    write(output, "old and whole")
    write(staged(stage.folder, output), "new and whole")

    def fill(_source, target, **_how):
        write(target, "new and")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", fill)
    with pytest.raises(OSError, match="No space"):
        publish(stage, output)
    assert (tmp_path / "a.txt").read_text() == "old and whole"
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "partial"]


@pytest.fixture
def told(monkeypatch):
    """Give the names of files and folders in the order in which they are forced to the disk, or renamed to."""
    names, fsync, replace = [], os.fsync, os.replace

    def forced(fd):
        names.append("force " + os.path.basename(os.readlink(f"/proc/self/fd/{fd}")))
        fsync(fd)

    def renamed(source, target):
        names.append("rename " + os.path.basename(target))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", forced)
    monkeypatch.setattr(os, "replace", renamed)
    return names


def test_durable_output_is_forced_and_then_renamed(tmp_path, stage, told):
    output = str(tmp_path / "a.txt")
    write(staged(stage.folder, output))
    assert publish(stage, output, durably=True)
    assert told[:3] == ["force a.txt", "rename a.txt", f"force {tmp_path.name}"]


def test_durable_output_has_its_name_on_the_disk(tmp_path, told):
    """And so have the folders below the entry's that were made for it."""
    stage = Staging(str(tmp_path / "partial"))
    stage.partial = str(tmp_path / "out" / ".jor" / "an-entry" / "partial")
    output = str(tmp_path / "out" / "deep" / "down" / "a.txt")
    write(staged(stage.folder, output))
    assert publish(stage, output, durably=True)
    assert told[-3:] == ["force down", "force deep", "force out"]


def test_copy_is_on_the_disk_before_it_is_the_output(tmp_path, stage, told, far):
    output = str(tmp_path / "a.txt")
    write(staged(stage.folder, output))
    assert publish(stage, output)
    assert told == [f"force .{Owner.current()}.partial", "rename a.txt"]


def test_all_in_a_folder_beside_the_output_is_forced(tmp_path, stage, told):
    output = str(tmp_path / "a.txt")
    write(staged(stage.folder, output))
    os.makedirs(os.path.join(stage.folder, "plots", "deep"))
    write(os.path.join(stage.folder, "plots", "deep", "b.png"))
    assert publish(stage, output, durably=True)
    before, _, after = " ".join(told).partition("rename a.txt")
    assert "force b.png" in before
    assert "force deep force plots" in before
    assert "force" in after


def test_link_and_pipe_beside_the_output_are_not_forced(tmp_path, stage, told):
    """A link may lead anywhere, also to a folder above; opening a pipe would wait for a writer."""
    output = str(tmp_path / "a.txt")
    write(staged(stage.folder, output))
    os.symlink(tmp_path, os.path.join(stage.folder, "up"))
    os.symlink("nowhere", os.path.join(stage.folder, "broken"))
    os.mkfifo(os.path.join(stage.folder, "pipe"))
    assert publish(stage, output, durably=True)
    assert "force a.txt" in told
    assert not {"force up", "force broken", "force pipe"}.intersection(told)


def test_file_that_is_forced_is_not_left_open(tmp_path, stage):
    output = str(tmp_path / "a.txt")
    before = len(os.listdir("/proc/self/fd"))
    write(staged(stage.folder, output))
    assert publish(stage, output, durably=True)
    assert len(os.listdir("/proc/self/fd")) == before


def test_output_is_not_forced_unless_that_is_wanted(tmp_path, stage, told):
    output = str(tmp_path / "a.txt")
    write(staged(stage.folder, output))
    assert publish(stage, output)
    assert told == ["rename a.txt"]


def test_folder_is_empty_when_it_is_renewed(stage):
    write(os.path.join(stage.folder, "half"))
    os.makedirs(os.path.join(stage.folder, "deep", "down"))
    assert not stage.renew()
    assert os.listdir(stage.folder) == []


def test_last_to_close_removes_the_folder_of_all(tmp_path, stage):
    (tmp_path / "partial" / "another").mkdir()
    stage.close()
    assert os.listdir(tmp_path / "partial") == ["another"]
    (tmp_path / "partial" / "another").rmdir()
    Staging(str(tmp_path / "partial")).close()
    assert not (tmp_path / "partial").exists()


def test_sweep_deletes_what_the_dead_left_and_nothing_else(tmp_path):
    here = Owner.current()
    dead = here._replace(started=here.started - 1)
    elsewhere = here._replace(host="elsewhere")
    for name in (f"{here}~0", f"{dead}~0", f"{elsewhere}~0", "no owner"):
        (tmp_path / "partial" / name).mkdir(parents=True)
        write(tmp_path / "partial" / name / "half.txt")
    assert sweep(str(tmp_path / "partial")) == 1
    assert sorted(os.listdir(tmp_path / "partial")) == sorted([f"{here}~0", f"{elsewhere}~0", "no owner"])


def test_sweep_deletes_what_those_left_who_are_told_to_be_gone(tmp_path):
    here = Owner.current()._replace(host="elsewhere")
    other = here._replace(pid=here.pid + 1)
    for name in (f"{here}~0", f"{here}~1", f"{other}~0", "no owner"):
        (tmp_path / "partial" / name).mkdir(parents=True)
    assert sweep(str(tmp_path / "partial"), lambda: {str(here)}) == 2
    assert sorted(os.listdir(tmp_path / "partial")) == sorted([f"{other}~0", "no owner"])


@pytest.mark.parametrize("names", [[], ["~0"], ["~0", "~1"]])
def test_sweep_removes_the_folder_of_all_when_it_is_empty(tmp_path, names):
    here = Owner.current()
    for name in names:
        (tmp_path / "partial" / f"{here._replace(started=here.started - 1)}{name}").mkdir(parents=True)
    (tmp_path / "partial").mkdir(exist_ok=True)
    assert sweep(str(tmp_path / "partial")) == len(names)
    assert not (tmp_path / "partial").exists()


def test_owners_elsewhere_are_asked_for_only_if_needed(tmp_path):
    here = Owner.current()
    (tmp_path / "partial" / f"{here._replace(started=here.started - 1)}~0").mkdir(parents=True)
    assert sweep(str(tmp_path / "partial"), lambda: pytest.fail("asked")) == 1


def test_sweep_of_nothing_does_nothing(tmp_path):
    assert sweep(str(tmp_path / "partial")) == 0


@pytest.mark.parametrize("make", [os.mkdir, write], ids=["folder", "file"])
def test_sweep_goes_on_where_another_deletes_the_same(tmp_path, monkeypatch, make):
    """Many commands may sweep at once."""
    here = Owner.current()
    os.mkdir(tmp_path / "partial")
    make(tmp_path / "partial" / f"{here._replace(started=here.started - 1)}~0")
    is_folder = os.path.isdir

    def look(path):
        found = is_folder(path)
        (os.rmdir if found else os.unlink)(path)
        return found

    monkeypatch.setattr(os.path, "isdir", look)
    assert sweep(str(tmp_path / "partial")) == 1
    monkeypatch.undo()
    assert not (tmp_path / "partial").exists()


def test_files_on_the_way_are_swept_when_their_writer_is_dead(tmp_path):
    here = Owner.current()
    dead = here._replace(started=here.started - 1)
    for name in ("lock", f"lock.{here}", f"lock.{dead}", "lock.breaking", f"other.{dead}", f"{dead}"):
        write(tmp_path / name)
    sweep_halfway(str(tmp_path / "lock"))
    assert sorted(os.listdir(tmp_path)) == sorted(["lock", f"lock.{here}", "lock.breaking", f"other.{dead}", f"{dead}"])


def test_files_on_the_way_are_swept_when_they_are_a_day_old(tmp_path):
    elsewhere = Owner.current()._replace(host="elsewhere")
    write(tmp_path / f"note.{elsewhere}")
    sweep_halfway(str(tmp_path / "note"))
    assert len(os.listdir(tmp_path)) == 1
    os.utime(tmp_path / f"note.{elsewhere}", (1, time.time() - 90_000))
    sweep_halfway(str(tmp_path / "note"))
    assert os.listdir(tmp_path) == []


def test_copies_that_the_dead_did_not_finish_are_swept(tmp_path):
    here = Owner.current()
    dead = here._replace(started=here.started - 1)
    partial = tmp_path / "out" / ".jor" / "a" / "partial"
    (partial / f"{dead}~0").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "sub").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path / "elsewhere")
    for folder in ("out", "out/sub", "elsewhere"):
        for owner in (here, dead):
            write(tmp_path / folder / f".{owner}.partial")
    assert sweep(str(partial), outputs=str(tmp_path / "out")) == 1
    left = list(tmp_path.rglob("*.partial"))
    assert sorted(left) == sorted(tmp_path / folder / f".{here}.partial" for folder in ("out", "out/sub", "elsewhere"))


@pytest.mark.parametrize(("left", "more"), [(["a.txt.npz"], ".npz"), (["b.txt"], ""), ([], ""), (["b", "a.txt1"], "1")])
def test_ending_that_was_added_to_the_name_is_told(tmp_path, stage, left, more):
    for name in left:
        write(os.path.join(stage.folder, name))
    assert stage.added_to_name(str(tmp_path / "a.txt")) == more


def test_stamp_changes_with_the_file(tmp_path):
    assert staging.stamp(str(tmp_path / "a")) is None
    write(tmp_path / "a")
    first = staging.stamp(str(tmp_path / "a"))
    write(tmp_path / "a", "longer")
    assert staging.stamp(str(tmp_path / "a")) != first
