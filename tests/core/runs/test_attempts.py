"""What journals tell of each execution of a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jor.runs.attempts import Execution, durations, executions
from jor.runtime.events import VERSION, Begin, Claim, End
from jor.runtime.journal import Journal
from jor.runtime.run_folder import Run

OWNER = "host7~0123abcd.42~17~99"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Make a submission without jobs."""
    return submission(tmp_path, "20260101-000000-one")


def submission(records: Path, name: str) -> Run:
    run = Run(str(records / "runs" / name))
    Path(run.folder).mkdir(parents=True)
    Path(run.submission).write_text("{}")
    return run


def end(journal: Journal, index: int, **fields: Any) -> None:
    journal.write(End(index, seconds=0.5, max_rss=1000, status=0)._replace(**fields))


def test_execution_tells_who_when_and_how_long(tmp_path: Path, run: Run) -> None:
    journal = Journal(run.journal(3, 1), Claim(VERSION, OWNER, job_id="516_3"))
    journal.write(Begin(8, started=1000.25))
    end(journal, 8, seconds=2.5, max_rss=7 * 2**20, loading=0.75)
    journal.close()
    (one,) = executions(str(tmp_path))
    assert one == Execution(8, run, 3, 1, "host7", "516_3", 1000.25, 2.5, 7 * 2**20, "", False, 0.75)
    assert one.ended_well


def test_execution_tells_where_its_output_to_the_terminal_is(tmp_path: Path, run: Run) -> None:
    journal = Journal(run.journal(3), Claim(VERSION, OWNER))
    end(journal, 0)
    end(journal, 1, log=(0, 10))
    end(journal, 2, log=(0, 10), log_file="task-3.s1.log")
    journal.write(Begin(3, started=2.0, log=(10, 10)))
    journal.close()
    logs = [one.log for one in executions(str(tmp_path))]
    assert logs == ["", run.log(3), run.log(3, 1), run.log(3)]


def test_execution_without_an_end_is_told_and_did_not_end_well(tmp_path: Path, run: Run) -> None:
    journal = Journal(run.journal(0), Claim(VERSION, OWNER))
    journal.write(Begin(0, started=1.0))
    end(journal, 0, error="ValueError: no")
    journal.write(Begin(1, started=2.0))
    journal.close()
    failed, unknown = executions(str(tmp_path))
    assert (failed.error, failed.ended_well) == ("ValueError: no", False)
    assert (unknown.index, unknown.seconds, unknown.ended_well) == (1, None, False)


def test_newest_submission_comes_first_and_unfinished_ones_are_passed_over(tmp_path: Path, run: Run) -> None:
    newer, unfinished = submission(tmp_path, "20260201-000000-two"), submission(tmp_path, "20260301-000000-three")
    Path(unfinished.submission).unlink()
    for number, one in enumerate((run, newer, unfinished)):
        journal = Journal(one.journal(0), Claim(VERSION, OWNER))
        journal.write(Begin(number, started=1.0))
        end(journal, number, seconds=float(number))
        journal.close()
    assert [one.index for one in executions(str(tmp_path))] == [1, 0]
    assert durations(str(tmp_path)) == [1.0, 0.0]
    assert durations(str(tmp_path), most=1) == [1.0]


def test_durations_are_of_jobs_that_ended_well(tmp_path: Path, run: Run) -> None:
    journal = Journal(run.journal(0), Claim(VERSION, OWNER))
    for index, error in enumerate(("", "ValueError: no", "")):
        journal.write(Begin(index, started=1.0))
        end(journal, index, seconds=1.0 + index, error=error)
    journal.close()
    assert durations(str(tmp_path)) == [1.0, 3.0]


def test_there_are_none_without_records(tmp_path: Path) -> None:
    assert list(executions(str(tmp_path / "nowhere"))) == []
