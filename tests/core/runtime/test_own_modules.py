"""Which modules a job module gets by `import`, in jor's own processes and where jobs run."""

from __future__ import annotations

import json
import os
import pickle
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from jor.runtime.loading import ModuleLoader
from jor.runtime.odd_modules import module_name
from jor.runtime.outputs import each_job, output_name, output_names
from jor.runtime.own_modules import shadows

JOBS = """\
import jor
{head}

class Jobs(jor.JobsBase):
    def _mk_jobs(self):
        self._jobs = [{{"n": 0}}]
    def _get_output_fname(self, n):
        {body}
        return NAME
    def execute(self, i):
        pass
"""
#: What of a folder says whose it is, how that is imported at the top, and how within a method.
WAYS = {
    "module": ("tools.py", "from tools import NAME", "pass"),
    "package": ("tools/__init__.py", "from tools import NAME", "pass"),
    "folder without __init__.py": ("tools/names.py", "from tools.names import NAME", "pass"),
    "module of a package's package": ("tools/more/names.py", "import tools.more.names", "NAME = tools.more.names.NAME"),
    "within a method": ("tools.py", "", "from tools import NAME"),
    "by name, within a method": (
        "tools/names.py",
        "import importlib",
        "NAME = importlib.import_module('tools.names').NAME",
    ),
    "from a folder that it adds to sys.path": (
        "lib/tools.py",
        "import sys, os; sys.path.append(os.path.join(os.path.dirname(__file__), 'lib'))",
        "from tools import NAME",
    ),
    "module that a package imports when asked": ("tools/__init__.py", "import tools", "NAME = tools.asked()"),
}  # fmt: skip

ASKED = "def asked():\n    from .more import NAME\n    return NAME\n"


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def project(folder: Path, way: str) -> list[str]:
    """Write two folders whose job modules name their outputs by a module of their own; return the job modules."""
    place, head, body = WAYS[way]
    for name in "ab":
        write(folder / name / place, f"NAME = {name!r}\n{ASKED}")
        if place.endswith("__init__.py"):
            write(folder / name / "tools" / "more.py", f"NAME = {name!r}\n")
    return [write(folder / name / f"jobs_{name}.py", JOBS.format(head=head, body=body)) for name in "ab"]


@pytest.mark.parametrize("way", WAYS)
def test_each_folder_has_its_own_modules_also_later(tmp_path, way):
    before = list(sys.path), dict(sys.modules)
    loader = ModuleLoader()
    jobs = [loader.make(path, "", ".") for path in project(tmp_path, way)]
    for _ in range(2):
        assert [[*output_names(one)] for one in jobs] == [["a"], ["b"]]
        assert [output_name(one, 0) for one in jobs] == ["a", "b"]
    assert (sys.path, dict(sys.modules)) == before


def test_constructor_and_lazy_jobs_import_their_own_modules_later(tmp_path):
    lazy = "import jor\nclass Lazy:\n def __len__(self): return 1\n def __getitem__(self, i):\n"
    lazy += "  import tools\n  return [{'n': tools.NAME}][i]\n"
    lazy += "class Jobs(jor.JobsBase):\n def _mk_jobs(self):\n  import tools\n  self._jobs = Lazy()\n"
    for name in "ab":
        write(tmp_path / name / "tools.py", f"NAME = {name!r}\n")
        write(tmp_path / name / "jobs_x.py", lazy)
    loader = ModuleLoader()
    jobs = [loader.make(str(tmp_path / name / "jobs_x.py"), "", ".") for name in "abab"]
    assert [[*each_job(one)] for one in jobs] == [[{"n": "a"}], [{"n": "b"}]] * 2
    assert type(jobs[0]) is type(jobs[2])


@pytest.mark.parametrize(
    "file", ["jobs_plain.py", "jobs_v1.2.py", "jobs-of-mine.py", "calendar.py", "platform.py", "2d.py"]
)
def test_what_a_module_defines_can_be_pickled_and_is_found_by_other_processes(tmp_path, file):
    path = write(tmp_path / file, "import jor\nclass Jobs(jor.JobsBase):\n    _jobs = ()\n")
    cls = ModuleLoader().load(path)
    with cls._jor_modules:
        data = pickle.dumps(cls)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import pickle; print(pickle.loads({data!r}).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "Jobs\n", done.stderr
    assert "." not in module_name(path).replace("jor.runtime.odd_modules.", "")


def test_module_that_another_job_module_imports_is_executed_once(tmp_path):
    first = write(tmp_path / "jobs_a.py", "import jor\nclass Jobs(jor.JobsBase):\n    _jobs = ()\n")
    second = write(tmp_path / "jobs_b.py", "import jobs_a\nclass Jobs(jobs_a.Jobs):\n    pass\n")
    loader = ModuleLoader()
    assert loader.load(second).__mro__[1] is loader.load(first)


def test_installed_packages_stay_loaded_wherever_the_folder_lies(tmp_path, monkeypatch):
    """A project that has its environment in it: NumPy cannot be loaded twice."""
    site = tmp_path / "env" / "lib" / "site-packages"
    write(site / "installed_here.py", "")
    monkeypatch.syspath_prepend(str(site))
    path = write(tmp_path / "jobs_a.py", "import jor, installed_here\nclass Jobs(jor.JobsBase):\n    _jobs = ()\n")
    ModuleLoader().load(path)
    module = sys.modules.pop("installed_here")
    assert module.__file__ == str(site / "installed_here.py")


def test_file_comes_before_an_installed_package_and_after_the_library(tmp_path):
    for name in ("attrs", "pytest", "statistics"):
        write(tmp_path / f"{name}.py", "NAME = 'own'\n")
    head = "import attrs, pytest, statistics"
    path = write(tmp_path / "jobs_a.py", JOBS.format(head=head, body="NAME = attrs.NAME + pytest.NAME"))
    jobs = ModuleLoader().make(path, "", ".")
    assert output_name(jobs, 0) == "ownown"
    assert sys.modules["pytest"] is pytest
    assert sys.modules["statistics"] is statistics
    assert shadows(path) == [str(tmp_path / "statistics.py")]


def test_link_to_a_job_module_imports_what_lies_beside_either(tmp_path):
    target = write(
        tmp_path / "shared" / "jobs_s.py",
        JOBS.format(head="from beside_target import A\nfrom beside_link import B", body="NAME = A + B"),
    )
    write(tmp_path / "shared" / "beside_target.py", "A = 'a'\n")
    write(tmp_path / "beside_link.py", "B = 'b'\n")
    os.symlink(target, tmp_path / "jobs_s.py")
    assert output_name(ModuleLoader().make(str(tmp_path / "jobs_s.py"), "", "."), 0) == "ab"


@pytest.mark.parametrize("name", ["statistics", "json", "re", "typing", "signal", "contextlib", "random"])
def test_where_jobs_run_a_file_comes_before_the_library(tmp_path, name):
    write(tmp_path / f"{name}.py", "NAME = 'own'\n")
    path = write(tmp_path / "jobs_a.py", JOBS.format(head=f"import {name}", body=f"NAME = {name}.NAME"))
    command = [sys.executable, "-m", "jor", "list", str(tmp_path), path, "", ".", str(tmp_path / "answer")]
    subprocess.run(command, check=True, cwd="/")
    assert [json.loads(line).get("output") for line in (tmp_path / "answer").read_text().splitlines()] == [None, "own"]


def test_job_module_called_like_a_library_does_not_hide_it(tmp_path):
    path = write(tmp_path / "platform.py", JOBS.format(head="import platform", body="NAME = platform.system()"))
    command = [sys.executable, "-m", "jor", "list", str(tmp_path), path, "", ".", str(tmp_path / "answer")]
    subprocess.run(command, check=True, cwd="/")
    assert output_name(ModuleLoader().make(path, "", "."), 0) == os.uname().sysname
    assert os.uname().sysname in (tmp_path / "answer").read_text()
