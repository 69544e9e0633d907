"""The engine as a process: `python -m jor exec`, fed through a pipe as the command does it."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path
from subprocess import run

import pytest

from jor.runtime.events import Begin, Changed, End, Library, Notice, Over

sys.path.insert(0, str(Path(__file__).parent))
from engine import alive, until  # beside this file, whatever pytest's import mode


def ended(engine, isolation, body, hows=("bad", "good"), **settings):
    """Run jobs to the end; return the engine, which must have ended well, and the first job's end record."""
    one = engine(body, hows, isolation=isolation, **settings).start()
    assert one.wait() == 0
    return one, one.events(End)[0]


def test_jobs_write_their_outputs(engine, isolation):
    one, record = ended(engine, isolation, "self.write(i, how)")
    assert one.outputs() == ["howbad.txt", "howgood.txt"]
    assert (one.output / "howgood.txt").read_text() == "good"
    assert record.status == 0
    assert record.seconds >= 0
    assert record.max_rss > 10**6
    assert record.ok
    assert one.events(Over)[0].done == 2
    assert not (one.output / ".jor" / "entry" / "partial").exists()


LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_{0}, ({1}, {1}))"
NO_FILE = "execute returned, but has not written its output: what it has made there is no file"


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("raise ValueError('no luck')", "ValueError: no luck"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("sys.exit('words')", "sys.exit('words')"),
        ("sys.exit(3)", "sys.exit(3)"),
        ("self.write(i); os._exit(0)", "its process ended before execute had returned"),
        ("self.write(i); os.execvp('true', ['true'])", "its process ended before execute had returned"),
        ("os._exit(5)", "exit status 5"),
        ("os.kill(os.getpid(), 9)", "killed by signal 9, SIGKILL (out of memory?)"),
        ("import ctypes; ctypes.string_at(0)", "killed by signal 11, SIGSEGV"),
        ("return", "execute returned, but has not written its output"),
        (
            "open(self._get_output_path(**self._jobs[i]) + '.npz', 'w').close(); return",
            "execute returned, but has not written its output: only one with '.npz' added to its name",
        ),
        ("raise ValueError('x' * 10**7)", "ValueError: " + "x" * 988),
        ("[os.close(fd) for fd in (0, 1, 2)]; raise ValueError('deaf')", "ValueError: deaf"),
        ("class Odd(Exception): __str__ = None\n    raise Odd", "Odd (its message could not be made)"),
        ("class Base(BaseException): pass\n    raise Base('b')", "Base: b"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("def f(): f()\n    f()", "RecursionError: maximum recursion depth exceeded"),
        ("os.abort()", "killed by signal 6, SIGABRT"),
        ("os.killpg(0, 9)", "killed by signal 9, SIGKILL (out of memory?)"),
        (f"{LIMITED.format('AS', 300 * 2**20)}; bytearray(2**30)", "MemoryError"),
        (f"{LIMITED.format('FSIZE', 10)}; self.write(i, 'x' * 100)", "OSError: [Errno 27] File too large"),
        ("import threading; t = threading.Thread(target=os._exit, args=(4,)); t.start(); t.join()", "exit status 4"),
        ("import threading; threading.Thread(target=time.sleep, args=(99,)).start(); raise ValueError", "ValueError"),
        ("raise ValueError('\\udcff')", "ValueError: \\udcff"),
        *[
            (f"{make}(*{more}, self._get_output_path(**self._jobs[i])); return", NO_FILE)
            for make, more in (("os.mkdir", ()), ("os.mkfifo", ()), ("os.symlink", ("nowhere",)))
        ],
    ],
)
def test_job_that_goes_wrong_fails_alone_with_the_reason(engine, isolation, what, error):
    one, record = ended(engine, isolation, f"if how == 'bad':\n    {what}\nself.write(i)")
    assert record.error.partition("; what it had made is kept in ")[0] == error
    assert one.outputs() == ["howgood.txt"]
    assert one.events(End)[1].ok


def test_exit_code_zero_is_success_when_the_output_is_there(engine, isolation):
    one, record = ended(engine, isolation, "self.write(i)\nsys.exit(0)")
    assert record.ok
    assert one.outputs() == ["howbad.txt", "howgood.txt"]


@pytest.mark.parametrize(
    "what",
    [
        "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')",
        "os.umask(0o777)",
        "for _ in range(1000): print('x' * 10**5)",
        "import atexit; atexit.register(time.sleep, 1)",
        "sys.settrace(lambda *_: None); sys.setrecursionlimit(60)",
        "os.kill(os.getpid(), signal.SIGUSR2)",
        "os.environ.clear(); sys.path.clear()",
        "import threading; threading.Thread(target=time.sleep, args=(1,), daemon=True).start()",
        "self._jobs.clear(); self._jobs.extend([{'how': 'bad'}] * 2)",
    ],
)
def test_job_that_behaves_oddly_and_writes_its_output_is_done(engine, isolation, what):
    one, record = ended(
        engine,
        isolation,
        f"path = self._get_output_path(**self._jobs[i])\nif how == 'bad':\n    {what}\nopen(path, 'w').write('x')",
    )
    assert record.ok
    assert "howbad.txt" in one.outputs()


def test_empty_output_of_a_job_that_ended_well_is_an_output(engine, isolation):
    one, record = ended(engine, isolation, "self.write(i, '')")
    assert record.ok
    assert one.outputs() == ["howbad.txt", "howgood.txt"]


def test_job_that_has_stopped_itself_ends_with_the_signal_to_its_worker(engine, isolation):
    begins = "open(os.path.join(self.path_prefix, 'begun'), 'w').close()"
    one = engine(f"{begins}\nos.kill(os.getpid(), signal.SIGSTOP)\ntime.sleep(600)", isolation=isolation).start()
    until((one.folder / "begun").exists)
    one.process.send_signal(signal.SIGTERM)
    assert one.wait() == 128 + signal.SIGTERM
    assert one.events(End)[0].interrupted


def test_half_an_output_of_a_failed_job_is_never_seen(engine, isolation):
    one, _ = ended(engine, isolation, "self.write(i, 'half')\nif how == 'bad': raise ValueError")
    assert one.outputs() == ["howgood.txt"]


def test_job_that_makes_up_its_path_is_believed_when_the_output_is_there(engine, isolation):
    body = "open(os.path.join(self._get_output_folder(), self._get_output_fname(**self._jobs[i])), 'w').write('x')"
    one, record = ended(engine, isolation, body)
    assert record.ok
    assert one.outputs() == ["howbad.txt", "howgood.txt"]


def test_old_output_is_not_taken_for_the_new_one(engine, isolation):
    one = engine("if how == 'good': self.write(i)", ("bad", "good"), isolation=isolation, may_exist=True)
    (one.output / "howbad.txt").write_text("old")
    assert one.start().wait() == 0
    assert one.events(End)[0].error == "execute returned, but has not written its output"
    assert (one.output / "howbad.txt").read_text() == "old"


def test_what_lies_beside_an_output_is_published_with_it(engine, isolation):
    body = (
        "self.write(i)\nopen(os.path.join(os.path.dirname(self._get_output_path(**self._jobs[i])), how + '.log'), 'w')"
    )
    one, _ = ended(engine, isolation, body)
    assert one.outputs() == ["bad.log", "good.log", "howbad.txt", "howgood.txt"]


def test_what_a_job_printed_is_found_by_its_place_in_the_log(engine, isolation):
    body = "print(how * 100_000)\nprint('err', file=sys.stderr)\nos.system('echo child')\nself.write(i)"
    one, record = ended(engine, isolation, body)
    assert sorted(one.printed(record).split()) == sorted(["bad" * 100_000, "err", "child"])
    assert "bad" not in one.printed(one.events(End)[1])


def test_traceback_of_a_job_is_in_its_part_of_the_log(engine, isolation):
    one, record = ended(engine, isolation, "raise ValueError('no luck')")
    assert "Traceback" in one.printed(record)
    assert "ValueError: no luck" in one.printed(record)


def test_processes_that_a_job_leaves_behind_are_ended(engine, isolation):
    body = """
    if how == 'bad' and os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open(os.path.join(self.path_prefix, 'daemon'), 'w').write(str(os.getpid()))
            time.sleep(1000)
        os._exit(0)
    while not os.path.exists(os.path.join(self.path_prefix, 'daemon')): time.sleep(0.01)
    self.write(i)
    """
    one, record = ended(engine, isolation, body)
    assert record.orphans >= 1
    (notice,) = one.events(Notice)
    assert re.match(r"jobs leave processes running, which jor ends: job 0, process \d+ \(python.*\)\.", notice.text)
    assert not alive(int((one.folder / "daemon").read_text() or 0))


def test_processes_that_end_by_themselves_are_not_told(engine, isolation):
    body = """
    from multiprocessing import resource_tracker
    resource_tracker.ensure_running()
    os.posix_spawnp("true", ["true"], os.environ)
    time.sleep(0.2)
    self.write(i)
    """
    one, record = ended(engine, isolation, body)
    assert (record.error, one.events(Notice)) == ("", [])


def test_version_of_numpy_is_recorded_where_a_job_has_it_loaded(engine, isolation):
    body = "import types; sys.modules['numpy'] = types.SimpleNamespace(__version__='2.9')\nself.write(i)"
    one, _ = ended(engine, isolation, body)
    assert one.events(Library) == [Library("numpy", "2.9")]


def test_job_that_crashes_and_leaves_a_process_behind_fails_alone(engine, isolation):
    body = "if how == 'bad':\n    if os.fork() == 0: time.sleep(1000)\n    os.kill(os.getpid(), 11)\nself.write(i)"
    one, record = ended(engine, isolation, body)
    assert record.error == "killed by signal 11, SIGSEGV"
    assert record.orphans == 1
    assert one.outputs() == ["howgood.txt"]


SLOW = """
open(os.path.join(self.path_prefix, 'pid'), 'w').write(str(os.getpid()))
os.rename(os.path.join(self.path_prefix, 'pid'), os.path.join(self.path_prefix, 'begun'))
self.write(i, 'half')
time.sleep(1000)
"""


DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


def begun(one):
    """Wait until a job of SLOW has begun; return its process id."""
    return int(until(lambda: (one.folder / "begun").exists() and (one.folder / "begun").read_text()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_to_the_worker_stops_its_job_cleanly(engine, isolation, number):
    one = engine(SLOW, ("a", "b"), isolation=isolation).start()
    pid = begun(one)
    one.process.send_signal(number)
    assert one.wait() == 128 + number
    assert not alive(pid)
    (record,) = one.events(End)
    assert record.interrupted is True
    assert one.outputs() == []
    assert not (one.output / ".jor" / "entry" / "partial").exists()
    assert one.events(Over)[0].stopped == signal.Signals(number).name


@pytest.mark.parametrize(
    "handler",
    [
        "lambda *_: (self.write(i), sys.exit(0))",
        "lambda *_: (self.write(i), os._exit(0))",
        "lambda *_: stopping.append(1)",
    ],
)
def test_job_that_ends_well_when_it_is_told_to_stop_is_interrupted(engine, isolation, handler):
    body = f"stopping = []\nself.write(i, 'half')\nsignal.signal(signal.SIGTERM, {handler})\n"
    one = engine(body + SLOW.replace("time.sleep(1000)", "while not stopping: time.sleep(0.05)"), isolation=isolation)
    begun(one.start())
    one.process.send_signal(signal.SIGTERM)
    assert one.wait() == 143
    assert one.outputs() == []
    (record,) = one.events(End)
    assert (record.ok, record.interrupted) == (False, True)


def test_job_that_ignores_the_signal_is_killed_after_the_grace_period(engine, isolation):
    one = engine(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLOW, isolation=isolation, grace_period=0.3
    ).start()
    pid = begun(one)
    one.process.send_signal(signal.SIGTERM)
    assert one.wait() == 143
    assert not alive(pid)
    assert one.outputs() == []


def test_second_signal_kills_at_once(engine, isolation):
    one = engine(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLOW, isolation=isolation, grace_period=1000
    ).start()
    begun(one)
    one.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)  # two signals at once may arrive as one
    one.process.send_signal(signal.SIGTERM)
    assert one.wait() == 143


def test_worker_ends_with_all_its_processes_when_the_command_is_gone(engine, isolation):
    body = "if os.fork() == 0: time.sleep(1000)\n" + SLOW
    one = engine(body, isolation=isolation).start()
    pid = begun(one)
    one.hang_up()
    one.wait()
    until(lambda: not alive(pid))
    assert one.outputs() == []
    assert not (one.output / ".jor" / "entry" / "partial").exists()


def test_job_dies_with_a_killed_worker(engine, isolation):
    one = engine(SLOW, isolation=isolation).start()
    pid = begun(one)
    one.process.kill()
    one.wait()
    until(lambda: not alive(pid))
    assert one.outputs() == []
    assert (len(one.events(Begin)), one.events(End)) == (1, [])


def test_next_job_runs_when_the_host_is_killed(engine):
    body = "if how == 'bad': os.kill(os.getppid(), 9); time.sleep(1000)\nself.write(i)"
    one, record = ended(engine, "fork", body)
    assert record.error.startswith("killed by signal 9")
    assert one.outputs() == ["howgood.txt"]


def test_module_is_loaded_once_a_worker_with_fork_and_once_a_job_with_spawn(engine, isolation, tmp_path):
    head = f"with open({str(tmp_path / 'loads')!r}, 'a') as file: file.write('x')"
    one = engine("self.write(i)", "abcd", isolation=isolation, head=head)
    (tmp_path / "loads").unlink()
    one.start().wait()
    assert len((tmp_path / "loads").read_text()) == (4 if isolation == "spawn" else 1)


def test_threads_are_set_before_the_module_loads_unless_the_user_set_them(engine, isolation):
    head = "threads = [os.environ.get(name) for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS')]"
    one = engine("self.write(i, str(threads))", isolation=isolation, head=head, cpus_per_task=3)
    one.start(MKL_NUM_THREADS="7").wait()
    assert (one.output / "howa.txt").read_text() == "['3', '7']"


def test_module_that_cannot_be_loaded_ends_the_worker_with_the_reason(engine, isolation):
    one = engine("self.write(i)", isolation=isolation)
    one.module.write_text("import not_there_at_all")
    assert one.start().wait() == 69
    assert "No module named 'not_there_at_all'" in one.events(Over)[0].error
    assert one.outputs() == []


def test_task_that_is_claimed_already_is_left_alone(engine):
    one = engine("self.write(i)")
    (one.run / "task-0.r0.jsonl").write_text("")
    assert one.start().wait() == 0
    assert one.outputs() == []


def test_job_whose_parameters_have_changed_fails_and_the_others_run(engine, isolation):
    one = engine("self.write(i)", ("a", "b"), isolation=isolation)
    one.module.write_text(one.module.read_text().replace("['a', 'b']", "['z', 'b']"))
    assert one.start().wait() == 0
    assert "job 0 is not what was planned" in one.events(End)[0].error
    assert one.outputs() == ["howb.txt"]
    assert len(one.events(Changed)) == 1


def test_job_without_staging_writes_in_place_and_is_marked(engine, isolation):
    head = "jor.JobsBase.atomic_output = False"
    one = engine(
        "self.write(i, 'half')\nif how == 'bad': raise ValueError", ("bad", "good"), isolation=isolation, head=head
    )
    try:
        assert one.start().wait() == 0
        assert one.outputs() == ["howbad.txt", "howgood.txt"]
        assert [record.direct for record in one.events(Begin)] == [True, True]
        assert not one.events(End)[0].ok
    finally:
        import jor

        jor.JobsBase.atomic_output = True


def test_standard_input_of_a_job_is_empty(engine, isolation):
    one, _ = ended(engine, isolation, "self.write(i, repr(sys.stdin.read()))")
    assert (one.output / "howgood.txt").read_text() == "''"


def test_file_of_the_users_folder_does_not_hide_the_library(engine, tmp_path):
    (tmp_path / "json.py").write_text("raise ImportError('the wrong json')")
    _, record = ended(engine, "fork", "self.write(i)")
    assert record.ok


def test_help_is_shown_for_a_wrong_command():
    done = run([sys.executable, "-m", "jor", "nonsense"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m jor exec RUN TASK")
    assert run([sys.executable, "-m", "jor", "--help"], stdout=-3).returncode == 0


def test_submission_that_is_not_there_is_told(tmp_path):
    done = run([sys.executable, "-m", "jor", "exec", str(tmp_path), "0"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "the submission cannot be read" in done.stderr
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("isolation", "loads"), [("fork", [True, False]), ("none", [True, False]), ("spawn", [True, True])]
)
def test_loading_the_job_module_is_timed_apart_from_the_jobs(engine, isolation, loads):
    one, record = ended(engine, isolation, "self.write(i, how)", head="import time; time.sleep(1)")
    assert record.loading > 0.9
    assert record.seconds < record.loading
    assert [record.loading is not None for record in one.events(End)] == loads


def test_end_of_a_job_is_told_while_its_worker_waits_for_more(engine):
    one = engine("self.write(i)").start(ends=False)
    until(lambda: one.events(End))
    one.end()
    assert one.wait() == 0


HERE = "here = os.path.dirname(self._get_output_path(**self._jobs[i]))\n"


@pytest.mark.parametrize(
    "harm",
    [
        "import shutil; shutil.rmtree(here)",
        "os.rename(here, here + '.moved')",
        "import shutil; shutil.rmtree(here); os.symlink('/', here)",
        "import shutil; shutil.rmtree(here); open(here, 'w').close()",
        "import shutil; shutil.rmtree(os.path.dirname(here))",
        "os.makedirs(here + '/sub'); open(here + '/sub/f', 'w').close(); os.chmod(here + '/sub', 0o555)",
    ],
)
def test_job_that_harms_its_staging_folder_costs_itself_alone(engine, isolation, harm):
    body = HERE + f"if how == 'bad':\n    {harm}\n    raise ValueError\nself.write(i)"
    one = engine(body, ("a", "bad", "b", "c"), isolation=isolation)
    one.start().wait()
    assert [event.ok for event in one.events(End)] == [True, False, True, True]
    assert one.outputs() == ["howa.txt", "howb.txt", "howc.txt"]
    assert not (one.output / ".jor" / "entry" / "partial").exists() or "moved" in harm


def test_what_cannot_be_deleted_is_not_published_with_the_next_output(engine, isolation):
    stick = "import subprocess; open(here + '/stuck', 'w').close(); subprocess.run(['chattr', '+i', here + '/stuck'])"
    body = HERE + f"if how == 'bad':\n    {stick}\n    raise ValueError\nself.write(i)"
    one = engine(body, ("bad", "b"), isolation=isolation)
    one.start().wait()
    try:
        assert one.outputs() == ["howb.txt"]
    finally:
        for path in (one.output / ".jor").rglob("stuck"):
            run(["chattr", "-i", path], check=True)


def test_job_that_failed_at_its_end_has_what_it_made_kept_until_it_is_done(engine, isolation):
    code = HERE + "open(here + '/log', 'w').write(how)\nif os.environ.get('FAIL') is None: self.write(i)"
    one = engine(code, isolation=isolation)
    one.start(FAIL="1").wait()
    kept = one.output / ".jor" / "entry" / "kept" / "howa.txt"
    assert one.events(End)[0].error.endswith(f"; what it had made is kept in {kept}")
    assert (kept / "log").read_text() == "a"
    os.rename(one.run / "task-0.r0.jsonl", one.run / "task-1.r0.jsonl")
    one.start().wait()
    assert one.outputs() == ["howa.txt", "log"]
    assert not kept.exists()


def test_job_that_writes_at_its_final_path_by_itself_is_told(engine, isolation):
    body = "open(os.path.join(self._get_output_folder(), self._get_output_fname(how=how)), 'w').write('x')"
    one, record = ended(engine, isolation, body)
    assert (record.ok, record.direct) == (True, True)
    assert (one.output / ".jor" / "entry" / "in-place").read_text() == "job 0 wrote at its final path by itself\n"
    assert "_get_output_path" in one.events(Notice)[0].text


def test_output_that_was_there_before_is_not_a_jobs_that_wrote_nothing(engine, isolation):
    one = engine("pass", isolation=isolation)
    (one.output / "howa.txt").write_text("of another")
    one.start().wait()
    assert not one.events(End)[0].ok


def test_job_that_writes_the_output_of_another_fails_and_is_told_how(engine, isolation):
    body = "if how == 'bad': open(self._get_output_path(how='good'), 'w').write('junk')\nelse: self.write(i)"
    one, record = ended(engine, isolation, body)
    assert "it asked for the path of howgood.txt, the output of another job: execute gets the index" in record.error
    assert (one.output / "howgood.txt").read_text() == "x"


@pytest.mark.parametrize("mode", ["w", "a"])
def test_job_that_writes_over_the_output_of_another_fails_and_that_is_made_again(engine, isolation, mode):
    body = f"self.write(i)\nif how == 'bad': open(self._get_output_path(how='good'), '{mode}').write('junk')"
    one = engine(body, ("good", "bad"), isolation=isolation)
    one.start().wait()
    assert "it has written howgood.txt, the output of another job" in one.events(End)[1].error
    assert one.outputs() == []
    assert (one.output / ".jor/entry/kept/howbad.txt/howgood.txt").exists()


def test_job_may_read_the_output_of_another(engine, isolation):
    body = "self.write(i, 'x' if how == 'good' else open(self._get_output_path(how='good')).read())"
    one = engine(body, ("good", "bad"), isolation=isolation)
    one.start().wait()
    assert (one.output / "howbad.txt").read_text() == "x"


def test_process_that_is_gone_after_execute_fails_its_job(engine, isolation):
    _, record = ended(engine, isolation, "import atexit; atexit.register(os._exit, 0); self.write(i)", ("bad",))
    assert record.ok == (isolation == "none")


def test_job_that_writes_at_its_final_path_by_itself_is_known_before_it_ends(engine, isolation):
    body = "open(os.path.join(self._get_output_folder(), self._get_output_fname(how=how)), 'w').write('half')\n"
    one = engine(body + "time.sleep(1000)", isolation=isolation).start()
    in_place = one.output / ".jor" / "entry" / "in-place"
    until(in_place.exists)
    one.process.kill()
    assert in_place.read_text() == "job 0 wrote at its final path by itself\n"


def test_half_that_a_job_left_at_its_final_path_by_itself_is_known_though_it_failed_at_once(engine, isolation):
    body = "open(os.path.join(self._get_output_folder(), self._get_output_fname(how=how)), 'w').write('half')\n"
    one = engine(body + "raise ValueError", isolation=isolation)
    one.start().wait()
    assert (one.events(End)[0].ok, one.events(End)[0].direct) == (False, True)
    assert (one.output / ".jor" / "entry" / "in-place").exists()


def test_child_that_comes_back_from_execute_is_not_the_end_of_its_job(engine, isolation):
    body = "if os.fork() == 0: return\nos.wait()\nself.write(i, 'half')\nos._exit(0)"
    one = engine(body, isolation=isolation)
    one.start().wait()
    assert not one.events(End)[0].ok
    assert one.outputs() == []


def test_job_that_hears_of_the_end_before_its_worker_does_is_interrupted(engine):
    """As when a machine shuts down: all processes get the signal at once."""
    body = "stopping = []\nself.write(i, 'half')\nsignal.signal(signal.SIGTERM, lambda *_: stopping.append(1))\n"
    one = engine(body + SLOW.replace("time.sleep(1000)", "while not stopping: time.sleep(0.01)"), isolation="fork")
    pid = begun(one.start())
    os.kill(pid, signal.SIGTERM)
    one.process.send_signal(signal.SIGTERM)
    assert one.wait() == 143
    assert one.outputs() == []
