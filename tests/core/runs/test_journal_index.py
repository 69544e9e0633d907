"""What journals say in short is the same whether it was read now, or in part by an earlier command."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jor.runs.journal_index import WORTH_KEEPING, Summary, summaries
from jor.runtime.events import VERSION, Begin, Claim, End, Over
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
    with_claim = Journal(run.journal(0), Claim(VERSION, "a"))
    yield with_claim
    with_claim.close()


def execute(journal, indices, **end):
    for index in indices:
        journal.write(Begin(index, started=1.0))
        journal.write(End(index, seconds=0.0, max_rss=0, status=0, **end))


def only(run) -> Summary:
    (found,) = summaries(run)
    return found


def told(run) -> object:
    """Return all that the summary of the only journal says."""
    found = only(run)
    return found.task, found.offset, found.tail, found.words.well, found.words.events()


def kept_files() -> list[Path]:
    return sorted(Path(cache_folder()).glob("journals-*")) if os.path.isdir(cache_folder()) else []


def kept_as(**fields) -> str:
    """Return what is kept of a journal that tells nothing, but for some fields."""
    fields = {"task": 0, "well": [], "events": [], "offset": 10, "tail": "x", **fields}
    return json.dumps([2, {"task-0.r0.jsonl": fields}])


def spoil(run, start, length):
    """Overwrite a part of the journal, leaving its length."""
    with open(run.journal(0), "r+b") as file:
        file.seek(start)
        file.write(b"x" * length)


def test_summary_tells_who_ended_well_and_the_last_word_on_all_others(run, journal):
    execute(journal, [3, 4])
    execute(journal, [5], error="ValueError")
    execute(journal, [6], out_of_memory=True)
    journal.write(Begin(7, started=2.0))
    journal.write(Over(done=3, failed=1))
    found = only(run)
    assert (found.task, found.words.owner, found.words.well) == (0, "a", [3, 4])
    assert {index: type(event) for index, event in found.words.others.items()} == {5: End, 6: End, 7: Begin}
    assert found.words.over == Over(done=3, failed=1)


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
    journal.write(Begin(MANY + 2, started=1.0))
    found = only(run)
    assert found.words.well == [*before.words.well, MANY + 1]
    assert list(found.words.others) == [MANY, MANY + 2]
    assert found.words.owner == "a"


def test_finished_after_it_was_kept_begun_is_finished(run, journal):
    execute(journal, range(MANY))
    journal.write(Begin(MANY, started=1.0))
    assert list(only(run).words.others) == [MANY]
    journal.write(End(MANY, seconds=0.0, max_rss=0, status=0))
    found = only(run)
    assert found.words.others == {}
    assert found.words.well[-1] == MANY


@pytest.mark.parametrize("change", ["end", "short", "gone"])
def test_journal_that_is_not_what_was_read_is_read_anew(run, journal, change):
    execute(journal, range(MANY))
    only(run)
    path = Path(run.journal(0))
    size = path.stat().st_size
    if change == "end":
        spoil(run, size - 20, 10)
        assert only(run).words.well == [*range(MANY - 1)]
    elif change == "short":
        os.truncate(path, size // 2)
        assert 0 < len(only(run).words.well) < MANY
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
        "[3,{}]",
        kept_as(events=None),
        kept_as(well=[0, "1"]),
        kept_as(well=None),
        kept_as(task="0"),
        kept_as(tail=5),
        kept_as(events=[{"kind": "begin"}]),
        kept_as(events=[[]]),
        kept_as(events=5),
        kept_as(offset=-7),
        kept_as(offset=9e99),
        kept_as(offset=10**20),
        kept_as(another=1),
        '[2,{"task-0.r0.jsonl":{}}]',
    ],
)
def test_cache_of_anything_is_done_without(run, journal, content):
    execute(journal, range(MANY))
    expected = told(run)
    (kept,) = kept_files()
    kept.write_text(content)
    assert told(run) == expected


def test_cache_that_cannot_be_written_is_done_without(run, journal, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    execute(journal, range(MANY))
    assert told(run) == told(run)


def test_cache_of_another_version_is_not_used(run, journal):
    execute(journal, range(MANY))
    expected = told(run)
    (kept,) = kept_files()
    version, content = json.loads(kept.read_text())
    content["task-0.r0.jsonl"]["well"] = []
    kept.write_text(json.dumps([version + 1, content]))
    assert told(run) == expected


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
