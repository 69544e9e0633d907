"""Errors say what happened, where, and what to do."""

from __future__ import annotations

import copy
import pickle

import pytest

from jor_slurm import IndexSetError, SlurmError, UnitError


@pytest.mark.parametrize(
    ("where", "remedy", "text"),
    [
        ("", "", "no memory"),
        ("jor.cfg:3", "", "jor.cfg:3: no memory"),
        ("", "Write 5G", "no memory\n  Write 5G"),
        ("jor.cfg:3", "Write 5G", "jor.cfg:3: no memory\n  Write 5G"),
    ],
)
def test_error_reads_as_one_message_when_parts_are_empty_or_not(where: str, remedy: str, text: str) -> None:
    assert str(SlurmError("no memory", where=where, remedy=remedy)) == text


@pytest.mark.parametrize("kind", [UnitError, IndexSetError])
def test_every_error_is_caught_as_a_slurm_error(kind: type[SlurmError]) -> None:
    with pytest.raises(SlurmError) as caught:
        raise kind("what", where="where", remedy="remedy")
    assert (caught.value.what, caught.value.where, caught.value.remedy) == ("what", "where", "remedy")


@pytest.mark.parametrize("carry", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_error_is_whole_when_it_comes_from_another_process(carry) -> None:
    error = UnitError("what", where="where", remedy="remedy")
    carried = carry(error)
    assert type(carried) is UnitError
    assert vars(carried) == vars(error)
    assert str(carried) == str(error)
