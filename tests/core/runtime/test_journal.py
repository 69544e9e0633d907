"""The journal: one writer, whole records, and a reader that no damage deceives."""

from __future__ import annotations

import json
import os
import subprocess
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor import RecordError
from jor.runtime.events import VERSION, Begin, Claim, End, Event
from jor.runtime.journal import MAX_RECORD, Journal, Reader

CLAIM = Claim(VERSION, "a")
USAGE = {"seconds": 0.5, "max_rss": 1000, "status": 0}


def written(path: Path, count: int = 5) -> list[Event]:
    journal = Journal(str(path), CLAIM)
    for index in range(count):
        journal.write(End(index, **USAGE))
    journal.close()
    return Reader(str(path)).poll()


def write_many(journal: Journal) -> None:
    for index in range(1000):
        journal.write(End(index, **USAGE, error="e" * 900))


def sequence(path: Path) -> list[int]:
    """Return the numbers of the records in a journal."""
    return [json.loads(line)["seq"] for line in path.read_bytes().splitlines()]


def test_events_are_read_back_in_order(tmp_path):
    assert written(tmp_path / "j", 3) == [CLAIM, *(End(index, **USAGE) for index in range(3))]
    assert sequence(tmp_path / "j") == [0, 1, 2, 3]


def test_record_has_no_field_that_tells_nothing(tmp_path):
    written(tmp_path / "j", 1)
    record = json.loads((tmp_path / "j").read_bytes().splitlines()[1])
    assert record.pop("crc")
    assert record == {"seq": 1, "kind": "end", "index": 0, **USAGE}


def test_records_that_are_noted_are_written_with_the_next_or_at_the_end(tmp_path):
    journal = Journal(str(tmp_path / "j"), CLAIM)
    reader = Reader(str(tmp_path / "j"))
    reader.poll()
    journal.note(End(0, **USAGE))
    assert reader.poll() == []
    journal.write(Begin(1, started=1.0))
    assert reader.poll() == [End(0, **USAGE), Begin(1, started=1.0)]
    journal.note(End(1, **USAGE))
    journal.close()
    assert reader.poll() == [End(1, **USAGE)]
    assert sequence(tmp_path / "j") == [0, 1, 2, 3]


def test_second_claim_of_the_same_journal_is_refused(tmp_path):
    written(tmp_path / "j")
    with pytest.raises(FileExistsError):
        Journal(str(tmp_path / "j"), CLAIM)


def test_journal_is_not_written_through_a_link(tmp_path):
    (tmp_path / "j").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"exists|symbolic"):
        Journal(str(tmp_path / "j"), CLAIM)
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
    assert reader.poll() == [End(1, **USAGE)]


@given(st.integers(0, 400), st.integers(0, 60), st.binary(max_size=30))
def test_damage_costs_only_the_lines_it_touches(tmp_path_factory, start, length, replacement):
    path = tmp_path_factory.mktemp("journal") / "j"
    whole = written(path)
    data = path.read_bytes()
    path.write_bytes(data[:start] + replacement + data[start + length :])
    found = Reader(str(path)).poll()
    assert all(event in whole for event in found)
    touched = data[start : start + max(length, 1)].count(b"\n") + 1
    assert len(found) >= len(whole) - touched - 1


def test_lines_that_appear_twice_are_both_read(tmp_path):
    path = tmp_path / "j"
    written(path, 1)
    path.write_bytes(path.read_bytes() * 2)
    assert len(Reader(str(path)).poll()) == 4


@pytest.mark.parametrize("error", ["x" * 100_000, "é" * 50_000, "\x00" * 9_000, "😀" * 4_000], ids=len)
def test_record_is_never_longer_than_one_write_may_be(tmp_path, error):
    journal = Journal(str(tmp_path / "j"), CLAIM)
    journal.write(End(1, **USAGE, error=error))
    journal.close()
    assert max(map(len, (tmp_path / "j").read_bytes().split(b"\n"))) < MAX_RECORD
    end = Reader(str(tmp_path / "j")).poll()[1]
    assert end.error
    assert error.startswith(end.error)


def test_journal_of_a_newer_version_is_refused_politely(tmp_path):
    Journal(str(tmp_path / "j"), CLAIM._replace(version=2)).close()
    with pytest.raises(RecordError, match="the journal has version 2; this jor reads version 1"):
        Reader(str(tmp_path / "j")).poll()


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small file system needs root")
def test_full_disk_is_told_and_the_next_record_can_be_read(tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(tmp_path)], check=True)
    try:
        ballast = tmp_path / "ballast"
        ballast.write_bytes(b"x" * 4096)
        journal = Journal(str(tmp_path / "j"), CLAIM)
        with pytest.raises(OSError, match="No space left on device"):
            write_many(journal)
        ballast.unlink()
        journal.write(End(5000, **USAGE))
        journal.close()
        assert Reader(str(tmp_path / "j")).poll()[-1].index == 5000
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("kind", ["end", "of a later jor"])
def test_record_that_tells_no_event_is_passed_over(tmp_path, kind):
    whole = written(tmp_path / "j", 1)
    body = json.dumps({"seq": 2, "kind": kind})[:-1].encode()
    with open(tmp_path / "j", "ab") as file:
        file.write(b'%s,"crc":"%08x"}\n' % (body, zlib.crc32(body)))
    assert Reader(str(tmp_path / "j")).poll() == whole
