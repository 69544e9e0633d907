"""Each entry has its own code, and nothing beside a job module takes the place of a module of jor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jor_cli.api import Project

from .commands import Jor

Write = Callable[..., None]

JOBS = """\
import jor
{head}

class Jobs(jor.JobsBase):
    name = "{name}"
    mem = "50M"
    def _mk_jobs(self):
        self._jobs = jor.grid(n=[1, 2])
    def execute(self, i):
        open(self._get_output_path(**self._jobs[i]), "w").write(NAME)
    def collect(self):
        from tools import NAME as late
        open("{name}.joined", "w").write(NAME + late)
"""


def two_entries(folder: Path) -> None:
    """Write two entries whose folders have a package of the same name."""
    for name in "ab":
        (folder / name / "tools").mkdir(parents=True)
        (folder / name / "tools/__init__.py").write_text(f"NAME = {name!r}\n")
        (folder / name / f"jobs_{name}.py").write_text(JOBS.format(head="from tools import NAME", name=name))
    (folder / "todo.yaml").write_text("jobs:\n- jobmodule: a/jobs_a.py\n- jobmodule: b/jobs_b.py\n")


def test_entries_of_different_folders_have_their_own_packages(jor: Jor, tmp_path: Path) -> None:
    two_entries(tmp_path)
    assert jor("run").code == 0
    assert [(tmp_path / name / "n1.txt").read_text() for name in "ab"] == ["a", "b"]
    assert jor("check").code == 0
    assert jor("collect").code == 0
    assert [(tmp_path / f"{name}.joined").read_text() for name in "ab"] == ["aa", "bb"]


def test_notebook_reads_packages_again_that_have_been_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_entries(tmp_path)
    for name in "ab":
        path = tmp_path / name / f"jobs_{name}.py"
        path.write_text(path.read_text().replace('name = "', 'name = NAME + "'))
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    for more in ("", "-of-now"):
        for name in "ab":
            (tmp_path / name / "tools/__init__.py").write_text(f"NAME = '{name}{more}'\n")
        status = Project().status()
        outputs = [Path(job["output"]).parent.name for job in status.jobs][::2]
        assert outputs == [f"a{more}a", f"b{more}b"]
    assert "tools" not in sys.modules
    assert sys.path == path


def test_notebook_that_imports_from_its_folder_leaves_the_modules_of_jor_alone(shadowed: Path) -> None:
    code = "import sys; sys.path[:] = filter(None, sys.path)\nfrom jor_cli.api import Project\nsys.path.insert(0, '')\n"
    code += "status = Project().run(); print(status.counts['done'], sys.path[0]); repr(status)"
    done = subprocess.run([sys.executable, "-c", code], cwd=shadowed, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "2 "


#: Modules of Python's own, and of others, that jor imports when it is at work.
NAMES = """
array attr attrs bisect calendar cattrs click colorsys configparser contextlib copy csv ctypes
dataclasses datetime decimal difflib enum errno fractions functools getpass hashlib html importlib
inspect itertools json locale logging math mmap numbers operator pickle platform pwd queue random re
resource rich secrets select shlex shutil signal socket statistics string struct subprocess tempfile
textwrap threading time tokenize traceback types typing unicodedata urllib uuid warnings weakref
webbrowser yaml zipfile zlib zoneinfo
"""
COMMANDS = ("status", "check", "run --dry-run", "show o 0", "advise", "report", "logs o 0", "collect", "config")


@pytest.fixture
def shadowed(tmp_path: Path) -> Path:
    """Give a project with a file beside its job module for each of NAMES, which cannot be imported."""
    text = JOBS.format(head="NAME = 'x'", name="o").replace("from tools import NAME as late", "late = ''")
    (tmp_path / "o.py").write_text(text)
    (tmp_path / "todo.yaml").write_text("jobs:\n- jobmodule: o.py\n")
    for name in NAMES.split():
        (tmp_path / f"{name}.py").write_text(f"raise ImportError({name!r} + ' is the user\\'s')\n")
    return tmp_path


def test_no_file_beside_a_job_module_is_a_module_of_jor(shadowed: Path) -> None:
    def jor(*words: str) -> str:
        environment = {**os.environ, "COLUMNS": "500"}
        argv = [str(Path(sys.executable).with_name("jor")), *words]
        done = subprocess.run(argv, cwd=shadowed, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, (words, done)
        assert "is the user" not in done.stdout + done.stderr
        return done.stdout

    jor("run")
    for command in COMMANDS:
        jor(*command.split())
    said = jor("check")
    assert "  warn   statistics.py takes the place of Python's own module in jobs, as for `python o.py`\n" in said
    assert "click.py" not in said


def test_failing_job_is_told_beside_a_file_called_traceback(jor: Jor, shadowed: Path) -> None:
    path = shadowed / "o.py"
    path.write_text(path.read_text().replace("write(NAME)", "write(1 / 0)"))
    for name in NAMES.split():
        if name != "traceback":
            (shadowed / f"{name}.py").unlink()
    assert "ZeroDivisionError: division by zero" in jor("run").said
    assert 'o.py", line' in jor("logs", "o", "--failed").said


def test_job_module_that_needs_its_own_statistics_is_listed_as_in_jobs(jor: Jor, tmp_path: Path) -> None:
    two = JOBS.format(head="import statistics\nNAME = statistics.NAME", name="s").replace(
        "from tools import NAME", "late = ''#"
    )
    (tmp_path / "jobs_s.py").write_text(two)
    (tmp_path / "statistics.py").write_text("NAME = 'own'\n")
    (tmp_path / "todo.yaml").write_text("jobs:\n- jobmodule: jobs_s.py\n")
    assert jor("run").code == 0
    assert (tmp_path / "s/n1.txt").read_text() == "own"
    assert jor("collect").code == 0
    assert (tmp_path / "s.joined").read_text() == "own"
    assert "2 done" in jor("check").out


@pytest.mark.parametrize("file", ["jobs_v1.2.py", "platform.py"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_functions_of_a_job_module_reach_child_processes(jor: Jor, tmp_path: Path, file: str, method: str) -> None:
    head = "import multiprocessing\ndef square(x):\n    return x**2\n"
    text = JOBS.format(head=head, name="p").replace(
        "(NAME)", f"(str(sum(multiprocessing.get_context({method!r}).Pool(2).map(square, range(4)))))"
    )
    (tmp_path / file).write_text(text)
    (tmp_path / "todo.yaml").write_text(f"jobs:\n- jobmodule: {file}\n")
    done = jor("run", "--test")
    assert done.code == 0, done
    assert (tmp_path / "p/n1.txt").read_text() == "14"


@pytest.mark.parametrize("isolation", ["fork", "spawn", "none"])
@pytest.mark.parametrize("atomic", [True, False])
def test_relative_outputs_stay_where_they_are_when_jobs_go_elsewhere(
    jor: Jor, tmp_path: Path, isolation: str, atomic: bool
) -> None:
    text = f"""\
import os
import tempfile
import jor

class Jobs(jor.JobsBase):
    mem = "50M"
    atomic_output = {atomic}
    def _mk_jobs(self):
        self._jobs = jor.grid(n=[1, 2])
    def _get_output_folder(self):
        return os.path.join(self.path_prefix, "mine")
    def execute(self, i):
        os.chdir(tempfile.mkdtemp())
        other = self._get_output_path(**self._jobs[1 - i]) if {not atomic} else ""
        open(self._get_output_path(**self._jobs[i]), "w").write(other)
"""
    (tmp_path / "jobs_t.py").write_text(text)
    (tmp_path / "todo.yaml").write_text("jobs:\n- jobmodule: jobs_t.py\n")
    done = jor("run", "--isolation", isolation, "--workers", 1, "--path-prefix", "out")
    assert done.code == 0, done
    told = "" if atomic else str(tmp_path / "out/mine/n2.txt")
    assert (tmp_path / "out/mine/n1.txt").read_text() == told
