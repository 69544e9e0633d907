"""Where planned jobs stand in a list that has been edited since."""

from __future__ import annotations

import tempfile
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor.runs.renumbering import UNMOVED, Moves, Places
from jor.runtime.job_spec import freeze
from jor.runtime.jobs import JobsBase
from jor.runtime.outputs import PART
from jor.runtime.run_folder import Run

from ..runtime.engine import write_spec

#: Names of outputs, also such as are no UTF-8.
NAMES = st.lists(st.text(st.characters(exclude_characters="\0"), max_size=3), max_size=8, unique=True)


class Jobs(JobsBase):
    def __init__(self, names):
        super().__init__()
        self._jobs = [{"name": name} for name in names]

    def _get_output_fname(self, name):
        return name


def places_of(names) -> Places:
    places = Places(Jobs(names))
    assert list(chain.from_iterable(places.names_in_parts())) == list(names)
    return places


def planned(folder, names, indices) -> Run:
    """Write what a submission of the jobs `indices` of a list with these names tells."""
    places = places_of(names)
    run = Run(str(folder))
    write_spec(run, listed=places.count, names_crc32=places.checksum)
    Path(run.jobs).write_bytes(b"".join(freeze(index, names[index], {}) for index in indices))
    return run


@given(NAMES, NAMES, st.data())
def test_job_is_known_by_its_output_wherever_it_stands(then, now, data):
    indices = sorted(data.draw(st.sets(st.sampled_from(range(len(then)))))) if then else []
    with tempfile.TemporaryDirectory() as folder:
        moves = places_of(now).of(planned(folder, then, indices))
    for index in indices:
        place = now.index(then[index]) if then[index] in now else -1
        assert moves.now(index) == place
        assert place < 0 or moves.then(place) == index
    still = [now.index(then[index]) for index in indices if then[index] in now]
    assert list(moves.all_now(indices)) == still


@pytest.mark.parametrize("then", [0, 1, PART - 1, PART, PART + 1, 2 * PART])
@pytest.mark.parametrize("more", [0, 1, PART])
def test_nothing_is_read_where_the_list_has_only_grown_at_its_end(tmp_path, then, more):
    names = [str(index) for index in range(then + more)]
    run = planned(tmp_path, names[:then], [])
    Path(run.jobs).unlink()
    assert places_of(names).of(run) is UNMOVED


@pytest.mark.parametrize("place", [0, PART - 1, PART, PART + 5])
def test_one_other_name_is_a_changed_list(tmp_path, place):
    names = [str(index) for index in range(PART + 6)]
    run = planned(tmp_path, names, range(len(names)))
    names[place] = "another"
    moves = places_of([*names, "and one more"]).of(run)
    assert moves is not UNMOVED
    assert [index for index in range(len(names)) if moves.now(index) != index] == [place]


def test_names_of_which_only_the_borders_differ_are_other_lists(tmp_path):
    run = planned(tmp_path, ["ab", "c"], [0, 1])
    assert places_of(["a", "bc"]).of(run) is not UNMOVED


@pytest.mark.parametrize(("listed", "checksum"), [(-1, 0), (3, 0), (2, 0)])
def test_list_is_taken_for_changed_where_it_is_known_by_nothing(tmp_path, listed, checksum):
    run = planned(tmp_path, ["a", "b"], [0, 1])
    write_spec(run, listed=listed, names_crc32=checksum)
    moves = places_of(["b", "a"]).of(run)
    assert [moves.now(0), moves.now(1)] == [1, 0]


def test_damaged_lines_of_planned_jobs_are_passed_over(tmp_path):
    run = planned(tmp_path, ["a", "b"], [0, 1])
    with open(run.jobs, "ab") as file:
        file.write(b'{"index":[],"output":"b","parameters":{}}\n{"index":7,"output":{},"parameters":{}}\n{"ind')
    moves = places_of(["b"]).of(run)
    assert [moves.now(index) for index in (0, 1, 7)] == [-1, 0, -1]


def test_planned_ranges_are_those_of_now():
    class Submission:
        planned = ((2, 3), (5, 5))

    assert Moves().planned(Submission) == ((2, 3), (5, 5))
    assert Moves({2: 8, 3: 1, 5: 0}).planned(Submission) == ((0, 1), (8, 8))


def test_no_name_is_made_for_each_submission_of_a_list_that_has_grown(tmp_path):
    """It is made once to list the outputs, and once more for all submissions together."""
    count = PART // 10
    names = [str(index) for index in range(count)]
    runs = []
    for then in range(count):
        (tmp_path / str(then)).mkdir()
        runs.append(planned(tmp_path / str(then), names[:then], []))
    made = []

    class Counted(Jobs):
        def _get_output_fname(self, name):
            made.append(name)
            return name

    places = Places(Counted(names))
    list(places.names_in_parts())
    assert all(places.of(run) is UNMOVED for run in runs)
    assert len(made) == 2 * count
