"""What to run: entries as they are found, and what is told of a job module that cannot be used."""

from __future__ import annotations

import os
import time

import attrs
import pytest

from jor import JobModuleError
from jor.errors import MissingModuleError
from jor.planning.planner import again, make_submission, survey
from jor.planning.status import Carrier, Phase, Status, TaskState
from jor.runs.lease import Lease
from jor.runs.store import write_batch
from jor.runs.submission import Batch
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


BATCH = Batch(
    name="jor-one", jobs_per_task=1, workers_per_task=1, mem=None, time=None, time_limit=None, warning=0, requeue=(),
    command=("sbatch",),
)  # fmt: skip


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


def test_submission_is_of_the_entry_whose_outputs_it_planned(tmp_path):
    """Two projects have a job module of one name, so one key, and write into one folder."""
    entries = []
    for number in range(2):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}/todo.yaml").touch()
        jobs = f"range({number} * 3, 3 + {number} * 3)"
        (tmp_path / f"{number}/jobs.py").write_text(MODULE.replace("range(count)", jobs))
        entries.append(make_entry(str(tmp_path / f"{number}/jobs.py"), ""))
    config = read_config({"path-prefix": str(tmp_path)})
    one, other = survey(entries, config)
    assert one.records == other.records
    os.makedirs(one.records)
    with Lease(os.path.join(one.records, "lock")) as planning:
        write_batch(make_submission(one, [0], batch=BATCH), one.jobs, [0], one.records, planning, "#!/bin/sh\n")
    assert [len(found.history.batches) for found in survey(entries, config)] == [1, 0]


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


def test_batch_system_is_asked_once_for_all_entries(surveyed, tmp_path):
    names = [f"count={count}, name='{folder}'" for count, folder in ((1, "one"), (2, "two"))]
    text = MODULE.replace("count=3", "count=3, name='out'").replace("self._jobs =", "self.name = name; self._jobs =")
    for found in surveyed(text, *names)[1:]:
        os.makedirs(found.records)
        with Lease(os.path.join(found.records, "lock")) as planning:
            submission = make_submission(found, [0], batch=BATCH)
            write_batch(submission, found.jobs, [0], found.records, planning, "#!/bin/sh\n")
    asked = []

    def ask(batches):
        asked.append([submission.jobargs for _, submission in batches])
        return [Carrier("somebody", lambda _task: TaskState(Phase.WAITING), True) for _ in batches]

    entries = [make_entry("jobs_here", arguments) for arguments in ("", *names)]
    surveys = list(survey(entries, read_config({}), ask))
    assert asked == [names]
    assert [found.entry.arguments for found in surveys] == ["", *names]
    assert [found.status.counts[Status.QUEUED] for found in surveys] == [0, 1, 1]
    assert [found.status.counts[Status.MISSING] for found in surveys] == [3, 0, 1]
    assert [len(found.carriers) for found in surveys] == [0, 1, 1]
    assert [found.status.counts[Status.QUEUED] for found in again(surveys, time.time(), ask)] == [0, 1, 1]
    assert asked == [names] * 2


def test_batch_system_is_not_asked_where_it_has_nothing(surveyed):
    (found,) = surveyed()
    list(survey([found.entry], found.config, lambda _: pytest.fail("asked")))
    again([found], time.time(), lambda _: pytest.fail("asked"))


def test_jobs_are_listed_elsewhere_where_an_import_is_missing(surveyed, tmp_path):
    (found,) = surveyed()
    (tmp_path / "jobs_far.py").write_text("import no_such_module\n" + MODULE)
    entry = make_entry("jobs_far", "")
    with pytest.raises(MissingModuleError, match="no_such_module"):
        list(survey([entry], read_config({})))
    (one,) = survey([entry], read_config({}), construct=lambda _entry, _config: found.jobs)
    assert (one.jobs, one.status.pending) == (found.jobs, [0, 1, 2])


def test_submission_has_the_token_given_or_a_new_one(surveyed):
    (found,) = surveyed()
    assert make_submission(found, [0], token="0123456789").token == "0123456789"
    tokens = {make_submission(found, [0]).token for _ in range(3)}
    assert len(tokens) == 3
    assert all(tokens)


@pytest.mark.parametrize(
    ("there", "atomic", "empty", "expected"),
    [(False, True, (), False), (True, True, (), True), (False, False, (), True), (False, True, (1,), True)],
)
def test_submission_tells_whether_something_may_stand(surveyed, monkeypatch, there, atomic, empty, expected):
    (found,) = surveyed()
    monkeypatch.setattr(type(found.jobs), "atomic_output", atomic)
    found = attrs.evolve(found, status=attrs.evolve(found.status, empty=frozenset(empty)))
    if there:
        found = attrs.evolve(found, history=attrs.evolve(found.history, absent=[], unfit=[]))
    submission = make_submission(found, [0])
    assert submission.may_exist == expected
    assert submission.aside == (((0, 0),) if there and not atomic else ())
