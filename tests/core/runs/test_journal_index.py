"""What journals say in short is the same whether it was read now, or in part by an earlier command."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jor.runs.journal_index import WORTH_KEEPING, Summary, summaries
from jor.runtime.journal import Journal
from jor.runtime.run_folder import Run
from jor.user_cache import cache_folder

#: Jobs whose records are worth keeping.
MANY = WORTH_KEEPING // 150


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "run").mkdir()
    return Run(str(tmp_path / "run"))


@pytest.fixture
def journal(run):
    with_claim = Journal(run.journal(0), {"owner": "a"})
    yield with_claim
    with_claim.close()


def execute(journal, indices, **end):
    for index in indices:
        journal.write("begin", index=index, started=1.0)
        journal.write("end", index=index, seconds=0.0, max_rss=0, status=0, **end)


def only(run) -> Summary:
    (found,) = summaries(run)
    return found


def kept_files() -> list[Path]:
    return sorted(Path(cache_folder()).glob("journals-*")) if os.path.isdir(cache_folder()) else []


def spoil(run, start, length):
    """Overwrite a part of the journal, leaving its length."""
    with open(run.journal(0), "r+b") as file:
        file.seek(start)
        file.write(b"x" * length)


def test_summary_tells_who_ended_well_and_the_last_word_on_all_others(run, journal):
    execute(journal, [3, 4])
    execute(journal, [5], error="ValueError")
    execute(journal, [6], out_of_memory=True)
    journal.write("begin", index=7, started=2.0)
    journal.write("over", done=3, failed=1, stopped="")
    found = only(run)
    assert (found.task, found.owner, found.well) == (0, "a", [3, 4])
    assert {index: record["kind"] for index, record in found.others.items()} == {5: "end", 6: "end", 7: "begin"}
    assert found.over is not None
    assert found.over["done"] == 3


def test_little_is_not_kept(run, journal):
    execute(journal, range(10))
    only(run)
    assert kept_files() == []


def test_what_was_read_is_not_read_again(run, journal):
    execute(journal, range(MANY))
    execute(journal, [MANY], error="ValueError")
    before = only(run)
    assert len(kept_files()) == 1
    spoil(run, 1000, 100_000)  # nobody does this: it shows that nothing is read there
    execute(journal, [MANY + 1])
    journal.write("begin", index=MANY + 2, started=1.0)
    found = only(run)
    assert found.well == [*before.well, MANY + 1]
    assert list(found.others) == [MANY, MANY + 2]
    assert found.owner == "a"


def test_finished_after_it_was_kept_begun_is_finished(run, journal):
    execute(journal, range(MANY))
    journal.write("begin", index=MANY, started=1.0)
    assert list(only(run).others) == [MANY]
    journal.write("end", index=MANY, seconds=0.0, max_rss=0, status=0)
    found = only(run)
    assert found.others == {}
    assert found.well[-1] == MANY


@pytest.mark.parametrize("change", ["end", "short", "gone"])
def test_journal_that_is_not_what_was_read_is_read_anew(run, journal, change):
    execute(journal, range(MANY))
    only(run)
    path = Path(run.journal(0))
    size = path.stat().st_size
    if change == "end":
        spoil(run, size - 20, 10)
        assert only(run).well == [*range(MANY - 1)]
    elif change == "short":
        os.truncate(path, size // 2)
        assert 0 < len(only(run).well) < MANY
    else:
        path.unlink()
        assert list(summaries(run)) == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "null",
        "[1]",
        "[2,{}]",
        '[1,{"task-0.r0.jsonl":{}}]',
        '[1,{"task-0.r0.jsonl":{"task":0,"well":[0,"1"],"others":[]}}]',
        '[1,{"task-0.r0.jsonl":{"task":0,"others":[{"kind":"begin"}]}}]',
        '[1,{"task-0.r0.jsonl":{"task":0,"others":[],"over":[]}}]',
        '[1,{"task-0.r0.jsonl":{"task":0,"others":5}}]',
        '[1,{"task-0.r0.jsonl":{"task":0,"others":[],"offset":-7,"tail":"x"}}]',
        '[1,{"task-0.r0.jsonl":{"task":0,"others":[],"offset":9e99}}]',
        '[1,{"task-0.r0.jsonl":{"task":0,"others":[],"offset":99999999999999999999}}]',
    ],
)
def test_cache_of_anything_is_done_without(run, journal, content):
    execute(journal, range(MANY))
    expected = only(run)
    (kept,) = kept_files()
    kept.write_text(content)
    assert only(run) == expected


def test_cache_that_cannot_be_written_is_done_without(run, journal, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    execute(journal, range(MANY))
    assert only(run) == only(run)


def test_cache_of_another_version_is_not_used(run, journal):
    execute(journal, range(MANY))
    expected = only(run)
    (kept,) = kept_files()
    version, content = json.loads(kept.read_text())
    content["task-0.r0.jsonl"]["well"] = []
    kept.write_text(json.dumps([version + 1, content]))
    assert only(run) == expected


def test_cache_that_nobody_has_renewed_for_a_month_is_deleted(run, journal):
    execute(journal, range(MANY))
    Path(cache_folder()).mkdir(parents=True)
    old, other = Path(cache_folder(), "journals-old.json"), Path(cache_folder(), "image-old.json")
    for path in (old, other):
        path.touch()
        os.utime(path, (0, 0))
    only(run)
    assert not old.exists()
    assert other.exists()
