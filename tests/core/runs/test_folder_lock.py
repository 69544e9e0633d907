"""The lock of an output folder: one for all who make outputs there, by whatever path, also above and below."""

from __future__ import annotations

import os

import pytest

from jor import BusyError
from jor.runs import folder_lock
from jor.runs.folder_lock import folders_with_records, hold, lock_of, real_paths
from jor.runs.lease import Lease, acquire


def nobody(owner):
    raise AssertionError(f"waiting for {owner}")


def with_records(folder):
    """Make an output folder, with the folder for records of an entry; return its path."""
    (folder / ".jor" / "entry" / "runs").mkdir(parents=True)
    return str(folder)


@pytest.fixture
def top(tmp_path):
    return tmp_path.resolve()


@pytest.mark.parametrize("subfolders", [(), ("sub",), ("sub/deeper", "sub")])
def test_lock_of_a_folder_alone_is_its_own(top, subfolders):
    folder = with_records(top / "o")
    with hold(folder, subfolders, nobody) as lock:
        assert lock.folders == [folder]
        lock.confirm()
        with pytest.raises(FileExistsError):
            Lease(lock_of(folder))
    assert not os.path.exists(lock_of(folder))


def test_folders_above_and_below_with_records_are_locked_with_it(top):
    folders = [with_records(top / name) for name in ("o", "o/sub", "o/sub/deeper")]
    with_records(top / "o" / "other")
    (top / ".jor" / "code").mkdir(parents=True)  # no record of an entry
    assert folders_with_records(folders[0], ["sub/deeper"]) == folders
    assert folders_with_records(folders[2], []) == folders
    with hold(folders[1], [], nobody), pytest.raises(FileExistsError):
        Lease(lock_of(folders[0]))


@pytest.mark.parametrize("link", ["folder", "subfolder"])
def test_folder_is_known_by_its_real_path(top, link):
    folder, real = with_records(top / "o"), with_records(top / "real")
    (top / "link").symlink_to("real")
    (top / "o" / "sub").symlink_to(top / "real")
    if link == "folder":
        assert folders_with_records(str(top / "link"), []) == [real]
    else:
        assert folders_with_records(folder, ["sub"]) == [folder, real]
    assert real_paths(folder)("sub/x") == real_paths(str(top / "link"))("x") == f"{real}/x"


def test_two_who_need_the_same_locks_take_them_in_one_order(top, monkeypatch):
    """Each has its own first and wants the other's otherwise: they would wait in a circle."""
    above, below = with_records(top / "o"), with_records(top / "o" / "sub")
    taken = []

    def take(path, waiting):
        taken.append(path)
        return acquire(path, waiting)

    monkeypatch.setattr(folder_lock, "acquire", take)
    for folder, subfolders in ((above, ["sub"]), (below, [])):
        with hold(folder, subfolders, nobody):
            pass
    assert taken == [lock_of(above), lock_of(below)] * 2


def test_folder_of_another_user_that_cannot_be_written_hinders_nobody(top, monkeypatch):
    above, below = with_records(top / "o"), with_records(top / "o" / "sub")

    def take(path, waiting):
        if path == lock_of(above):
            raise PermissionError(13, "not yours", path)
        return acquire(path, waiting)

    monkeypatch.setattr(folder_lock, "acquire", take)
    with hold(below, [], nobody) as lock:
        assert lock.folders == [above, below]  # what is being made there is looked at
    with pytest.raises(PermissionError), hold(above, [], nobody):
        pass


def test_lock_that_was_broken_is_not_confirmed(top):
    above, below = with_records(top / "o"), with_records(top / "o" / "sub")
    with hold(below, [], nobody) as lock:
        os.unlink(lock_of(above))
        with pytest.raises(BusyError, match="has lost its lock"):
            lock.confirm()


@pytest.mark.parametrize("odd", [b"/a\0b\n", b"relative\n", b"\xff\n", b"/is/not/there\n"])
def test_odd_word_of_a_link_harms_nobody(tmp_path, odd):
    folder = tmp_path / "o"
    (folder / ".jor" / "m" / "runs").mkdir(parents=True)
    (folder / ".jor" / "linked-from").write_bytes(odd)
    assert folders_with_records(str(folder), []) == [str(folder)]
