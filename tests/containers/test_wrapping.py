"""The laws of wrapping, and that words come through unharmed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor_containers import Native, Nested, Wrapper

WORDS = st.lists(st.text())


@attrs.frozen
class Around:
    """Puts words before and after a command, so that the order of nesting shows."""

    before: tuple[str, ...]
    after: tuple[str, ...] = ()

    def wrap(self, argv: Sequence[str]) -> tuple[str, ...]:
        return (*self.before, *argv, *self.after)


PLAIN: st.SearchStrategy[Wrapper] = st.builds(Native) | st.builds(Around, WORDS.map(tuple), WORDS.map(tuple))
WRAPPERS = st.recursive(PLAIN, lambda inner: st.builds(Nested, inner, inner), max_leaves=4)


@given(WORDS)
def test_command_stays_as_it_is_when_native(argv: list[str]) -> None:
    assert Native().wrap(argv) == tuple(argv)


def test_outer_wrapper_comes_first_when_nested() -> None:
    container, environment = Around(("apptainer", "exec", "a.sif")), Around(("env", "A=1"))
    assert Nested(container, environment).wrap(["job"]) == ("apptainer", "exec", "a.sif", "env", "A=1", "job")


@given(WRAPPERS, WORDS)
def test_native_is_neutral_on_either_side(wrapper: Wrapper, argv: list[str]) -> None:
    assert Nested(Native(), wrapper).wrap(argv) == wrapper.wrap(argv) == Nested(wrapper, Native()).wrap(argv)


@given(WRAPPERS, WRAPPERS, WRAPPERS, WORDS)
def test_nesting_is_associative(one: Wrapper, two: Wrapper, three: Wrapper, argv: list[str]) -> None:
    assert Nested(Nested(one, two), three).wrap(argv) == Nested(one, Nested(two, three)).wrap(argv)


@given(WRAPPERS, WORDS)
def test_wrapping_leaves_the_given_command_alone(wrapper: Wrapper, argv: list[str]) -> None:
    before = tuple(argv)
    assert wrapper.wrap(argv) == wrapper.wrap(before)
    assert tuple(argv) == before


def test_words_reach_the_program_unharmed_when_a_shell_would_take_them_apart() -> None:
    words = ["a b", "$HOME", "; rm", "'\"", "*", "", "-n", "new\nline", "\\", "ü"]
    echo = [sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *words]
    command = Nested(Around(("env", "A=1")), Around(("nice",))).wrap(echo)
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{words!a}\n"


def test_wrappers_are_values() -> None:
    assert Nested(Native(), Around(("env",))) == Nested(Native(), Around(("env",)))
    assert len({Native(), Native()}) == 1
    with pytest.raises(AttributeError):
        Nested(Native(), Native()).inner = Native()  # type: ignore[misc] # what is wanted
