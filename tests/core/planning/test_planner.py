"""What to run: entries as they are found, and what is told of a job module that cannot be used."""

from __future__ import annotations

import attrs
import pytest

from jor import JobModuleError
from jor.planning.planner import make_submission, survey
from jor.settings.config import read_config
from jor.todo.reader import make_entry

MODULE = """\
import jor

class Jobs(jor.JobsBase):
    name = "out"

    def __init__(self, count=3, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = [{"i": i} for i in range(count)]

    def execute(self, i):
        pass
"""


@pytest.fixture
def surveyed(tmp_path, monkeypatch):
    """Give a function that returns the survey of the one entry of a job module, and of more of the same."""
    monkeypatch.chdir(tmp_path)

    def survey_of(text=MODULE, *more):
        (tmp_path / "jobs_here.py").write_text(text)
        return list(survey([make_entry("jobs_here", arguments) for arguments in ("", *more)], read_config({})))

    return survey_of


def test_output_folder_that_cannot_be_told_is_told_of(surveyed):
    with pytest.raises(JobModuleError, match="_get_output_folder failed: ZeroDivisionError") as caught:
        surveyed(MODULE + "\n    def _get_output_folder(self):\n        return 1 / 0\n")
    assert caught.value.where.endswith("jobs_here.py")
    assert caught.value.remedy.startswith("Return a path")


def test_class_without_execute_is_refused_before_any_job_runs(surveyed):
    with pytest.raises(JobModuleError) as caught:
        surveyed(MODULE.replace("execute", "run"))
    assert caught.value.where.endswith("jobs_here.py")


def test_third_entry_may_not_share_an_output_with_the_first(surveyed):
    several = MODULE.replace("count=3", "count=3, first=0").replace("range(count)", "range(first, count)")
    with pytest.raises(JobModuleError, match="two jobs have the same output"):
        surveyed(several, "first=3, count=5", "first=2, count=3")


def test_parameters_are_those_of_a_job_that_is_there(surveyed):
    found, none = surveyed(MODULE, "count=0")
    assert [found.parameters(index) for index in range(3)] == [{"i": 0}, {"i": 1}, {"i": 2}]
    for index in (-1, 3):
        with pytest.raises(JobModuleError, match=f"there is no job {index}") as caught:
            found.parameters(index)
        assert caught.value.remedy == "Give an index from 0 to 2"
    with pytest.raises(JobModuleError) as caught:
        none.parameters(0)
    assert caught.value.remedy == "List some: it has none"


def test_submission_has_the_token_given_or_a_new_one(surveyed):
    (found,) = surveyed()
    assert make_submission(found, [0], overwrite=False, token="0123456789").token == "0123456789"
    tokens = {make_submission(found, [0], overwrite=False).token for _ in range(3)}
    assert len(tokens) == 3
    assert all(tokens)


@pytest.mark.parametrize(
    ("overwrite", "atomic", "empty", "expected"),
    [(False, True, (), False), (True, True, (), True), (False, False, (), True), (False, True, (1,), True)],
)
def test_submission_tells_whether_old_outputs_may_stand(surveyed, monkeypatch, overwrite, atomic, empty, expected):
    (found,) = surveyed()
    monkeypatch.setattr(type(found.jobs), "atomic_output", atomic)
    found = attrs.evolve(found, status=attrs.evolve(found.status, empty=frozenset(empty)))
    assert make_submission(found, [0], overwrite=overwrite).may_exist == expected
