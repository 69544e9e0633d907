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


@pytest.fixture
def project(tmp_path):
    """Make a project with a job module in it and one below; return its root."""
    root = tmp_path / "project"
    for folder in (root, root / "below"):
        folder.mkdir()
        (folder / "m.py").write_text(MODULE)
    (root / "todo.yaml").write_text("jobs:\n- jobmodule: m\n")
    return root


def key(path, arguments="", **more):
    return Entry(str(path), arguments, **more).key


def test_key_tells_apart_modules_and_arguments_alone(project):
    keys = [key(project / "m.py"), key(project / "below/m.py"), key(project / "m.py", "n=1")]
    assert len(set(keys)) == 3
    assert key(project / "m.py", place="todo.yaml:2:3") == keys[0]


def test_key_is_the_same_when_the_module_is_reached_by_a_link(project):
    os.symlink("below", project / "link")
    assert key(project / "link/m.py") == key(project / "below/m.py")


def test_key_of_a_link_out_of_the_project_is_the_links(project, tmp_path):
    (tmp_path / "library.py").write_text(MODULE)
    os.symlink("../library.py", project / "a.py")
    os.symlink("../library.py", project / "b.py")
    keys = [key(project / "a.py"), key(project / "b.py")]
    assert keys[0] != keys[1]
    os.rename(project, tmp_path / "moved")
    assert [key(tmp_path / "moved/a.py"), key(tmp_path / "moved/b.py")] == keys


@pytest.mark.parametrize("arguments", ["", "n=3", "data={project!r}, more=[('{project}/data.csv', 1)]"])
@pytest.mark.parametrize("marker", ["todo.yaml", "jor.cfg", "pyproject.toml", ".git"])
def test_key_goes_with_a_project_that_is_moved(project, tmp_path, marker, arguments):
    os.rename(project / "todo.yaml", project / marker)
    before = key(project / "below/m.py", arguments.format(project=str(project)))
    moved = tmp_path / "elsewhere" / "renamed"
    moved.parent.mkdir()
    os.rename(project, moved)
    assert key(moved / "below/m.py", arguments.format(project=str(moved))) == before


def test_key_goes_with_a_lonely_module(tmp_path, monkeypatch):
    monkeypatch.setattr("jor.todo.entry._MARKERS", ("marker-that-is-nowhere",))  # the tests may lie in a project
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "m.py").write_text(MODULE)
    assert key(tmp_path / "a/m.py") == key(tmp_path / "b/m.py")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a=1, b=2", "b=2, a=1"),
        ("n=2**10", "n=1024"),
        ("x={'a': 1, 'b': 2}", "x={'b': 2, 'a': 1}"),
        ("path='{project}/data/../x'", "path='{project}/x'"),
    ],
)
def test_key_is_made_of_the_values_of_arguments(project, one, other):
    one, other = one.replace("{project}", str(project)), other.replace("{project}", str(project))
    assert key(project / "m.py", one) == key(project / "m.py", other)


def test_key_tells_paths_outside_the_project_as_they_are(project, tmp_path):
    assert key(project / "m.py", f"x='{tmp_path}/data'") != key(project / "m.py", "x='data'")


def test_todo_list_gives_the_same_key(project, monkeypatch):
    monkeypatch.chdir(project)
    assert read_todo("todo.yaml")[0].key == key(project / "m.py")


def test_records_lie_in_the_output_folder():
    entry = Entry("/a/m.py", "")
    assert entry.records("/out") == f"/out/.jor/{entry.key}"
