"""An entry makes an object Jobs, or says with its place in the todo-list why not."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor import JobModuleError
from jor.runtime.loading import ModuleLoader
from jor.todo.entry import Entry
from jor.todo.reader import read_todo

MODULE = """\
import jor

class Jobs(jor.JobsBase):
    def __init__(self, number=3, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.number = number
        self._jobs = [{"i": i} for i in range(number)]
"""


@pytest.fixture
def entry(tmp_path, monkeypatch):
    """Write a todo-list of one item, and a job module; return the entry."""
    monkeypatch.chdir(tmp_path)

    def make(arguments, module=MODULE):
        (tmp_path / "jobs_here.py").write_text(module)
        (tmp_path / "todo.yaml").write_text(f"jobs:\n- jobmodule: jobs_here\n  jobargs: {arguments}\n")
        return read_todo("todo.yaml")[0]

    return make


def test_object_is_made_with_the_arguments_and_the_path_prefix(entry):
    jobs = entry("number=2").construct(ModuleLoader(), "out")
    assert (len(jobs), jobs.number, jobs.path_prefix) == (2, 2, "out")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (
            "numbre=3",
            ["todo.yaml:2:3: ", "jobs_here.py: the constructor of Jobs has no argument 'numbre'", "mean 'number'?"],
        ),
        ("number='x'", ["todo.yaml:2:3: ", "jobs_here.py:7: the constructor of Jobs raised TypeError: "]),
    ],
)
def test_arguments_that_the_constructor_refuses_are_told_with_both_places(entry, arguments, parts):
    with pytest.raises(JobModuleError) as caught:
        entry(arguments).construct(ModuleLoader(), ".")
    assert [part for part in parts if part not in str(caught.value)] == []


def test_job_module_that_cannot_be_loaded_is_told_with_both_places(entry):
    with pytest.raises(JobModuleError, match=r"todo\.yaml:2:3: .*jobs_here\.py:2: loading it raised ZeroDivision"):
        entry("", "import jor\n1 / 0\n").construct(ModuleLoader(), ".")


def test_label_is_the_name_or_the_module_with_its_arguments():
    assert Entry("/a/sweep.py", "").label == "sweep"
    assert Entry("/a/sweep.py", "n=3").label == "sweep(n=3)"
    assert Entry("/a/sweep.py", "n=3", "mine").label == "mine"


@given(st.text(max_size=80), st.text(max_size=80))
def test_key_is_a_file_name_whatever_the_entry_is_called(name, stem):
    key = Entry(f"/a/{stem}.py".replace("\0", ""), "", name).key
    assert key == Entry(f"/a/{stem}.py".replace("\0", ""), "").key
    assert len(key) <= 49
    assert set(key) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert key[0] not in ".-"


def test_key_tells_apart_modules_and_arguments_and_nothing_else():
    keys = [Entry("/a/m.py", "").key, Entry("/b/m.py", "").key, Entry("/a/m.py", "n=1").key]
    assert len(set(keys)) == 3
    assert Entry("/a/m.py", "", place="todo.yaml:2:3").key == keys[0]


def test_key_is_the_same_when_the_module_is_reached_by_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/m.py").write_text(MODULE)
    os.symlink("real", tmp_path / "link")
    assert Entry(f"{tmp_path}/link/m.py", "").key == Entry(f"{tmp_path}/real/m.py", "").key


def test_records_lie_in_the_output_folder():
    entry = Entry("/a/m.py", "")
    assert entry.records("/out") == f"/out/.jor/{entry.key}"
