"""What jor check finds, before any job runs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .commands import Jor, wait_until

Write = Callable[..., None]

GOOD = """\
import jor

class Jobs(jor.JobsBase):
    name = "good"

    def __init__(self, n=3, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = [dict(i=i, n=n) for i in range(n)]

    def execute(self, i):
        print("executed")
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("result")
"""
TWO = "jobs:\n- jobmodule: good\n- jobmodule: good\n  jobargs: n=4\n"


def test_all_that_is_well_is_told_and_nothing_is_left(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(good=GOOD, todo=TWO)
    done = jor("check")
    assert done.code == 0
    assert done.out.splitlines()[-1] == "All is well"
    assert "options\n  ok     none set: defaults hold\ntodo.yaml\n  ok     2 entries\n" in done.out
    assert "  ok     3 jobs, each with an output of its own; none done yet\n" in done.out
    assert "all entries\n  ok     7 jobs, each with an output of its own\n" in done.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.py", "todo.yaml"]


def test_one_job_of_each_entry_is_tried(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(good=GOOD, todo=TWO, cfg="[global]\npath-prefix = deep/output\n")
    done = jor("check", "--try")
    assert done.code == 0
    assert "ok     job 0 (i=0 n=3) made its output in " in done.out
    assert "ok     job 0 (i=0 n=4) made its output in " in done.out
    assert "M of memory\n" in done.out
    assert done.err == ""
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"good.py", "jor.cfg", "todo.yaml"}
    assert jor("status").out.split()[-3:] == ["0", "7", "7"]


def test_job_that_cannot_be_tried_for_want_of_a_folder_is_told(jor: Jor, write: Write, tmp_path: Path) -> None:
    elsewhere = "    def _get_output_folder(self):\n        return 'fixed'\n"
    write(good=f"{GOOD}\n{elsewhere}", todo="jobs:\n- jobmodule: good\n")
    (tmp_path / "taken").touch()
    done = jor("check", "--try", "--path-prefix", "taken")
    assert (done.code, done.err) == (1, "")
    assert "taken: no job can be tried: no folder can be made for it: Not a directory\n" in done.out


def test_memory_that_is_left_to_the_site_is_not_told(jor: Jor, write: Write) -> None:
    write(good=GOOD.replace('"good"\n', '"good"\n    mem = ""\n', 1), todo=TWO)
    assert " here, 1 CPU for each job\n" in jor("check").out
    assert "at once, 1 CPU each; isolation = " in jor("run", "--dry-run").out


def test_job_that_fails_when_it_is_tried_is_told(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(good=GOOD.replace('print("executed")', "print(1 / 0)"), todo=TWO)
    done = jor("check", "--try", "good")
    assert (done.code, done.err) == (1, "")
    assert done.out.count("WRONG  job 0 (i=0 n=3) failed: ZeroDivisionError: division by zero\n") == 1
    assert (
        done.out.count("           | ZeroDivisionError: division by zero\n           What it left is in .jor-check-")
        == 2
    )
    assert "2 things to mend" in done.out
    assert len(list(tmp_path.glob(".jor-check-*/**/task-0.log"))) == 2


def test_job_that_writes_no_output_when_it_is_tried_is_told(jor: Jor, write: Write) -> None:
    write(good=GOOD.replace("with open", "return\n        with open"), todo="jobs:\n- jobmodule: good\n")
    done = jor("check", "--try")
    assert done.code == 1
    assert "execute returned, but has not written its output" in done.out
    assert "| executed\n" in done.out


@pytest.mark.parametrize("path", ["good/i0_n3.txt", "{self.path_prefix}/good/i{i}_n3.txt"])
def test_job_that_makes_up_its_final_path_is_told_when_it_is_tried(jor: Jor, write: Write, path: str) -> None:
    write(good=GOOD.replace("self._get_output_path(**self._jobs[i])", f"f'{path}'"), todo="jobs:\n- jobmodule: good\n")
    (jor.folder / "good").mkdir()
    done = jor("check", "--try")
    assert done.code == 1
    assert "by itself: half an output would stand there if it died" in done.out
    assert "Let it write at the path that _get_output_path returns" in done.out


def test_try_that_is_interrupted_leaves_nothing(jor: Jor, write: Write, tmp_path: Path) -> None:
    sleeping = GOOD.replace('print("executed")', "open('begun', 'w').close(); __import__('time').sleep(600)")
    write(good=sleeping, todo=TWO)
    process = jor.start("check", "--try")
    wait_until(lambda: (tmp_path / "begun").exists())
    process.send_signal(signal.SIGINT)
    assert jor.end_of(process).code == 130
    assert jor.processes() == set()
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"begun", "good.py", "todo.yaml"}


def test_job_whose_output_would_lie_elsewhere_is_not_tried(jor: Jor, write: Write, tmp_path: Path) -> None:
    folder = f"    def _get_output_folder(self):\n        return {str(tmp_path / 'mine')!r}\n\n    def execute"
    write(good=GOOD.replace("    def execute", folder), todo="jobs:\n- jobmodule: good\n")
    done = jor("check", "--try")
    assert done.code == 1
    assert "WRONG  no job was tried: outputs lie in " in done.out
    assert not (tmp_path / "mine").exists()


POOL = """\
print("loaded")
import os, concurrent.futures
pool = concurrent.futures.ThreadPoolExecutor(1, "mine-" + os.environ.get("OMP_NUM_THREADS", ""))
pool.submit(len, "").result()
"""


def test_threads_that_loading_starts_are_told_by_check_run_and_status(jor: Jor, write: Write) -> None:
    failing = GOOD.replace('print("executed")', "assert i != 1")
    write(good=POOL + failing, todo=TWO.replace("n=4", "n=2, "))
    told = "each job loads the job module by itself (isolation = spawn)"
    done = jor("check")
    assert done.code == 0
    assert done.out.count(told) == 2
    assert "(mine-1_0)" in done.out
    done = jor("run", "good(n=2)")
    assert f"[jor] good(n=2): {told}" in done.said
    assert "(mine-1_0)" in done.said
    assert told in jor("status").said
    assert told not in jor("check", "--isolation", "fork").out


WAITING = GOOD.replace('print("executed")', "open(f'begun{i}', 'a').write('x'); __import__('time').sleep(600)")


def test_try_that_takes_too_long_is_ended_and_no_error(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(good=WAITING, todo="jobs:\n- jobmodule: good\n", cfg="[run]\ntry-limit = 1\n")
    done = jor("check", "--try")
    assert done.code == 0
    assert "ok     job 0 (i=0 n=3) had not ended after 1 s (try-limit), and was stopped" in done.out
    assert jor.processes() == set()
    assert not list(tmp_path.glob(".jor-check-*"))


def test_job_that_nobody_is_running_is_tried(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(good=WAITING.replace("sleep(600)", "sleep(0 if i == 2 else 600)"), todo="jobs:\n- jobmodule: good\n")
    run = jor.start("run", "--workers", 2)
    wait_until(lambda: (tmp_path / "begun0").exists() and (tmp_path / "begun1").exists())
    assert "ok     job 2 (i=2 n=3) made its output in" in jor("check", "--try").out
    run.send_signal(signal.SIGINT)
    jor.end_of(run)


def test_no_job_is_tried_while_all_are_running(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(good=WAITING, todo="jobs:\n- jobmodule: good\n  jobargs: n=2\n")
    run = jor.start("run", "--workers", 2)
    wait_until(lambda: (tmp_path / "begun0").exists() and (tmp_path / "begun1").exists())
    done = jor("check", "--try")
    assert done.code == 0
    assert "ok     no job was tried: all of them are running" in done.out
    assert (tmp_path / "begun0").read_text() == "x"
    run.send_signal(signal.SIGINT)
    jor.end_of(run)


def test_try_beside_a_run_disturbs_nothing(jor: Jor, slow: Path) -> None:
    run = jor.start("run", "--quiet")
    wait_until(lambda: slow.is_dir() and any(slow.glob("*.txt")))
    done = jor("check", "--try")
    assert done.code == 0
    assert jor.end_of(run).code == 0
    assert len(list(slow.glob("*.txt"))) == 40


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (("import jor", "import jor, not_there"), "No module named 'not_there'"),
        (("def execute", "def execvte"), "no method execute"),
        (('name = "good"', 'name = "good"\n    mem = "lots"'), "mem = 'lots'"),
        (("dict(i=i, n=n)", "dict(i=1)"), "two jobs have the same output"),
        (('name = "good"', 'name = "/proc/good"'), "cannot be written"),
    ],
)
def test_what_is_wrong_is_told(jor: Jor, write: Write, wrong: tuple[str, str], what: str) -> None:
    assert wrong[0] in GOOD
    write(good=GOOD.replace(*wrong), todo="jobs:\n- jobmodule: good\n")
    done = jor("check")
    assert done.code == 1
    assert "WRONG  " in done.out
    assert what in done.out
    assert done.out.splitlines()[-1] == "1 thing to mend"


def test_entry_that_is_wrong_does_not_hide_the_others(jor: Jor, write: Write) -> None:
    bad = GOOD.replace("import jor", "import jor, not_there")
    write(good=GOOD, bad=bad, todo="jobs:\n- jobmodule: bad\n- jobmodule: good\n")
    done = jor("check")
    assert done.code == 1
    assert "bad\n  WRONG" in done.out
    assert "good\n  ok     3 jobs" in done.out


def test_mistakes_in_options_and_todo_list_hide_nothing_else(jor: Jor, write: Write, tmp_path: Path) -> None:
    todo = "jobs:\n- jobmodule: gone\n- jobmodule: good\n- jobmodule: good\n  jobarg: n=4\n- jobmodule: good.py\n"
    write(good=GOOD, todo=todo, cfg="[submit]\npartitoin = day\n")
    done = jor("check", "--try", JOR_WORKERS="many")
    assert done.code == 1
    for text in (
        "options\n  WRONG  $JOR_WORKERS",
        "WRONG  ./jor.cfg:2: unknown key 'partitoin' in section [submit]\n           Did you mean 'partition'?",
        "todo.yaml\n  WRONG  todo.yaml:2:14: ",
        "WRONG  todo.yaml:5:3: unknown key 'jobarg'",
        "WRONG  todo.yaml:6:3: this entry is the same",
        "good\n  ok     3 jobs",
        "5 things to mend",
    ):
        assert text in done.out
    assert "made its output" not in done.out
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"good.py", "jor.cfg", "todo.yaml"}


@pytest.mark.parametrize("todo", ["", "jobs:\n- [", "jobs: 3\n"])
def test_todo_list_that_cannot_be_read_is_told(jor: Jor, write: Write, todo: str) -> None:
    write(todo=todo)
    done = jor("check")
    assert (done.code, done.err) == (1, "")
    assert "todo.yaml\n  WRONG  todo.yaml" in done.out


def test_wrong_usage_is_no_finding(jor: Jor, write: Write) -> None:
    write(good=GOOD, todo=TWO)
    assert jor("check", "godo").code == 2
    assert jor("check", "--workers", "many").code == 2


@pytest.mark.parametrize(("option", "value"), [("mem", "900T"), ("cpus-per-task", 99_999)])
def test_more_than_the_machine_has_is_told(jor: Jor, write: Write, option: str, value: object) -> None:
    write(good=GOOD, todo="jobs:\n- jobmodule: good\n")
    done = jor("check", f"--{option}", value)
    assert done.code == 1
    assert f"WRONG  command line: {option} = {value}: this machine has " in done.out


def test_of_many_entries_only_what_is_wrong_is_told(jor: Jor, write: Write) -> None:
    wrong = GOOD.replace("dict(i=i, n=n)", "dict(i=0 if n == 50 else i, n=n)")
    sizes = ", ".join(map(str, range(1, 61)))
    write(good=wrong, todo=f"jobs:\n- jobmodule: good\n  sweep:\n    n: [{sizes}]\n")
    done = jor("check")
    assert done.code == 1
    assert "good(n=18)\n  ok " in done.out
    assert "good(n=19)" not in done.out
    assert "good(n=50)\n  WRONG " in done.out
    assert "42 more in which all is well" in done.out
    assert "1 thing to mend" in done.out


def test_two_entries_with_the_same_outputs_are_told(jor: Jor, write: Write) -> None:
    same = GOOD.replace("dict(i=i, n=n)", "dict(i=i)")
    write(good=same, todo=TWO)
    done = jor("check")
    assert done.code == 1
    assert "all entries\n  WRONG" in done.out
    assert "two jobs have the same output" in done.out


def test_output_folder_without_room_is_told(jor: Jor, write: Write, mount: Callable[..., Path], tmp_path: Path) -> None:
    full = mount("size=1M")
    write(good=GOOD, todo=TWO)
    done = jor("check", "--path-prefix", str(full))
    assert "that is little" in done.out
    assert done.code == 1
    few = mount("nr_inodes=3")
    assert "files, and 3 are to come" in jor("check", "--path-prefix", str(few)).out


def test_image_and_environment_are_looked_at(jor: Jor, write: Write) -> None:
    write(good=GOOD, todo=TWO)
    assert "there is no conda environment 'nowhere'" in jor("check", "--condaenv", "nowhere").out
    assert "todo.yaml is no image" in jor("check", "--sif", "todo.yaml").out


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("import pytest\n", "good.py:1: loading it raised ModuleNotFoundError: No module named 'pytest'"),
        ("import sys\nif sys.flags.isolated:\n    exec('(')\n", "good.py:3: loading it raised SyntaxError: "),
    ],
)
def test_what_an_environment_cannot_load_is_told(jor: Jor, write: Write, tmp_path: Path, head: str, told: str) -> None:
    """By check before anything is run, and as the reason of the jobs that were begun."""
    (tmp_path / "env/conda-meta").mkdir(parents=True)
    (tmp_path / "env/bin").mkdir()
    python = tmp_path / "env/bin/python"  # one that has nothing but what comes with Python
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    write(good=head + GOOD, todo="jobs:\n- jobmodule: good\n  condaenv: ./env\n")
    done = jor("check", COLUMNS=500)
    assert done.code == 1
    assert f"  WRONG  todo.yaml:2:3: {tmp_path}/{told}" in done.out
    assert jor("run", "--workers", 1).code == 2
    assert f"failed: {tmp_path}/{told}" in jor("status", COLUMNS=500).out


def test_check_of_an_environment_that_can_load_says_so(jor: Jor, write: Write, tmp_path: Path) -> None:
    (tmp_path / "env/conda-meta").mkdir(parents=True)
    (tmp_path / "env/bin").mkdir()
    (tmp_path / "env/bin/python").symlink_to(sys.executable)
    write(good=GOOD, todo="jobs:\n- jobmodule: good\n  condaenv: ./env\n")
    assert "bin/python, which can load its job module\n" in jor("check", COLUMNS=500).out


MONTE_CARLO = """\
from numpy.random import normal
import numpy
import jor

rng = numpy.random.default_rng()

class Jobs(jor.JobsBase):
    name = "mc"
    mem = "100M"

    def _mk_jobs(self):
        self._jobs = jor.grid(repeat=range(12))

    def execute(self, i):
        text = f"{normal()} {self.job_numpy_rng(i).normal()} {self.job_seed(i)}\\n"
        open(self._get_output_path(**self._jobs[i]), "w").write(text)
"""


def test_repeats_draw_their_own_numbers_and_what_they_share_is_told(jor: Jor, write: Write, tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    write(mc=MONTE_CARLO, todo="jobs:\n- jobmodule: mc\n")
    checked = jor("check")
    assert checked.code == 0
    assert "  warn   mc.py:5: numpy.random.default_rng is called when the module is loaded: " in checked.out
    assert checked.out.endswith("All is well, but for 1 warning\n")
    done = jor("run", "--workers", "1")
    assert done.code == 0
    assert done.err.count("Warning: mc.py:5: numpy.random.default_rng is called when the module is loaded: ") == 1
    first = {path.name: path.read_text() for path in (tmp_path / "mc").glob("*.txt")}
    assert len({number for text in first.values() for number in text.split()}) == 3 * 12
    again = jor("run", "--overwrite-output", "--isolation", "none", "--workers", "2", "--quiet")
    assert (again.code, again.err) == (0, "")
    assert {path.name: path.read_text() for path in (tmp_path / "mc").glob("*.txt")} == first
    other = jor("run", "--overwrite-output", "--seed", "1", "--quiet")
    assert other.code == 0
    now = {number for path in (tmp_path / "mc").glob("*.txt") for number in path.read_text().split()}
    assert now & {number for text in first.values() for number in text.split()} == set()
