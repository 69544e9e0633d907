"""What `isolation = auto` takes, and jobs whose processes cannot be started or ended, or that harm their host."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from jor.runtime.events import End, Isolation, Notice

sys.path.insert(0, str(Path(__file__).parent))
from engine import Engine, until  # beside this file, whatever pytest's import mode

NATIVE = """
import ctypes
libc = ctypes.CDLL(None)
thread = ctypes.c_ulong()
libc.pthread_create(ctypes.byref(thread), None, ctypes.cast(libc.pause, ctypes.c_void_p), None)
"""
NUMBA = "import types\nsys.modules['numba.np.ufunc.parallel'] = types.SimpleNamespace(_threading_layer='omp')\n"
NAMED = NATIVE + "libc.pthread_setname_np(thread, {!r})\n"
#: As OpenBLAS does it.
ENDED_BEFORE_FORKS = NATIVE + "os.register_at_fork(before=lambda: libc.pthread_cancel(thread))\n"
POOL = "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\n[*pool.map(len, 'ab')]\n"


@pytest.fixture
def engine(tmp_path):
    """Make engines that are ended after the test."""
    made = []

    def make(body, hows=("bad", "good"), **settings):
        made.append(Engine(tmp_path, textwrap.indent(textwrap.dedent(body), " " * 8), list(hows), **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are counted in /proc")
@pytest.mark.parametrize(
    ("head", "threads"),
    [
        ("", ""),
        ("import threading, concurrent.futures, multiprocessing.pool", ""),
        ("import threading\nthreading.Thread(target=time.sleep, args=(99,), daemon=True, name='mine').start()", "mine"),
        (POOL, "ThreadPoolExecutor-0_0"),
        (POOL + "pool.shutdown()", ""),
        ("import _thread\n_thread.start_new_thread(time.sleep, (99,))", "unnamed"),
        (NATIVE, "unnamed"),
        (NAMED.format(b"polars-0"), "polars-0"),
        (NAMED.format(b"jemalloc_bg_thd"), ""),
        (NAMED.format(b"polars-ooc-clea"), ""),
        (ENDED_BEFORE_FORKS, ""),
        (
            "import types\nsys.modules['numba.np.ufunc.parallel'] = types.SimpleNamespace(_threading_layer='omp')",
            "numba",
        ),
    ],
)
def test_auto_forks_unless_loading_starts_threads(engine, tmp_path, head, threads):
    """Modules that the process of the test has loaded may start threads as well: only workers are looked at."""
    head = f"with open({str(tmp_path / 'loads')!r}, 'a') as file: file.write('x')\nif 'exec' in sys.argv:\n" + (
        textwrap.indent(head or "pass", "    ")
    )
    one = engine("self.write(i)", "abc", head=head)
    (tmp_path / "loads").unlink()
    assert one.start().wait() == 0
    assert one.outputs() == ["howa.txt", "howb.txt", "howc.txt"]
    (taken,) = one.events(Isolation)
    assert threads in taken.threads
    assert bool(taken.threads) == bool(threads) == bool(taken.notice)
    assert len((tmp_path / "loads").read_text()) == (3 if threads else 1)
    assert [end.loading is not None for end in one.events(End)] == [True, *[bool(threads)] * 2]


def test_notice_tells_threads_cost_and_remedies():
    told = Isolation("polars-0, polars-1", 1.234).notice
    for part in ("(polars-0, polars-1)", "takes 1.2 s", "isolation = spawn", "isolation = fork", "top level"):
        assert part in told


CLOSING = {
    "all": "os.closerange(3, 4096)",
    "streams too": "os.closerange(0, 4096)",
    "one by one": "for fd in map(int, os.listdir('/proc/self/fd')):\n    try: os.close(fd)\n    except OSError: pass",
    "and opens others": "os.closerange(3, 4096); held = [open(f'{self.path_prefix}/{k}.new', 'w') for k in range(9)]",
    "puts others in place": "for fd in range(3, 12): os.dup2(os.open(f'{self.path_prefix}/{fd}.new', 577), fd)",
}


@pytest.mark.parametrize("isolation", ["auto", "fork", "spawn", "none"])
@pytest.mark.parametrize("closing", CLOSING.values(), ids=CLOSING)
def test_job_that_closes_all_files_harms_no_other(engine, tmp_path, isolation, closing):
    head = POOL if isolation == "auto" else ""
    body = f"if how == 'bad':\n{textwrap.indent(closing, '    ')}\nself.write(i)"
    one = engine(body, ("bad", "b", "c"), isolation=isolation, head=head)
    assert one.start().wait() == 0
    assert [end.error for end in one.events(End)] == ["", "", ""]
    assert one.outputs() == ["howb.txt", "howbad.txt", "howc.txt"]
    assert {path.read_bytes() for path in tmp_path.glob("*.new")} <= {b""}


@pytest.mark.parametrize("isolation", ["auto", "spawn", "none"])
def test_job_that_closes_all_files_and_runs_on_is_stopped_in_time(engine, isolation):
    body = "open(self.path_prefix + '/begun', 'w').close(); os.closerange(3, 4096); time.sleep(600)"
    one = engine(body, isolation=isolation, head=POOL).start()
    until((one.folder / "begun").exists)
    one.process.send_signal(signal.SIGTERM)
    assert one.wait() == 128 + signal.SIGTERM
    assert one.events(End)[0].interrupted


#: In each process the first calls of fork fail, and those that job `bad` is started by.
FAILING_FORKS = """
import errno, os
from jor.runtime import forking
forking.PATIENCE = {patience}
fork, failures = os.fork, []
def failing():
    if len(failures) < {count}:
        failures.append(1)
        raise OSError(errno.{error}, "no room")
    return fork()
os.fork = failing
os.register_at_fork(after_in_child=failures.clear)
"""


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
@pytest.mark.parametrize("error", ["EAGAIN", "ENOMEM"])
def test_fork_that_fails_is_tried_again(engine, tmp_path, isolation, error):
    (tmp_path / "sitecustomize.py").write_text(FAILING_FORKS.format(count=2, patience=30, error=error))
    one = engine("self.write(i)", isolation=isolation).start(PYTHONPATH=str(tmp_path))
    assert one.wait() == 0
    assert [end.error for end in one.events(End)] == ["", ""]


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_job_that_cannot_be_started_fails_alone_with_the_reason(engine, tmp_path, isolation):
    (tmp_path / "sitecustomize.py").write_text(FAILING_FORKS.format(count=4, patience=0.15, error="EAGAIN"))
    one = engine("self.write(i)", "abcd", isolation=isolation).start(PYTHONPATH=str(tmp_path))
    assert one.wait() == 0
    errors = [end.error for end in one.events(End)]
    assert errors[0] == "no process could be started for it: no room"
    assert errors[-1] == ""


def test_run_that_is_stopped_waits_for_no_process(engine, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(FAILING_FORKS.format(count=10**6, patience=600, error="EAGAIN"))
    one = engine("self.write(i)").start(PYTHONPATH=str(tmp_path))
    until(lambda: (one.run / "task-0.r0.jsonl").exists() and "begin" in (one.run / "task-0.r0.jsonl").read_text())
    one.process.send_signal(signal.SIGTERM)
    assert one.wait() == 128 + signal.SIGTERM
    (end,) = one.events(End)
    assert end.interrupted


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, who may become anybody")
@pytest.mark.parametrize("isolation", ["fork", "spawn", "none"])
def test_process_of_another_user_left_behind_is_told_and_costs_nobody(engine, tmp_path, isolation):
    """As sudo leaves it, for a worker that may not kill others' processes."""
    body = """
    if how == 'bad':
        import subprocess
        left = subprocess.Popen(['setpriv', '--reuid=nobody', '--clear-groups', 'sleep', '600'])
        open(self.path_prefix + '/left', 'w').write(str(left.pid))
        while open(f'/proc/{left.pid}/comm').read() != 'sleep\\n': time.sleep(0.01)
    self.write(i)
    """
    one = engine(body, ("bad", "b", "c"), isolation=isolation)
    try:
        assert one.start(prefix=("setpriv", "--bounding-set=-kill", "--inh-caps=-kill")).wait() == 0
        assert [end.error for end in one.events(End)] == ["", "", ""]
        (notice,) = one.events(Notice)
        assert "job 0 has left 1 process behind" in notice.text
    finally:
        os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)
