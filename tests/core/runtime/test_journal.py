"""The journal: one writer, whole records, and a reader that no damage deceives."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor import RecordError
from jor.runtime.journal import MAX_RECORD, Journal, Reader

USAGE = {"seconds": 0.5, "max_rss": 1000, "status": 0}


def written(path: Path, count: int = 5) -> list[dict]:
    journal = Journal(str(path), {"task": 0})
    for index in range(count):
        journal.write("end", index=index, **USAGE)
    journal.close()
    return Reader(str(path)).poll()


def write_many(journal: Journal) -> None:
    for index in range(1000):
        journal.write("end", index=index, error="e" * 900, **USAGE)


def test_records_are_read_back_in_order(tmp_path):
    records = written(tmp_path / "j", 3)
    assert [record["kind"] for record in records] == ["claim", "end", "end", "end"]
    assert [record["seq"] for record in records] == [0, 1, 2, 3]
    assert records[2] == {"seq": 2, "kind": "end", "index": 1, **USAGE}


def test_records_that_are_noted_are_written_with_the_next_or_at_the_end(tmp_path):
    journal = Journal(str(tmp_path / "j"), {})
    reader = Reader(str(tmp_path / "j"))
    reader.poll()
    journal.note("end", index=0, **USAGE)
    assert reader.poll() == []
    journal.write("begin", index=1, started=1.0)
    assert [(record["seq"], record["kind"]) for record in reader.poll()] == [(1, "end"), (2, "begin")]
    journal.note("end", index=1, **USAGE)
    journal.close()
    assert [(record["seq"], record["kind"]) for record in reader.poll()] == [(3, "end")]


def test_second_claim_of_the_same_journal_is_refused(tmp_path):
    written(tmp_path / "j")
    with pytest.raises(FileExistsError):
        Journal(str(tmp_path / "j"), {})


def test_journal_is_not_written_through_a_link(tmp_path):
    (tmp_path / "j").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"exists|symbolic"):
        Journal(str(tmp_path / "j"), {})
    assert not (tmp_path / "elsewhere").exists()


def test_reader_of_a_missing_journal_finds_nothing(tmp_path):
    assert Reader(str(tmp_path / "j")).poll() == []


def test_last_line_is_left_for_later_while_it_is_being_written(tmp_path):
    path = tmp_path / "j"
    written(path, 2)
    data = path.read_bytes()
    path.write_bytes(data[:-10])
    reader = Reader(str(path))
    assert len(reader.poll()) == 2
    path.write_bytes(data)
    assert [record["seq"] for record in reader.poll()] == [2]
    assert reader.damaged == 0


@given(st.integers(0, 400), st.integers(0, 60), st.binary(max_size=30))
def test_damage_costs_only_the_lines_it_touches(tmp_path_factory, start, length, replacement):
    path = tmp_path_factory.mktemp("journal") / "j"
    whole = written(path)
    data = path.read_bytes()
    path.write_bytes(data[:start] + replacement + data[start + length :])
    found = Reader(str(path)).poll()
    assert all(record in whole for record in found)
    touched = data[start : start + max(length, 1)].count(b"\n") + 1
    assert len(found) >= len(whole) - touched - 1


def test_lines_that_appear_twice_are_both_read(tmp_path):
    path = tmp_path / "j"
    written(path, 1)
    path.write_bytes(path.read_bytes() * 2)
    assert len(Reader(str(path)).poll()) == 4


@pytest.mark.parametrize("error", ["x" * 100_000, "é" * 50_000, "\x00" * 9_000, "😀" * 4_000], ids=len)
def test_record_is_never_longer_than_one_write_may_be(tmp_path, error):
    journal = Journal(str(tmp_path / "j"), {})
    journal.write("end", index=1, error=error, **USAGE)
    journal.close()
    assert max(map(len, (tmp_path / "j").read_bytes().split(b"\n"))) < MAX_RECORD
    record = Reader(str(tmp_path / "j")).poll()[1]
    assert record["error"]
    assert error.startswith(record["error"])


def test_journal_of_a_newer_version_is_refused_politely(tmp_path, monkeypatch):
    monkeypatch.setattr("jor.runtime.journal.VERSION", 2)
    Journal(str(tmp_path / "j"), {}).close()
    monkeypatch.undo()
    with pytest.raises(RecordError, match="the journal has version 2; this jor reads version 1"):
        Reader(str(tmp_path / "j")).poll()


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small file system needs root")
def test_full_disk_is_told_and_the_next_record_can_be_read(tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(tmp_path)], check=True)
    try:
        ballast = tmp_path / "ballast"
        ballast.write_bytes(b"x" * 4096)
        journal = Journal(str(tmp_path / "j"), {})
        with pytest.raises(OSError, match="No space left on device"):
            write_many(journal)
        ballast.unlink()
        journal.write("end", index=5000, **USAGE)
        journal.close()
        assert Reader(str(tmp_path / "j")).poll()[-1]["index"] == 5000
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "end", "index": 1}, {"kind": "end", **USAGE}, {"kind": "end", "index": "1", **USAGE},
        {"kind": "end", "index": 1, **USAGE, "error": 7}, {"kind": "end", "index": 1, **USAGE, "log": [1]},
        {"kind": "end", "index": 1, **USAGE, "log": [0, 1], "log_file": "../../another"},
        {"kind": "begin", "index": 1}, {"kind": ["begin"], "index": 1, "started": 0.0},
    ],
    ids=str,
)  # fmt: skip
def test_record_that_lacks_what_its_kind_tells_is_damage(tmp_path, record):
    journal = Journal(str(tmp_path / "j"), {})
    journal.write(**record)
    journal.close()
    reader = Reader(str(tmp_path / "j"))
    assert [found["kind"] for found in reader.poll()] == ["claim"]
    assert reader.damaged == 1
