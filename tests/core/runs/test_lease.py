"""Leases: one holder at a time, and none that is dead."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from jor import BusyError
from jor.runs.lease import STALE_AFTER, STALE_AFTER_BOOT, UNWRITTEN_AFTER, Lease, _Text, acquire, clear, holder
from jor.runtime.process_id import Owner

HERE = Owner.current()
DEAD = HERE._replace(started=HERE.started - 1)
ELSEWHERE = HERE._replace(host="elsewhere")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "lock")


def put(path, owner, age=0.0):
    text = _Text.of(owner, os.path.dirname(path)).encoded if isinstance(owner, Owner) else owner
    with open(path, "w") as file:
        file.write(text)
    os.utime(path, (time.time() - age,) * 2)


def nobody(owner):
    raise AssertionError(f"waiting for {owner}")


def test_lease_names_its_holder_and_is_gone_after_release(path, tmp_path):
    lease = acquire(path, nobody)
    assert holder(path, time.time()) == HERE
    assert lease.is_mine()
    assert abs(lease.taken - time.time()) < 60
    lease.release()
    assert list(tmp_path.iterdir()) == []
    assert holder(path, time.time()) is None


def test_lease_is_held_once(path):
    Lease(path)
    with pytest.raises(FileExistsError):
        Lease(path)


def test_lease_of_the_dead_is_taken(path, tmp_path):
    put(path, DEAD)
    assert holder(path, time.time()) is None
    assert acquire(path, nobody).is_mine()
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]


def test_lease_of_another_host_is_waited_for_until_it_is_stale(path):
    put(path, ELSEWHERE)
    assert holder(path, time.time()) == ELSEWHERE
    assert holder(path, time.time() + STALE_AFTER + 1) is None
    told = []
    with pytest.raises(BusyError, match=r"process .* on elsewhere has been planning jobs of this folder"):
        acquire(path, told.append, patience=0.2)
    assert told == [ELSEWHERE]
    put(path, ELSEWHERE, age=STALE_AFTER + 1)
    assert acquire(path, nobody).is_mine()


def test_lease_of_another_host_is_judged_by_the_clock_that_stamps_files(path, monkeypatch):
    put(path, ELSEWHERE)
    ahead = time.time() + 2 * STALE_AFTER
    monkeypatch.setattr(time, "time", lambda: ahead)
    with pytest.raises(BusyError):
        acquire(path, lambda _: None, patience=0.1)
    clear(path)
    assert os.path.exists(path)


def test_holder_in_another_pid_namespace_is_waited_for_until_it_is_stale(path):
    put(path, HERE._replace(boot=HERE.boot + "1"))
    assert holder(path, time.time()) is not None
    assert holder(path, time.time() + STALE_AFTER + 1) is None


def test_living_holder_on_this_host_is_never_stale(path):
    put(path, HERE, age=10 * STALE_AFTER)
    assert holder(path, time.time()) == HERE


def test_garbage_is_held_until_it_is_stale(path):
    put(path, "garbage")
    assert holder(path, time.time()) is not None
    assert holder(path, time.time() + STALE_AFTER + 1) is None


def test_release_leaves_alone_what_another_has_taken(path):
    lease = Lease(path)
    put(path, ELSEWHERE)
    assert not lease.is_mine()
    lease.release()
    assert os.path.exists(path)


def test_lease_that_is_lost_is_neither_refreshed_nor_kept(path):
    lease = Lease(path)
    put(path, ELSEWHERE, age=100)
    lease._refreshed -= 31
    with pytest.raises(BusyError, match="has lost its lock: it stood still for 10 minutes, or the file was deleted"):
        lease.refresh()
    assert time.time() - os.stat(path).st_mtime > 50


def test_dead_lease_and_dead_breaker_of_it_are_cleared_at_once(path, tmp_path):
    put(path, DEAD)
    put(f"{path}.breaking", DEAD)
    put(f"{path}.breaking.{DEAD}", DEAD)
    clear(path)
    assert list(tmp_path.iterdir()) == []


def test_lease_is_not_broken_while_another_breaks_it(path):
    put(path, DEAD)
    with Lease(f"{path}.breaking"):
        with pytest.raises(BusyError):
            acquire(path, nobody, patience=0.1)
        assert os.path.exists(path)
    acquire(path, nobody)


def test_lease_that_has_been_refreshed_since_it_was_judged_is_not_broken(path, monkeypatch):
    put(path, ELSEWHERE, age=STALE_AFTER + 1)
    take = Lease.__init__

    def take_late(lease, at):
        if at.endswith(".breaking"):
            os.utime(path)
        take(lease, at)

    monkeypatch.setattr(Lease, "__init__", take_late)
    clear(path)
    assert holder(path, time.time()) == ELSEWHERE


def test_network_file_system_may_do_twice_what_it_was_told_once(path, tmp_path, monkeypatch):
    link, unlink = os.link, os.unlink

    def link_twice(source, target):
        link(source, target)
        link(source, target)

    def unlink_twice(name):
        unlink(name)
        unlink(name)

    monkeypatch.setattr(os, "link", link_twice)
    monkeypatch.setattr(os, "unlink", unlink_twice)
    put(path, DEAD)
    with acquire(path, nobody) as lease:
        assert lease.is_mine()
        with pytest.raises(FileExistsError):
            Lease(path)
    assert list(tmp_path.iterdir()) == []


def test_lease_that_may_not_be_seen_is_not_taken_for_dead(path, monkeypatch):
    def refuse(name, *_):
        raise PermissionError(errno.EACCES, "not for you", name)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError):
        holder(path, time.time())


def test_link_in_the_place_of_a_lease_is_not_followed(path, tmp_path):
    put(tmp_path / "elsewhere", HERE)
    os.symlink(tmp_path / "elsewhere", path)
    assert acquire(path, nobody).is_mine()
    assert (tmp_path / "elsewhere").read_text().startswith(str(HERE))


def test_refresh_is_for_a_holder_that_lives_long(path):
    lease = Lease(path)
    put(path, HERE, age=100)
    lease.refresh()
    assert time.time() - os.stat(path).st_mtime > 50  # not due yet
    lease._refreshed -= 31
    lease.refresh()
    assert time.time() - os.stat(path).st_mtime < 50


CONTENDER = """
import fcntl, os, random, signal, sys, time
from jor.runs.lease import acquire
sleep, time.sleep = time.sleep, lambda seconds: sleep(seconds / 100)  # let them meet more often
path, manner = sys.argv[1:]
for _ in range(60):
    if child := os.fork():
        if manner == "are killed":
            sleep(random.uniform(0, 0.01))
            os.kill(child, signal.SIGKILL)
        if os.wait()[1] not in (0, signal.SIGKILL):
            sys.exit(1)
        continue
    for _ in range(5):
        lease = acquire(path, lambda owner: None)
        inside = os.open(path + ".inside", os.O_CREAT)
        fcntl.flock(inside, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails if two are in
        lease.confirm()
        sleep(0.0002)
        os.close(inside)
        if manner == "forget":
            break
        lease.release()
    os._exit(0)
"""


NO_LINKS = """
import errno, os
def link(*_):
    raise OSError(errno.EPERM, "no hard links")
os.link = link
from jor.runs import lease
lease.UNWRITTEN_AFTER = 0.5  # or it would be waited for, seconds
"""


@pytest.mark.parametrize("links", ["", NO_LINKS], ids=["links", "no links"])
@pytest.mark.parametrize("manner", ["release", "forget", "are killed"])
def test_processes_that_contend_hold_it_one_at_a_time(path, manner, links, tmp_path, monkeypatch):
    contenders = [subprocess.Popen([sys.executable, "-c", links + CONTENDER, path, manner]) for _ in range(4)]
    assert [contender.wait(120) for contender in contenders] == [0] * 4
    if links:  # one that was killed may have left it empty just now
        monkeypatch.setattr("jor.runs.lease.UNWRITTEN_AFTER", 0.0)
    clear(path)
    assert {entry.name for entry in tmp_path.iterdir()} <= {"lock.inside"}  # killed early, none may have got in


def refuse_links(monkeypatch, number):
    def link(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_lease_is_taken_where_there_are_no_hard_links(path, tmp_path, monkeypatch, number):
    refuse_links(monkeypatch, number)
    with acquire(path, nobody) as lease:
        assert lease.is_mine()
        assert holder(path, time.time()) == HERE
        with pytest.raises(FileExistsError):
            Lease(path)
    assert list(tmp_path.iterdir()) == []


def test_link_that_is_refused_for_another_reason_is_told(path, tmp_path, monkeypatch):
    refuse_links(monkeypatch, errno.ENOSPC)
    with pytest.raises(OSError, match="No space"):
        Lease(path)
    assert list(tmp_path.iterdir()) == []


def test_lease_that_is_being_created_is_held_for_a_moment(path):
    put(path, "")
    assert holder(path, time.time()) is not None
    put(path, "", age=UNWRITTEN_AFTER + 1)
    assert acquire(path, nobody).is_mine()


def test_who_stood_still_while_creating_it_has_not_got_it(path, monkeypatch):
    refuse_links(monkeypatch, errno.EPERM)
    write = os.write

    def late(fd, data):
        os.unlink(path)
        put(path, ELSEWHERE)
        return write(fd, data)

    monkeypatch.setattr(os, "write", late)
    with pytest.raises(FileExistsError):
        Lease(path)
    assert holder(path, time.time()) == ELSEWHERE


def put_elsewhere(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    return path


@pytest.mark.parametrize("owner", [HERE, ELSEWHERE, HERE._replace(boot=HERE.boot + "1")], ids=["here", "host", "other"])
def test_lease_in_a_copy_of_its_folder_holds_up_nobody(path, tmp_path, owner):
    put(path, owner)
    copy = put_elsewhere(str(tmp_path / "copy" / "lock"), (tmp_path / "lock").read_text())
    if owner.host != HERE.host:  # one that has just been copied might be another host's view of the folder
        os.utime(copy, (time.time() - STALE_AFTER_BOOT - 9,) * 2)
    assert holder(copy, time.time()) is None
    assert acquire(copy, nobody).is_mine()
    assert holder(path, time.time()) == owner


@pytest.mark.parametrize("how", ["renamed", "linked"])
def test_lease_in_a_folder_that_is_called_otherwise_now_still_holds(tmp_path, how):
    (tmp_path / "before").mkdir()
    put(str(tmp_path / "before" / "lock"), ELSEWHERE)
    if how == "renamed":
        (tmp_path / "before").rename(tmp_path / "now")
    else:
        (tmp_path / "now").symlink_to("before")
    assert holder(str(tmp_path / "now" / "lock"), time.time()) == ELSEWHERE


def test_lease_of_another_host_whose_folder_has_this_path_holds_up_nobody(path):
    text = _Text.of(ELSEWHERE, os.path.dirname(path))
    put(path, text._replace(inode=text.inode + 1).encoded, age=STALE_AFTER_BOOT + 9)
    assert holder(path, time.time()) is None


def test_lease_that_another_host_refreshes_is_held_whatever_inode_it_sees(path):
    """Hosts may see other inodes of one folder: by sshfs, SMB, 9p. What came with a copy is not refreshed."""
    text = _Text.of(ELSEWHERE, os.path.dirname(path))
    put(path, text._replace(inode=text.inode + 1).encoded)
    assert holder(path, time.time()) == ELSEWHERE


@pytest.mark.parametrize(
    ("age", "booted", "is_held"), [(STALE_AFTER_BOOT + 9, 60, False), (20, 10, True), (STALE_AFTER_BOOT + 9, 999, True)]
)
def test_lease_of_another_boot_is_fresh_or_from_before_this_one(path, monkeypatch, age, booted, is_held):
    """A host of the same name refreshes it; what was not, and is older than this boot, is of the one before."""
    monkeypatch.setattr("jor.runs.lease.uptime", lambda: booted)
    machine, _, rest = HERE.boot.rpartition("-")
    if not machine:
        pytest.skip("this machine has no id")
    put(path, HERE._replace(boot=f"{machine}-00000000.{rest.partition('.')[2]}"), age=age)
    assert (holder(path, time.time()) is not None) == is_held


@pytest.mark.parametrize("hours", [-5, 5])
def test_clock_of_this_host_that_is_off_calls_no_holder_dead(path, tmp_path, monkeypatch, hours):
    put(path, ELSEWHERE)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + hours * 3600)
    assert holder(path) == ELSEWHERE
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]
    monkeypatch.undo()
    put(path, ELSEWHERE, age=STALE_AFTER + 1)
    monkeypatch.setattr(time, "time", lambda: now + hours * 3600)
    assert holder(path) is None


def test_status_writes_nothing_where_a_lease_is_fresh(path, tmp_path):
    put(path, ELSEWHERE, age=40)
    before = tmp_path.stat().st_mtime_ns
    assert holder(path) == ELSEWHERE
    assert tmp_path.stat().st_mtime_ns == before


def test_holder_is_not_called_dead_where_the_time_cannot_be_known(path, monkeypatch):
    put(path, ELSEWHERE, age=2 * STALE_AFTER)

    def refuse(_path):
        raise PermissionError(errno.EACCES, "read only")

    monkeypatch.setattr("jor.runs.lease.server_time", refuse)
    assert holder(path) == ELSEWHERE
    put(path, ELSEWHERE, age=2 * 86_400)
    assert holder(path) is None


def test_holder_that_is_suspended_is_told(path):
    code = "import sys; from jor.runs.lease import Lease; Lease(sys.argv[1]); print(flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    with pytest.raises(BusyError, match=r"is suspended(?s:.*)fg, or kill -CONT"):
        acquire(path, lambda _: None, patience=0.1)
    child.kill()
    child.communicate()
