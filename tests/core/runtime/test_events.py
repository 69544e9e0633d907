"""The events of journals: parse and encode are a pair, and the last word on a job."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor.runtime.events import VERSION, Begin, Changed, Claim, End, LastWords, Library, Notice, Over, encode, parse

NUMBER = st.floats(allow_nan=False, allow_infinity=False) | st.integers()
RANGE = st.none() | st.tuples(st.integers(), st.integers())
NAME = st.text(st.characters(exclude_characters="/"))

CLAIM = st.builds(Claim, st.just(VERSION), st.text(), st.text(), st.integers(), st.integers(), st.text(), st.text())
BEGIN = st.builds(Begin, st.integers(), NUMBER, RANGE, NAME, st.booleans())
END = st.builds(
    End,
    index=st.integers(),
    seconds=NUMBER,
    max_rss=st.integers(),
    status=st.integers(),
    error=st.text(),
    signal=st.integers(),
    log=RANGE,
    log_file=NAME,
    loading=st.none() | NUMBER,
    orphans=st.integers(),
    interrupted=st.booleans(),
    out_of_memory=st.booleans(),
)
OVER = st.builds(Over, st.integers(), st.integers(), st.text(), st.text())
EVENT = (
    CLAIM
    | BEGIN
    | END
    | OVER
    | st.builds(Changed, st.integers())
    | st.builds(Notice, st.text())
    | st.builds(Library, st.text(), st.text())
)

BEGUN = Begin(1, started=2.5)
DONE = End(1, seconds=0.5, max_rss=1000, status=0)


@given(EVENT)
def test_event_is_read_as_it_was_written(event):
    assert parse(encode(event)) == event
    again = parse(json.loads(json.dumps(encode(event))))
    assert (type(again), again) == (type(event), event)


@given(EVENT)
def test_field_that_has_its_default_is_not_written(event):
    defaults = event._field_defaults
    told = {name for name in event._fields if name not in defaults or getattr(event, name) != defaults[name]}
    assert encode(event).keys() == {"kind", *told}


@given(EVENT, st.text())
def test_field_that_this_version_does_not_know_is_passed_over(event, name):
    assert parse({f"x{name}": [1], **encode(event)}) == event


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(JSON)
def test_garbage_is_no_event(garbage):
    assert parse(garbage) is None


@given(EVENT, st.data())
def test_record_of_another_value_is_read_so_or_not_at_all(event, data):
    record = encode(event)
    name = data.draw(st.sampled_from(sorted(record)))
    value = data.draw(JSON)
    again = parse({**record, name: value})
    if again is not None and type(again) is type(event) and getattr(again, "version", VERSION) == VERSION:
        assert getattr(again, name) == (tuple(value) if name in ("log", "beside") else value)


@pytest.mark.parametrize("event", [BEGUN, DONE, Changed(3)], ids=lambda event: type(event).__name__)
def test_record_that_lacks_a_field_is_no_event(event):
    for name in encode(event):
        assert parse({key: value for key, value in encode(event).items() if key != name}) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"index": "1"}, {"index": None}, {"error": 7}, {"error": None}, {"log": [1]}, {"log": [1, 2, 3]}, {"log": "ab"},
        {"log": [0, "1"]}, {"log": None}, {"log_file": "../another"}, {"kind": ["end"]}, {"kind": "of a later jor"},
    ],
    ids=str,
)  # fmt: skip
def test_record_of_wrong_values_is_no_event(wrong):
    assert parse({**encode(DONE), **wrong}) is None


@pytest.mark.parametrize(("version", "told"), [(VERSION + 1, VERSION + 1), ("one", 0), (None, 0)])
def test_claim_of_another_version_tells_only_that(version, told):
    assert parse({"kind": "claim", "version": version, "owner": ["of", "another", "form"]}) == Claim(told, "")


def test_job_has_ended_well_unless_it_tells_an_error():
    assert DONE.ok
    assert DONE._replace(out_of_memory=True).ok
    assert not DONE._replace(error="ValueError").ok


def words_of(events, **how) -> LastWords:
    words = LastWords(**how)
    for event in events:
        words.add(event)
    return words


INDEX = st.integers(0, 3)
#: What a journal tells of jobs: each begins, and may end; once in a while, damage has cost a begin.
OF_JOBS = st.lists(
    st.builds(Begin, INDEX, st.floats(0, 9))
    | st.builds(End, INDEX, st.floats(0, 9), st.just(0), st.just(0), error=st.sampled_from(["", "ValueError"]))
)


@given(OF_JOBS)
def test_last_word_is_the_newest_end_else_the_first_begin(events):
    found = words_of(events, in_full=True).others
    assert found.keys() == {event.index for event in events}
    for index, word in found.items():
        mine = [event for event in events if event.index == index]
        ends = [event for event in mine if isinstance(event, End)]
        assert word is (ends[-1] if ends else mine[0])


@given(OF_JOBS, st.randoms())
def test_order_of_the_jobs_in_a_journal_does_not_matter(events, chance):
    queues = [[event for event in events if event.index == index] for index in range(4)]
    mixed = []
    while any(queues):
        mixed.append(chance.choice([queue for queue in queues if queue]).pop(0))
    one, other = words_of(events), words_of(mixed)
    assert (one.others, sorted(one.well)) == (other.others, sorted(other.well))


def test_jobs_that_ended_well_are_kept_as_numbers():
    doubt = DONE._replace(index=2, out_of_memory=True)
    words = words_of([BEGUN, DONE, doubt])
    assert (words.well, words.others) == ([1], {2: doubt})


def test_journal_tells_its_writer_and_its_workers_end():
    words = words_of([Claim(VERSION, "me"), Changed(1)])
    assert (words.owner, words.over) == ("me", None)
    words.add(Over(done=1))
    assert words.over == Over(done=1)


@given(st.lists(EVENT))
def test_words_are_made_again_of_their_events(events):
    words = words_of(events)
    again = words_of(words.events())
    told = (words.owner, words.over, words.others, words.notices)
    assert (again.owner, again.over, again.others, again.notices) == told
    assert again.well == []
