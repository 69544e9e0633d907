"""The table of options: what each may be, and where it may be set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jor
from jor.settings.options import BOOLEAN, BY_NAME, COUNT, OPTIONS, PATH, SECONDS, SECTIONS, TEXT

OF_0_1_2 = {
    "global": ["path-prefix", "overwrite-output"],
    "run": ["todo-list"],
    "submit": ["scheduler", "partition", "sif", "condaenv"],
    "collect": ["missing-output"],
}
KINDS = {option.kind.name: option.kind for option in OPTIONS}


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (BOOLEAN, "True", True),
        (BOOLEAN, "yes", True),
        (BOOLEAN, "ON", True),
        (BOOLEAN, "0", False),
        (COUNT, "1", 1),
        (COUNT, "1000000", 1_000_000),
        (SECONDS, "0", 0.0),
        (SECONDS, "1.5", 1.5),
        (SECONDS, "86400", 86_400.0),
        (TEXT, "a b %(c)s ü", "a b %(c)s ü"),
        (PATH, "~/a b", "~/a b"),
    ],
)
def test_value_is_read_when_it_is_of_its_kind(kind, text, expected):
    found = kind.read(text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((BOOLEAN, text) for text in ("", "maybe", "2", "y")),
        *((COUNT, text) for text in ("", "0", "-1", "1.5", "1e3", "1000001", "9" * 5_000)),
        *((SECONDS, text) for text in ("", "-1", "nan", "inf", "86401", "10s")),
        *((TEXT, text) for text in ("a\nb", "a\0b")),
        *((PATH, text) for text in ("a\nb", "a\0b")),
        *((BY_NAME["scheduler"].kind, text) for text in ("", "Slurm", "pbs")),
    ],
)
def test_value_is_refused_when_it_is_not_of_its_kind(kind, text):
    with pytest.raises(ValueError):  # noqa: PT011 # the message is the caller's
        kind.read(text)


@given(st.sampled_from(sorted(KINDS)), st.text())
def test_any_text_is_a_value_or_refused(name, text):
    try:
        assert KINDS[name].read(text) is not None
    except ValueError:
        pass


@pytest.mark.parametrize("section", OF_0_1_2)
def test_keys_of_jor_0_1_2_stand_in_their_sections(section):
    names = [option.name for option in OPTIONS if option.section == section]
    assert names[: len(OF_0_1_2[section])] == OF_0_1_2[section]
    assert section in SECTIONS


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_default_is_a_value_of_its_kind(option):
    assert option.default is None or option.kind.read(str(option.default)) == option.default
    assert option.help.endswith(".")


def test_names_in_python_and_in_the_environment_follow_from_the_name():
    option = BY_NAME["cpus-per-task"]
    assert (option.attribute, option.variable) == ("cpus_per_task", "JOR_CPUS_PER_TASK")


def test_class_attributes_of_the_base_are_the_defaults():
    for name in ("mem", "time", "cpus-per-task"):
        assert getattr(jor.JobsBase, BY_NAME[name].attribute) == BY_NAME[name].default
        assert BY_NAME[name].in_class


def test_what_is_of_the_whole_run_may_not_be_set_by_an_item():
    assert [option.name for option in OPTIONS if not option.in_todo] == [
        "overwrite-output",
        "todo-list",
        "poll-interval",
    ]
