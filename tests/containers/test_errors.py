"""Errors say what happened, where, and what to do."""

from __future__ import annotations

import copy
import pickle

import pytest

from jor_containers import ContainerError


@pytest.mark.parametrize(
    ("where", "remedy", "text"),
    [
        ("", "", "no such image"),
        ("jor.cfg:3", "", "jor.cfg:3: no such image"),
        ("", "Build it", "no such image\n  Build it"),
        ("jor.cfg:3", "Build it", "jor.cfg:3: no such image\n  Build it"),
    ],
)
def test_error_reads_as_one_message_when_parts_are_empty_or_not(where: str, remedy: str, text: str) -> None:
    assert str(ContainerError("no such image", where=where, remedy=remedy)) == text


@pytest.mark.parametrize("carry", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_error_is_whole_when_it_comes_from_another_process(carry) -> None:
    error = ContainerError("what", where="where", remedy="remedy")
    carried = carry(error)
    assert type(carried) is ContainerError
    assert vars(carried) == vars(error)
