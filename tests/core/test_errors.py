"""Errors say what happened, where, and what to do."""

from __future__ import annotations

import copy
import pickle

import pytest

import jor
from jor import BusyError, JorError, Mistakes, TodoError
from jor.errors import nearest

KINDS = [kind for kind in vars(jor).values() if isinstance(kind, type) and issubclass(kind, JorError)]


@pytest.mark.parametrize(
    ("where", "remedy", "text"),
    [
        ("", "", "no such key"),
        ("todo.yaml:3:5", "", "todo.yaml:3:5: no such key"),
        ("", "Write jobs:", "no such key\n  Write jobs:"),
        ("todo.yaml:3:5", "Write jobs:", "todo.yaml:3:5: no such key\n  Write jobs:"),
    ],
)
def test_error_reads_as_one_message_when_parts_are_empty_or_not(where, remedy, text):
    assert str(JorError("no such key", where=where, remedy=remedy)) == text


@pytest.mark.parametrize("carry", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_error_is_whole_when_it_comes_from_another_process(carry):
    error = BusyError("what", where="where", remedy="remedy")
    carried = carry(error)
    assert type(carried) is BusyError
    assert (str(carried), vars(carried)) == (str(error), vars(error))


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_caught_as_a_jor_error(kind):
    assert issubclass(kind, JorError)
    assert kind.__doc__


def test_mistakes_are_told_in_their_order():
    mistakes = Mistakes([TodoError("one", where="a:1"), TodoError("two", where="a:2", remedy="mend it")])
    assert str(mistakes) == "a:1: one\na:2: two\n  mend it"
    assert mistakes.what == "2 mistakes"
    assert [error.what for error in pickle.loads(pickle.dumps(mistakes)).errors] == ["one", "two"]


def test_nearest_word_is_named_when_there_is_one():
    assert nearest("partitoin", ["partition", "path-prefix"]) == "Did you mean 'partition'?"


def test_all_words_are_named_when_none_is_near():
    assert nearest("zzz", ["partition", "mem"]) == "Choose one of: partition, mem"
