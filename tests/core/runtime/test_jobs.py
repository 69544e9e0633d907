"""JobsBase: what a user's class inherits."""

from __future__ import annotations

import pytest

import jor
from jor import JobModuleError


class Small(jor.JobsBase):
    """The least that a class has to say."""

    name = "small"

    def _mk_jobs(self):
        self._jobs = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]

    def execute(self, i):
        pass


def test_small_class_has_folder_names_and_jobs(tmp_path):
    jobs = Small(path_prefix=tmp_path)
    assert len(jobs) == 2
    assert jobs.output_paths == [str(tmp_path / "small" / "a1_bx.txt"), str(tmp_path / "small" / "a2_by.txt")]


def test_outputs_are_told_apart_by_whether_they_exist(tmp_path):
    jobs = Small(path_prefix=str(tmp_path))
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "a2_by.txt").write_text("x")
    assert jobs.existing_outputs == [jobs.output_paths[1]]
    assert jobs.missing_outputs == [jobs.output_paths[0]]
    assert not jobs.is_output_complete
    (tmp_path / "small" / "a1_bx.txt").write_text("x")
    assert jobs.is_output_complete


def test_defaults_are_those_of_the_contract():
    base = jor.JobsBase
    assert (base.name, base.time, base.mem, base.cpus_per_task) == ("job", "0-23:59:59", "5G", 1)


def test_class_without_jobs_is_told_what_to_add():
    with pytest.raises(JobModuleError, match="class Forgetful has no list of jobs") as caught:
        len(type("Forgetful", (jor.JobsBase,), {})())
    assert "def _mk_jobs(self):\n      self._jobs = [" in caught.value.remedy


def test_class_without_execute_is_told_what_to_add():
    with pytest.raises(JobModuleError, match="has no method execute") as caught:
        jor.JobsBase().execute(0)
    assert "def execute(self, i):\n      open(self._get_output_path(" in caught.value.remedy


def test_constructor_that_forgets_its_base_is_told_what_to_add():
    class Forgetful(Small):
        def __init__(self):
            self._mk_jobs()

    with pytest.raises(JobModuleError, match="class Forgetful has no path_prefix") as caught:
        Forgetful()._get_output_folder()
    assert "super().__init__(path_prefix=path_prefix)" in caught.value.remedy


def test_other_attributes_are_missing_as_usual():
    with pytest.raises(AttributeError, match="'Small' object has no attribute 'nothing'"):
        Small().nothing  # noqa: B018 # the access is the test


def test_path_is_the_staging_path_only_for_the_job_that_runs(tmp_path):
    jobs = Small(path_prefix=str(tmp_path))
    first, _ = jobs._jobs
    final = jobs._get_output_path(**first)
    jobs._running = (first, final, "/staging/a1_bx.txt")
    assert jobs._get_output_path(**first) == "/staging/a1_bx.txt"
    jobs._running = None
    assert jobs._get_output_path(**first) == final


def test_path_of_another_jobs_output_is_the_true_one_only_if_it_is_there(tmp_path):
    jobs = Small(path_prefix=str(tmp_path))
    first, second = jobs._jobs
    final = jobs._get_output_path(**second)
    jobs._running = (first, jobs._get_output_path(**first), "/staging/a1_bx.txt")
    assert (jobs._get_output_path(**second), jobs._asked) == ("/staging/a2_by.txt", "a2_by.txt")
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "a2_by.txt").touch()
    assert jobs._get_output_path(**second) == final


class Uncomparable:
    """Like a NumPy array, whose comparison is no truth value."""

    def __eq__(self, other):
        raise ValueError("the truth value is ambiguous")

    __hash__ = None

    def __str__(self):
        return "u"


def test_path_of_the_running_job_is_found_for_values_that_cannot_be_compared(tmp_path):
    jobs = Small(path_prefix=str(tmp_path))
    jobs._running = ({"a": Uncomparable()}, str(tmp_path / "small" / "au.txt"), "/staging/au.txt")
    assert jobs._get_output_path(a=Uncomparable()) == "/staging/au.txt"
