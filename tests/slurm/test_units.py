"""Slurm's syntax of time and memory: what is read, what is written, what is refused and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor_slurm import UnitError, format_memory, format_time, parse_memory, parse_time

SECONDS = st.integers(1, 2**31 - 60)
BYTES = st.integers(0, 2**62)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("5", 5 * 2**20),
        ("2048", 2 * 2**30),
        ("5K", 5 * 2**10),
        ("5M", 5 * 2**20),
        ("5G", 5 * 2**30),
        ("5T", 5 * 2**40),
        ("5g", 5 * 2**30),
        ("5GB", 5 * 2**30),
        ("5gb", 5 * 2**30),
        ("05G", 5 * 2**30),
        ("4194304T", 2**62),
    ],
)
def test_memory_is_bytes_when_it_is_a_whole_number_and_a_unit(text: str, amount: int) -> None:
    assert parse_memory(text) == amount


@pytest.mark.parametrize("text", ["0", "0G", "00"])
def test_memory_is_zero_when_all_memory_of_a_node_is_asked_for(text: str) -> None:
    assert parse_memory(text) == 0


@pytest.mark.parametrize(
    "text", ["", "-1", "+5", "1.5G", "5 G", " 5", "5G ", "5\n", "G", "5B", "5P", "5GiB", "1e3", "5\u212a", "\u0665G"]
)
def test_memory_is_refused_when_it_is_no_whole_number_and_unit(text: str) -> None:
    with pytest.raises(UnitError, match=r"is no amount of memory\n  Write .* 500M, 5G"):
        parse_memory(text)


@pytest.mark.parametrize("text", ["4194305T", "9" * 18, "9" * 18 + "T"])
def test_memory_is_refused_when_slurm_could_not_count_it(text: str) -> None:
    with pytest.raises(UnitError, match="overflow"):
        parse_memory(text)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (1, "1K"),
        (1024, "1K"),
        (1025, "2K"),
        (2**20, "1M"),
        (3 * 2**29, "1536M"),
        (5 * 2**30, "5G"),
        (2**40, "1T"),
    ],
)
def test_memory_is_written_in_the_largest_whole_unit(amount: int, text: str) -> None:
    assert format_memory(amount) == text


@pytest.mark.parametrize("amount", [-1, 2**62 + 1])
def test_memory_is_not_written_when_it_could_not_be_read(amount: int) -> None:
    with pytest.raises(UnitError, match=f"^{amount} bytes is no amount of memory"):
        format_memory(amount)


@given(BYTES)
def test_memory_written_and_read_is_the_same_up_to_whole_kilobytes(amount: int) -> None:
    assert parse_memory(format_memory(amount)) == -(-amount // 1024) * 1024


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90 * 60),
        ("24:00", 24 * 60),
        ("1:30", 90),
        ("24:00:00", 86_400),
        ("02:30:15", 9015),
        ("1-0", 86_400),
        ("1-12", 129_600),
        ("1-12:30", 131_400),
        ("1-12:00:00", 129_600),
        ("0-23:59:59", 86_399),
        ("0-0:0:1", 1),
        ("100:00:00", 360_000),
        ("1:99", 159),
    ],
)
def test_time_is_seconds_when_it_has_one_of_slurms_forms(text: str, seconds: int) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["UNLIMITED", "INFINITE", "unlimited", "Infinite"])
def test_time_is_none_when_there_is_no_limit(text: str) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize("text", ["0", "00", "-1", "0:0", "00:00:00", "0-0", "0-00:00:00"])
def test_time_is_refused_when_slurm_would_take_it_for_no_limit(text: str) -> None:
    with pytest.raises(UnitError, match=r"Slurm would take it for no limit\n  Write UNLIMITED if you want"):
        parse_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1d",
        " 5",
        "5 ",
        "5\n",
        "1:2:3:4",
        "1-2:3:4:5",
        "1-",
        "-5",
        ":5",
        "5:",
        "1--2",
        "1:2-3",
        "1-2-3",
        "1.5",
        "5h",
    ],
)
def test_time_is_refused_when_it_has_none_of_slurms_forms(text: str) -> None:
    with pytest.raises(UnitError, match=r"is no time: a time is MINUTES, .* DAYS-HH:MM:SS\n  Write days-hours"):
        parse_time(text)


@pytest.mark.parametrize("text", ["1e3", "+5", "0x5", "unl\u0131m\u0131ted", "\u0665", "9" * 19, "9" * 5000])
def test_time_is_refused_when_only_python_would_read_it(text: str) -> None:
    with pytest.raises(UnitError, match=r"is no time: a time is MINUTES, .* DAYS-HH:MM:SS\n  Write days-hours"):
        parse_time(text)


@pytest.mark.parametrize("text", ["99999999999", "24856-0", "0-0:0:2147483589", "9" * 18])
def test_time_is_refused_when_slurm_could_not_count_it(text: str) -> None:
    with pytest.raises(UnitError, match="Slurm would take it, and its count overflow"):
        parse_time(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "UNLIMITED"), (1, "00:00:01"), (5400, "01:30:00"), (86_400, "1-00:00:00"), (129_599, "1-11:59:59")],
)
def test_time_is_written_as_slurm_writes_it(seconds: int | None, text: str) -> None:
    assert format_time(seconds) == text


@pytest.mark.parametrize("seconds", [0, -1, 2**31])
def test_time_is_not_written_when_slurm_would_take_it_for_another(seconds: int) -> None:
    with pytest.raises(UnitError, match=f"^{seconds} seconds is no time limit"):
        format_time(seconds)


@given(st.none() | SECONDS)
def test_time_written_and_read_is_the_same(seconds: int | None) -> None:
    assert parse_time(format_time(seconds)) == seconds


@given(st.text(alphabet="0123456789-: .dKMGTB%", max_size=12) | st.text())
def test_any_text_is_read_or_refused_with_a_remedy(text: str) -> None:
    for parse in (parse_memory, parse_time):
        try:
            remedy = f"none needed: {parse(text)}"
        except UnitError as error:
            remedy = error.remedy
        assert remedy
