"""What Slurm's commands print, in all the forms that are known, and any other text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor_slurm import ArrayId, IndexSet, Limits, Snapshot
from jor_slurm.parsing import parse_accounting, parse_objects, parse_queue, parse_settings, parse_submission

MIB = 2**20
# Texts that look like what is parsed, of any length.
LIKELY = st.text(alphabet="0123456789|_[],:%-;.\n NAR\u00b2") | st.text()


def queue_row(name="mine", index="0", state="RUNNING", reason="None", shown="7_0", job="9", start="1780000000"):
    return f"7|{index}|{shown}|{job}|{state}|n1|{start}|N/A|1779999999|1000|{reason}|{name}\n"


def accounting_row(job="7_0", raw="9", state="FAILED", code="0:0", requested="100M", used="", name="mine"):
    times = "1780000000|1780000001|1779999999"
    return f"{job}|{raw}|{state}|{code}|{times}|1000|n1|{requested}|{used}|{name}\n"


@given(LIKELY)
def test_any_text_is_read_without_an_error(text):
    parse_submission(text)
    parse_queue(text)
    parse_accounting(text)
    Limits.of(parse_settings(text), parse_objects(text))


@pytest.mark.parametrize("digits", ["9" * 11, "9" * 5000, "\u00b2"])
def test_number_that_is_none_of_slurms_is_none(digits):
    assert parse_submission(digits) is None
    assert len(parse_queue(queue_row(job=digits)).unreadable) == 1
    assert len(parse_accounting(accounting_row(digits)).unreadable) == 1
    (record,) = parse_accounting(accounting_row(raw=digits)).accounting
    assert record.job_id == 7
    settings = {"MaxArraySize": digits, "SchedulerParameters": f"max_array_tasks={digits}"}
    assert Limits.of(settings, []).max_array_tasks is None


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("N/A", ""), ("5", "5"), ("0-9", "0-9"), ("4-400:2%2", "4-400:2"), ("2,4-6,8%9", "2,4-6,8"),
        ("0,9%1", "0,9"),
    ],
)  # fmt: skip
def test_indices_of_the_queue_are_read(text, indices):
    (row,) = parse_queue(queue_row(index=text)).queue
    assert row.indices == (IndexSet.parse(indices) if indices else IndexSet())


@pytest.mark.parametrize("text", ["2,4,6,...%9", "1-2,5,8-", "4-", "a", "4294967294"])
def test_indices_that_were_cut_are_not_guessed(text):
    assert len(parse_queue(queue_row(index=text)).unreadable) == 1
    assert len(parse_accounting(accounting_row(f"7_[{text}]")).unreadable) == 1


@pytest.mark.parametrize(
    "reason", ["ReqNodeNotAvail, UnavailableNodes:n[1-2],n4 (reserved)", "job requeued in held state", "Nodes_down", ""]
)
def test_reason_may_have_blanks_commas_and_parentheses(reason):
    (row,) = parse_queue(queue_row(reason=reason)).queue
    assert row.reason == reason


ODD_NAMES = [
    "sys/dashboard/sys/x",
    "two words",
    "a|b",
    "a\tb",
    "\u00e4",
    "",
    "\udcff",
    "\x1b[31m",
    "a\u2028b",
    " ",
    "%j",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_row_is_a_row_whatever_its_name(name):
    reading = parse_queue(queue_row(name=name) + queue_row())
    assert [row.name for row in reading.queue] == [name, "mine"]
    assert reading.unreadable == ()
    (record,) = parse_accounting(accounting_row(name=name)).accounting
    assert record.name == name


@pytest.mark.parametrize("parse", [parse_queue, parse_accounting])
def test_name_of_several_lines_harms_no_other_row(parse):
    row = queue_row if parse is parse_queue else accounting_row
    reading = parse(row(name="x\ny\n\nz") + (row() if parse is parse_queue else row("7_1")))
    assert len(reading.queue or reading.accounting) == 2
    assert reading.unreadable == ("y", "z")


@given(st.text(alphabet="7|0 NAone\n-1:"))
def test_part_of_a_row_in_a_name_is_no_row(text):
    """As far as it is not a whole row: those are the user's own jobs, and he can deceive only himself."""
    snapshot = Snapshot(parse_queue(queue_row(name="foreign\n" + text)).queue)
    assert snapshot.task(ArrayId(7, "mine"), 0) is None


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("100M", 100 * MIB), ("4G", 4096 * MIB), ("4Gn", 4096 * MIB), ("1.50M", 3 * MIB // 2),
        ("321952K", 321952 * 1024),
        ("0", 0), ("512", 512), ("", None), ("1Gc", None), ("16?", None), ("-1M", None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_memory_is_read_as_each_version_writes_it(text, amount):
    (record,) = parse_accounting(accounting_row(requested=text)).accounting
    assert record.requested == amount


def test_memory_of_the_steps_is_told_with_their_job():
    text = accounting_row("7_0") + accounting_row("7_0.batch", used="90M", name="batch")
    text += accounting_row("7_0.extern", used="1M", name="extern") + accounting_row("7_1")
    first, second = parse_accounting(text).accounting
    assert (first.used, second.used) == (90 * MIB, None)


@pytest.mark.parametrize(
    ("job", "array", "indices"),
    [("7", 7, ""), ("7_3", 7, "3"), ("516_[2-20%2]", 516, "2-20"), ("516_[1,4-400:2]", 516, "1,4-400:2")],
)
def test_jobs_of_the_accounting_are_read(job, array, indices):
    (record,) = parse_accounting(accounting_row(job)).accounting
    assert record.array_job_id == array
    assert str(record.indices) == indices


def test_parts_of_a_heterogeneous_job_are_read_from_both():
    """Squeue gives each part an array job id of its own."""
    rows = [queue_row(index="N/A", shown=shown, job=job) for shown, job in (("7+0", "7"), ("7+1", "8"))]
    queue = parse_queue(rows[0] + rows[1].replace("7|", "8|", 1)).queue
    assert [(row.array_job_id, row.job_id, row.component) for row in queue] == [(7, 7, 0), (7, 8, 1)]
    text = accounting_row("7+0", "7") + accounting_row("7+0.batch", used="90M") + accounting_row("7+1", "8")
    told = parse_accounting(text).accounting
    assert [(row.array_job_id, row.job_id, row.component, row.used) for row in told] == [
        (7, 7, 0, 90 * MIB), (7, 8, 1, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "moment"),
    [("1780000000", 1_780_000_000), ("2026-05-28T20:26:40", 1_780_000_000), ("N/A", None), ("Unknown", None),
     ("", None), ("9" * 40, None), ("2026-13-01T00:00:00", None)],
)  # fmt: skip
def test_times_are_seconds_also_where_a_front_end_shows_them_otherwise(text, moment, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    (row,) = parse_queue(queue_row(start=text)).queue
    monkeypatch.undo()
    time.tzset()
    assert row.start == moment
    assert (row.submitted, row.user) == (1_779_999_999, 1000)


def test_last_life_of_a_job_counts():
    text = accounting_row(state="NODE_FAIL") + accounting_row(state="CANCELLED by 0", code="0:15")
    (record,) = parse_accounting(text).accounting
    assert (record.state.name, record.cancelled_by, record.exit_code.signal) == ("CANCELLED", 0, 15)


def test_rows_that_are_not_whole_are_counted():
    reading = parse_accounting(accounting_row() + "Slurm accounting storage is disabled\n7_1|9\n")
    assert (len(reading.accounting), len(reading.unreadable)) == (1, 2)
