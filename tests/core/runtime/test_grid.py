"""The lazy product of parameters."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jor

axes = st.dictionaries(st.sampled_from("abcd"), st.lists(st.integers(), max_size=4), max_size=4)


@given(axes)
def test_grid_equals_nested_loops(axes):
    expected = [dict(zip(axes, values)) for values in product(*axes.values())]
    grid = jor.grid(**axes)
    assert list(grid) == expected
    assert [grid[i] for i in range(len(grid))] == expected


def test_negative_indices_and_slices_work_as_in_a_list():
    grid = jor.grid(a=[1, 2], b="xy"[:0] or ["x", "y"])
    assert grid[-1] == {"a": 2, "b": "y"}
    assert list(grid[1:3]) == [{"a": 1, "b": "y"}, {"a": 2, "b": "x"}]


@pytest.mark.parametrize("index", [4, -5, 10**9])
def test_index_out_of_range_is_an_index_error(index):
    with pytest.raises(IndexError, match="the grid has 4 jobs"):
        jor.grid(a=[1, 2], b=[1, 2])[index]


def test_grid_of_a_trillion_jobs_takes_no_memory():
    grid = jor.grid(a=range(10**6), b=range(10**6))
    assert len(grid) == 10**12
    assert grid[10**12 - 1] == {"a": 10**6 - 1, "b": 10**6 - 1}


@pytest.mark.parametrize("values", ["text", b"bytes", iter([1]), 3, {1, 2}], ids=lambda values: type(values).__name__)
def test_what_is_no_sequence_of_values_is_refused(values):
    with pytest.raises(TypeError, match=r"grid\(a=\.\.\.\): a list, tuple or range of values is needed"):
        jor.grid(a=values)
