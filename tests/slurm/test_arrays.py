"""Sets of array indices: their text, and that they are sets."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor_slurm import MAX_INDEX, IndexSet, IndexSetError

INDICES = st.frozensets(st.integers(0, 60) | st.integers(0, MAX_INDEX))
STRIDES = st.builds(range, st.integers(0, 50), st.integers(0, 80), st.integers(1, 9))


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("7", [7]),
        ("0-3", [0, 1, 2, 3]),
        ("5-5", [5]),
        ("10-20:5", [10, 15, 20]),
        ("10-21:5", [10, 15, 20]),
        ("3-4:9", [3]),
        ("0-3,7,10-20:2", [0, 1, 2, 3, 7, 10, 12, 14, 16, 18, 20]),
        ("7,0-3", [0, 1, 2, 3, 7]),
        ("1,1,0-2", [0, 1, 2]),
        ("01-03", [1, 2, 3]),
        ("4000000", [MAX_INDEX]),
    ],
)
def test_set_holds_the_indices_that_its_text_says(text: str, indices: list[int]) -> None:
    assert list(IndexSet.parse(text)) == indices


@pytest.mark.parametrize("text", ["-1", "1 ,2", " 1", "1\n", "a", "0x3", "1.5", "1-", "1-2-3", "1:2", "1-2:", "[1-3]"])
def test_text_is_refused_when_an_item_is_no_index_range_or_stride(text: str) -> None:
    with pytest.raises(IndexSetError, match=r"is no index, range or stride\n  Write indices, ranges and strides"):
        IndexSet.parse(text)


@pytest.mark.parametrize("text", [",", "1,", ",1", "1,,2"])
def test_text_is_refused_when_an_item_is_empty(text: str) -> None:
    with pytest.raises(IndexSetError, match="'' is no index"):
        IndexSet.parse(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5-2", "'5-2' counts down"),
        ("0-9:0", "'0-9:0' has steps of 0"),
        ("4000001", "'4000001' goes beyond 4000000"),
        ("0-999999999:2", "goes beyond 4000000"),
        ("0-3%5", "'0-3%5' holds a limit on tasks that run at once"),
        ("", "sbatch would make a plain job of it"),
    ],
)
def test_text_is_refused_with_the_reason_when_it_says_no_set(text: str, reason: str) -> None:
    with pytest.raises(IndexSetError, match=reason) as caught:
        IndexSet.parse(text)
    assert caught.value.remedy


def test_error_tells_the_item_and_the_whole_text() -> None:
    with pytest.raises(IndexSetError) as caught:
        IndexSet.parse("0-3,5-2")
    assert (caught.value.where, caught.value.what) == ("'0-3,5-2'", "'5-2' counts down")


@pytest.mark.parametrize(
    ("indices", "text"),
    [
        ([], ""),
        ([7], "7"),
        ([1, 2], "1-2"),
        ([3, 1, 2, 0, 7, 7], "0-3,7"),
        ([0, 2, 4], "0,2,4"),
        ([0, 2, 4, 6], "0-6:2"),
        ([0, 5, 7, 9, 11], "0,5-11:2"),
        ([0, 2, 4, 6, 7], "0,2,4,6-7"),
        ([0, 1, 3, 5, 7, 9, 10], "0-1,3,5,7,9-10"),
        (range(1, 1000, 2), "1-999:2"),
        (range(1_000_000), "0-999999"),
    ],
)
def test_text_of_a_set_is_short(indices, text: str) -> None:
    assert str(IndexSet.of(indices)) == text


@given(INDICES.filter(bool))
def test_set_written_and_read_is_the_same(indices: frozenset[int]) -> None:
    assert IndexSet.parse(str(IndexSet.of(indices))) == IndexSet.of(indices)


@given(st.lists(STRIDES))
def test_text_is_never_longer_than_without_strides(strides: list[range]) -> None:
    found = IndexSet.of(index for stride in strides for index in stride)
    plain = ",".join(f"{first}-{last}" if first < last else f"{first}" for first, last in found.ranges)
    assert len(str(found)) <= len(plain)


@given(st.lists(STRIDES.filter(len), min_size=1))
def test_set_is_the_union_of_its_items(strides: list[range]) -> None:
    text = ",".join(f"{stride[0]}-{stride[-1]}:{stride.step}" for stride in strides)
    assert set(IndexSet.parse(text)) == set().union(*strides)


@given(INDICES, st.integers(-2, 70))
def test_set_behaves_as_pythons_own(indices: frozenset[int], other: int) -> None:
    found = IndexSet.of(indices)
    assert list(found) == sorted(indices)
    assert len(found) == len(indices)
    assert bool(found) == bool(indices)
    assert all(index in found for index in indices)
    assert (other in found) == (other in indices)


@given(INDICES, INDICES)
def test_sets_are_equal_when_their_indices_are(one: frozenset[int], two: frozenset[int]) -> None:
    assert (IndexSet.of(one) == IndexSet.of(two)) == (one == two)
    assert hash(IndexSet.of(one)) == hash(IndexSet.of(sorted(one, reverse=True)))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5))))
def test_ranges_are_ascending_and_apart_whatever_they_were_given_as(given_: list[tuple[int, int]]) -> None:
    found = IndexSet((first, first + more) for first, more in given_)
    assert set(found) == {index for first, more in given_ for index in range(first, first + more + 1)}
    assert all(one[1] + 1 < two[0] for one, two in zip(found.ranges, found.ranges[1:], strict=False))


@pytest.mark.parametrize("ranges", [[(-1, 3)], [(3, 2)], [(0, 5), (4, 3)]])
def test_ranges_are_refused_when_negative_or_counting_down(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(IndexSetError, match="is no range of indices"):
        IndexSet(ranges)


def test_index_is_refused_when_negative_or_no_whole_number() -> None:
    with pytest.raises(IndexSetError, match="Count indices from 0"):
        IndexSet.of([3, -1])
    with pytest.raises(TypeError):
        IndexSet.of([1.0])  # type: ignore[list-item] # what is wanted


def test_nothing_but_an_index_is_in_a_set() -> None:
    assert "1" not in IndexSet.parse("0-3")
    assert 1.0 not in IndexSet.parse("0-3")


def test_indices_in_a_row_are_one_range_however_many() -> None:
    assert IndexSet.parse("0-999999").ranges == ((0, 999_999),)


def test_set_of_jobs_may_go_beyond_what_slurm_takes() -> None:
    assert str(IndexSet.of([MAX_INDEX, MAX_INDEX + 1])) == "4000000-4000001"


def test_set_is_frozen_and_can_be_pickled() -> None:
    found = IndexSet.parse("0-3,7")
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(AttributeError):
        found.ranges = ()  # type: ignore[misc] # what is wanted
