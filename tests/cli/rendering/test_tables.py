"""Tables: aligned, no wider than the terminal, harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor_cli.rendering import tables
from jor_cli.rendering.tables import fit, table


def columns(line: str) -> int:
    """Return the columns that a line takes on a terminal, as the library rich counts them."""
    from rich.cells import cell_len

    return cell_len(line)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")


def test_columns_are_as_wide_as_they_need() -> None:
    assert table(["a", "long"], [["wide cell", "1"], ["b", "22"]], right=".r") == (
        "a          long\nwide cell     1\nb            22"
    )


def test_lines_do_not_end_in_spaces() -> None:
    assert table(["a", "b"], [["1", ""]]).splitlines()[1] == "1"


def test_widest_column_is_cut_when_the_terminal_is_narrow(narrow: None) -> None:
    lines = table(["entry", "n"], [["a name that is longer than all of the line", "1"]]).splitlines()
    assert lines[1] == "a name that is longer than all of th…  1"


def test_last_column_is_broken_into_lines_when_the_terminal_is_narrow(narrow: None) -> None:
    lines = table(["job", "why"], [["1", "it ran for a very long time, and then it failed for no reason"]]).splitlines()
    assert lines == [
        "job  why",
        "1    it ran for a very long time, and",
        "     then it failed for no reason",
    ]


def test_last_column_is_cut_after_some_lines(narrow: None) -> None:
    lines = table(["job", "why"], [["1", "word " * 1000]]).splitlines()
    assert len(lines) == 1 + tables.MOST_LINES
    assert lines[-1].endswith("…")


def test_wide_characters_are_counted_as_two_columns() -> None:
    lines = table(["name", "n"], [["日本語", "1"], ["abc", "2"]], right=".r").splitlines()
    assert lines[1:] == ["日本語  1", "abc     2"]


@pytest.mark.parametrize("text", ["\x1b[31mred", "\x07", "\x9b2J", "\u202e", "\r", "\x00", "a\nb", "a\tb"])
def test_control_characters_are_shown_harmlessly(text: str) -> None:
    line = table(["a", "b"], [[f"<{text}>", f"<{text}>"]]).splitlines()
    assert len(line) == 2
    assert line[1].isprintable()


CELLS = st.text(st.characters(categories=["L", "N", "P", "S", "Z", "Cc", "Mn"]), max_size=60)


@given(st.lists(st.tuples(CELLS, st.from_regex(r"[0-9]{1,6}", fullmatch=True), CELLS), max_size=5), st.integers(20, 90))
def test_tables_are_never_wider_than_the_terminal(rows: list[tuple[str, str, str]], size: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(tables, "width", lambda: size)
        lines = table(["entry", "n", "why"], rows, right=".r").split("\n")
    assert max(map(columns, lines)) <= size


@given(CELLS, st.integers(2, 40))
def test_broken_text_loses_no_word(text: str, size: int) -> None:
    text = " ".join(text.split())
    lines = tables._broken(text, size)
    if "…" not in text and not lines[-1].endswith("…"):
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_wide_characters_are_cut_by_columns() -> None:
    assert fit("日本語", 6) == "日本語"
    assert fit("日本語", 5) == "日本…"
    assert fit("日本語", 4) == "日…"
