"""Who owns a file, and whether they live."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from jor.runtime.process_id import Owner, _start_time


def test_this_process_is_alive():
    assert not Owner.current().is_dead()


def test_owner_is_read_back_from_its_text():
    owner = Owner.current()
    assert Owner.parse(str(owner)) == owner


def test_other_texts_are_no_owner():
    for text in ("", "a~b~c~d", "a~b~1", "a~b~1~2~3", "a~b~0~0", "a~b~²~1", "partial"):
        assert Owner.parse(text) is None


def test_finished_process_is_dead():
    here = Owner.current()
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    assert here._replace(pid=child.pid, started=1).is_dead()


def test_zombie_is_dead():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert Owner.current()._replace(pid=pid).is_dead()
    os.waitpid(pid, 0)


def test_process_with_the_same_number_started_later_is_another():
    here = Owner.current()
    assert here._replace(started=here.started - 1).is_dead()


@pytest.mark.parametrize("machine", ["", "0123abcd"])
def test_process_of_another_boot_may_be_of_another_host_of_that_name(machine):
    """Laptops, virtual machines and containers share names; clones share the id of their machine as well."""
    here = Owner.current()
    this, _, rest = here.boot.rpartition("-")
    other = here._replace(boot=f"{machine or this}-00000000.{rest.partition('.')[2]}")
    assert not other.is_dead()
    assert not other.is_running()
    assert other.is_of_earlier_boot() == (bool(this) and not machine)
    assert not here.is_of_earlier_boot()


def test_process_is_the_same_seen_from_a_container_that_knows_no_machine(monkeypatch):
    here = Owner.current()
    monkeypatch.setattr("jor.runtime.process_id._machine", str)
    assert here.is_running()
    assert not here.is_dead()


def test_suspended_process_is_seen_to_be():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = Owner.current()._replace(pid=child.pid, started=_start_time(child.pid))
    assert not owner.is_suspended()
    child.send_signal(signal.SIGSTOP)
    while not owner.is_suspended():
        time.sleep(0.01)
    child.kill()
    child.communicate()
    assert not owner.is_suspended()


def test_process_of_another_host_or_pid_namespace_is_not_known_to_be_dead():
    here = Owner.current()
    assert not here._replace(host="elsewhere", pid=2**22 + 1).is_dead()
    assert not here._replace(boot=here.boot + "1", pid=2**22 + 1).is_dead()
