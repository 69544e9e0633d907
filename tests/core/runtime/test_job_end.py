"""The end of a job: its output is what an interpreter of its own would have left, or the job fails."""

from __future__ import annotations

import gzip
import signal
import zipfile

import pytest

from jor.runtime import slot
from jor.runtime.events import End, Notice

HEAD = """\
import atexit, concurrent.futures, csv, ctypes, functools, gzip, logging, logging.handlers, mmap, multiprocessing
import shutil, sqlite3, subprocess, tempfile, threading, weakref, zipfile

HERE = os.path.dirname(__file__)
atexit.register(lambda: open(os.path.join(HERE, "of the module"), "a").write("x"))
MADE_BEFORE = tempfile.TemporaryDirectory()
held = open(os.devnull, "w")

def late(path):
    time.sleep(0.2)
    with open(path, "w") as file:
        file.write("whole")

def pieces(path):
    with open(path, "w") as file:
        file.write("who")
        yield
        file.write("le")

@functools.lru_cache(None)
def opened(path):
    return open(path, "w")

class Owner:
    def __init__(self, path):
        self.file = open(path, "w")
        weakref.finalize(self, self.close, self.file)

    @staticmethod
    def close(file):
        file.write("whole")
        file.close()
"""

#: Ways to leave an output that an interpreter would finish at its end.
FINISHED = {
    "closed": "open(path, 'w').write('whole')",
    "on self": "self.file = open(path, 'w'); self.file.write('whole')",
    "in a global": "held.close(); held = open(path, 'w'); held.write('whole')",  # the same descriptor again
    "on the class": "type(self).file = open(path, 'w'); self.file.write('whole')",
    "csv on self": "self.rows = csv.writer(open(path, 'w'), lineterminator=''); self.rows.writerow(['whole'])",
    "in a cycle": "file = open(path, 'w'); file.write('whole'); cycle = [file]; cycle.append(cycle)",
    "gzip in a global": "held = gzip.open(path, 'wt'); held.write('whole')",
    "zip on self": "self.zip = zipfile.ZipFile(path, 'w'); self.zip.writestr('name', 'whole')",
    "generator": "self.steps = pieces(path); next(self.steps)",
    "cached": "opened(path).write('whole')",
    "thread": "threading.Thread(target=late, args=(path,)).start()",
    "executor": "self.pool = concurrent.futures.ThreadPoolExecutor(1); self.pool.submit(late, path)",
    "process": "multiprocessing.get_context('fork').Process(target=late, args=(path,)).start()",
    "exit function": "atexit.register(late, path)",
    "finalizer": "held = Owner(path)",
    "memory handler": "log = logging.getLogger('x'); h = logging.FileHandler(path); h.terminator = ''\n"
    "    log.addHandler(logging.handlers.MemoryHandler(99, 99, h)); log.warning('whole')",
    "stream of C": "f = ctypes.CDLL(None); f.fopen.restype = ctypes.c_void_p; f.fputs.argtypes = [ctypes.c_char_p, "
    "ctypes.c_void_p]\n    self.c = f.fopen(path.encode(), b'w'); f.fputs(b'whole', self.c)",
    "memory map": "f = open(path, 'w+b'); f.truncate(5); self.map = mmap.mmap(f.fileno(), 5); f.close(); "
    "self.map[:] = b'whole'",
    "sys.exit": "open(path, 'w').write('whole'); sys.exit(0)",
    "standard output": "sys.stdout = open(path, 'w'); print('whole', end='')",
}
#: Ways to leave it that it would not, and the reason.
OWN, LEFT = "in its own process", "which it left running: wait for its end"
DAEMON = "threading.Thread(target=lambda: [open(path, 'w'), time.sleep(99)], daemon=True).start(); time.sleep(0.3)"
UNFINISHED = {
    "descriptor": ("os.write(os.open(path, os.O_CREAT | os.O_WRONLY), b'who')", OWN),
    "stream of C": (FINISHED["stream of C"], OWN),
    "daemon": (DAEMON, OWN),
    "program": ("self.p = subprocess.Popen(['sleep', '99'], stdout=open(path, 'w'))", f"(sleep), {LEFT}"),
    "grandchild": ("subprocess.run('(sleep 99; echo) &', shell=True, stdout=open(path, 'w'))", LEFT),
}
#: Those that a process that lives on does not finish.
KEPT_OPEN = {"on self", "in a global", "csv on self", "zip on self", "generator", "cached"}


def body(ways):
    lines = ["global held", "path = self._get_output_path(**self._jobs[i])"]
    for way, code in ways.items():
        lines += [f"if how == {way!r}:", f"    {code}"]
    return "\n".join(lines)


def contents(one):
    return {path.name[3:-4]: path for path in one.output.iterdir() if path.is_file()}


def test_output_that_an_interpreter_would_finish_is_whole(engine, isolation):
    if isolation == "none":
        pytest.skip("its process lives on")
    one = engine(body(FINISHED), tuple(FINISHED), isolation=isolation, head=HEAD)
    one.start().wait()
    failed = {event.error for event in one.events(End) if event.error}
    assert {error for error in failed if "still open for writing in its own process" not in error} == set()
    found = contents(one)
    whole = {way: path.read_bytes() for way, path in found.items()}
    assert whole.pop("generator") == b"who"  # it is closed, not gone on with
    whole["gzip in a global"] = gzip.decompress(whole["gzip in a global"])
    whole["zip on self"] = zipfile.ZipFile(found["zip on self"]).read("name")
    assert whole == dict.fromkeys(set(FINISHED) - {"stream of C", "generator"}, b"whole")
    assert not (one.folder / "of the module").exists() or isolation == "spawn"


def test_output_that_is_left_open_fails_its_job(engine, isolation):
    codes = {way: code for way, (code, _) in UNFINISHED.items()}
    one = engine(body(codes), tuple(codes), isolation=isolation, head=HEAD)
    one.start().wait()
    errors = {way: event.error for way, event in zip(codes, one.events(End))}
    for way, (_, reason) in UNFINISHED.items():
        assert "its output is still open for writing" in errors[way]
        assert reason in errors[way]
    assert one.outputs() == []


def test_output_that_a_process_that_lives_on_holds_open_fails_its_job(engine):
    one = engine(body(FINISHED), tuple(FINISHED), isolation="none", head=HEAD)
    one.start().wait()
    open_ones = {way for way, event in zip(FINISHED, one.events(End)) if "still open for writing" in event.error}
    assert open_ones >= KEPT_OPEN
    assert contents(one)["sys.exit"].read_bytes() == b"whole"
    assert set((one.folder / "of the module").read_text()) == {"x"}  # once for each process that has ended


@pytest.mark.parametrize(
    "start",
    [
        "threading.Timer(1, open, (path, 'a')).start()",
        "POOL.submit(time.sleep, 1); POOL.submit(open, path, 'a')",
        "asyncio.new_event_loop().run_in_executor(None, time.sleep, 1)",
    ],
)
def test_thread_that_a_process_that_lives_on_has_left_running_fails_its_job(engine, start):
    head = "import asyncio, concurrent.futures, threading\nPOOL = concurrent.futures.ThreadPoolExecutor(1)"
    code = f"path = self._get_output_path(how=how)\nself.write(i)\nif how != 'c': {start}"
    one = engine(f"{code}\nelse: POOL.submit(int).result(); time.sleep(0.05)", "abc", isolation="none", head=head)
    one.start().wait()
    assert ["it has left a thread running" in event.error for event in one.events(End)] == [True, True, False]


def test_log_that_is_left_open_beside_the_output_is_told(engine, isolation):
    code = "self.write(i)\nself.log = open(os.path.join(os.path.dirname(self._get_output_path(how=how)), 'log'), 'w')"
    one = engine(f"{code}\nself.log.write('whole')", isolation=isolation)
    one.start().wait()
    assert one.events(End)[0].ok
    if isolation == "none":
        assert [event.text for event in one.events(Notice)] == [
            "jobs leave files beside their outputs open: log, for one. Close them"
        ]
    else:
        assert (one.output / "log").read_text() == "whole"


def test_thread_that_does_not_end_is_told_and_then_fails_its_job(tmp_path, monkeypatch):
    board_of = type("Board", (), {"waits": 75.0, "waits_for": "its thread Thread-1", "returned": True, "ended": False})
    killed = []
    one = slot.Slot.__new__(slot.Slot)
    one.job, one._board, one._overdue, one._is_told = type("Job", (), {"index": 3}), board_of, "", False
    one._host = type("Host", (), {"signal": killed.append})
    assert one.remind(grace=10.0) == "job 3 has returned from execute, and waits for its end: its thread Thread-1"
    assert (one.remind(grace=30.0), killed) == ("", [signal.SIGKILL])
