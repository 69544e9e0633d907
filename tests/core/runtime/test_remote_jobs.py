"""What a job module lists travels through a file unharmed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jor.errors import JobModuleError
from jor.runtime.job_spec import freeze, require_unchanged, thaw
from jor.runtime.jobs import JobsBase
from jor.runtime.loading import ModuleLoader
from jor.runtime.outputs import Listing, absent_outputs, output_name, output_names
from jor.runtime.remote_jobs import read_listing, write_listing

MODULE = """\
import os
import jor

class Jobs(jor.JobsBase):
    name = "listed"
    mem = "7G"
    cpus_per_task = 3
    atomic_output = False
    slurm = {"gpus": 1}
    not_plain = object()

    def __init__(self, n, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = [dict(i=i, xs=(i, 0.1), name="\u00e4 b", nested={"k": [None, True]}) for i in range(n)]

    def _get_output_fname(self, i, **others):
        return f"number-{i}.txt"

    def execute(self, i):
        pass
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """Write a job module."""
    path = tmp_path / "jobs_listed.py"
    path.write_text(MODULE, encoding="utf-8")
    return path


def listed(module: Path, arguments: str = "n=4") -> JobsBase:
    answer = str(module.parent / "answer")
    write_listing(answer, str(module), arguments, "prefix")
    return read_listing(answer)


def test_jobs_are_those_of_the_module(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine, theirs = ModuleLoader().make(str(module), "n=4", "prefix"), listed(module)
    assert len(theirs) == 4
    assert theirs._get_output_folder() == str(tmp_path / "prefix/listed")
    assert list(output_names(theirs)) == list(output_names(mine))
    assert (type(theirs).mem, type(theirs).cpus_per_task, theirs.atomic_output) == ("7G", 3, False)
    assert type(theirs).slurm == {"gpus": 1}
    assert not hasattr(theirs, "not_plain")
    for index in range(4):
        line = freeze(index, output_name(theirs, index), theirs._jobs[index])
        require_unchanged(mine, thaw(line))  # raises if it is another job


@pytest.mark.parametrize("there", [True, False])
def test_whether_there_is_a_checkpoint_is_told(module, there):
    other = module.with_name(f"jobs_checkpoint_{there}.py")
    other.write_text(MODULE + "    def checkpoint(self, i):\n        pass\n" * there, encoding="utf-8")
    assert hasattr(listed(other), "checkpoint") == there


def test_whether_there_is_something_to_collect_is_told(module):
    assert type(listed(module)).collect is JobsBase.collect
    other = module.with_name("jobs_collected.py")  # a module is loaded once in a process
    other.write_text(MODULE + "    def collect(self):\n        pass\n", encoding="utf-8")
    assert type(listed(other)).collect is not JobsBase.collect


def test_listing_is_made_by_the_command_that_travels(module, tmp_path):
    answer = tmp_path / "answer"
    command = [sys.executable, "-m", "jor", "list", str(tmp_path), str(module), "n=2", ".", "0", str(answer)]
    subprocess.run(command, check=True, cwd="/")
    assert len(read_listing(str(answer))) == 2


def test_collect_is_called_by_the_command_that_travels_with_the_outputs_that_are_complete(module, tmp_path):
    told = "os.getcwd(), *self.existing_outputs, self.is_output_complete, self._jor_seed"
    collect = f"    def collect(self):\n        print({told})\n"
    module.write_text(MODULE + collect, encoding="utf-8")
    (tmp_path / "listed").mkdir()
    for index in range(3):
        (tmp_path / f"listed/number-{index}.txt").touch()
    incomplete = tmp_path / "incomplete"
    for indices, told in (
        ("[1]", "./listed/number-0.txt ./listed/number-2.txt False 7"),
        ("[]", "./listed/number-0.txt ./listed/number-1.txt ./listed/number-2.txt True 7"),
    ):
        incomplete.write_text(indices)
        command = [sys.executable, "-m", "jor", "collect", str(tmp_path), str(module), "n=3", ".", "7", str(incomplete)]
        done = subprocess.run(command, check=True, cwd="/", stdout=subprocess.PIPE, text=True)
        assert done.stdout == f"{tmp_path} {told}\n"


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (("import jor\n", "import jor, no_such_module\n"), "No module named 'no_such_module'"),
        (("def execute", "def execvte"), "no method execute"),
        (('f"number-{i}.txt"', '"same/../x"'), "does not lie inside"),
        (("range(n)]", "range(n)][0]"), "not a sequence"),
    ],
)
def test_mistake_is_told_with_its_place(module, wrong, what):
    text = MODULE.replace(*wrong)
    assert text != MODULE
    module.write_text(text, encoding="utf-8")
    with pytest.raises(JobModuleError, match=what) as caught:
        absent_outputs(listed(module), Listing("/none"))
    assert caught.value.remedy


def test_jobs_that_were_listed_elsewhere_are_not_executed_here(module):
    with pytest.raises(NotImplementedError):
        listed(module).execute(0)
