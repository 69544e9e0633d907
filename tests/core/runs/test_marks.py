"""Marks on outputs: told shortly, by name whatever becomes of the list, and none lost among entries of a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jor.errors import RecordError
from jor.runs.marks import NOTHING, Mark, Marks, Names, change_marks, path_of, read_marks
from jor.runs.renumbering import Places
from jor.runtime.jobs import JobsBase

SINCE = "2026-03-01T12:00:00.000Z"
TIME = "20260301-120000000"


class Jobs(JobsBase):
    def __init__(self, *numbers: int) -> None:
        super().__init__()
        self._jobs = [{"i": i} for i in numbers]


def places_of(jobs: Jobs) -> Places:
    places = Places(jobs)
    list(places.names_in_parts())
    return places


def names(numbers: tuple[int, ...], indices: list[int]) -> Names:
    jobs = Jobs(*numbers)
    return Names.of(jobs, places_of(jobs), indices)


@pytest.mark.parametrize(
    ("now", "expected"),
    [((5, 6, 7), {1, 2}), ((5, 6, 7, 8), {1, 2}), ((9, 7, 6), {1, 2}), ((5, 7), {1}), ((8, 9), set())],
)
def test_marks_stay_with_their_outputs_when_the_list_is_edited(now: tuple[int, ...], expected: set[int]) -> None:
    marks = NOTHING.with_outdated(Mark(SINCE, "test", names((5, 6, 7), [1, 2])))
    assert marks.outdated_jobs(places_of(Jobs(*now))) == dict.fromkeys(expected, TIME)


def test_newer_mark_of_an_output_replaces_the_older_and_what_was_accepted() -> None:
    marks = NOTHING.with_outdated(Mark(SINCE, "test", names((5, 6), [0, 1])))
    marks = marks.with_accepted(Mark(SINCE, "test", names((5, 6), [1])))
    assert set(marks.accepted_names) == {"i6.txt"}
    again = marks.with_outdated(Mark("2026-03-02T12:00:00.000Z", "test", names((5, 6), [1])))
    assert again.accepted == ()
    assert again.outdated_jobs(places_of(Jobs(5, 6))) == {0: TIME, 1: "20260302-120000000"}
    assert again.made_again({"i5.txt", "i6.txt"}, TIME).outdated_jobs(places_of(Jobs(5, 6))) == {
        1: "20260302-120000000"
    }


def test_million_outputs_are_marked_in_few_bytes(tmp_path: Path) -> None:
    (tmp_path / ".jor").mkdir()
    numbers = tuple(range(100_000))
    change_marks(str(tmp_path), lambda marks: marks.with_outdated(Mark(SINCE, "test", names(numbers, [*numbers]))))
    assert os.path.getsize(path_of(str(tmp_path))) < 5 * 100_000
    assert len(read_marks(str(tmp_path)).outdated_jobs(places_of(Jobs(*numbers)))) == 100_000


MARKS = """
import sys
from jor.runs.marks import Mark, Names, change_marks

folder, number = sys.argv[1], int(sys.argv[2])
for k in range(5):
    mark = Mark("2026-03-01T12:00:00.000Z", "test", Names.plain([f"i{10 * number + k}.txt"]))
    change_marks(folder, lambda marks: marks.with_outdated(mark))
"""


def test_entries_of_a_folder_lose_no_mark_of_each_other(tmp_path: Path) -> None:
    (tmp_path / ".jor").mkdir()
    processes = [subprocess.Popen([sys.executable, "-c", MARKS, tmp_path, str(number)]) for number in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    marked = {name for mark in read_marks(str(tmp_path)).outdated for name in mark.names.all()}
    assert marked == {f"i{10 * number + k}.txt" for number in range(3) for k in range(5)}
    assert [path.name for path in (tmp_path / ".jor").iterdir()] == ["marks.json"]


def test_no_file_is_left_when_nothing_is_marked_any_more(tmp_path: Path) -> None:
    (tmp_path / ".jor").mkdir()
    change_marks(str(tmp_path), lambda marks: marks.with_outdated(Mark(SINCE, "test", names((5,), [0]))))
    change_marks(str(tmp_path), lambda marks: marks.made_again({"i5.txt"}, marks.newest))
    assert list((tmp_path / ".jor").iterdir()) == []
    assert read_marks(str(tmp_path)) == Marks()


@pytest.mark.parametrize("content", ["", "{", '{"version": 2}', '{"version": 1, "outdated": [3]}', "[" * 100_000])
def test_damaged_marks_are_told_and_not_taken_for_none(tmp_path: Path, content: str) -> None:
    (tmp_path / ".jor").mkdir()
    Path(path_of(str(tmp_path))).write_text(content)
    with pytest.raises(RecordError, match="the marks on outputs cannot be read"):
        read_marks(str(tmp_path))
