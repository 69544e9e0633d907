"""The pipe through which a command feeds its workers."""

from __future__ import annotations

import os
from typing import Iterator

import pytest

from jor.runtime.feed import END, ITEM, FeedWriter

#: More jobs than a pipe has room for: 64 KiB by default, pipe(7).
MANY = range(0, 200_000, 10)


def take(feed: FeedWriter, count: int) -> list[int]:
    """Take items as workers do."""
    return [ITEM.unpack(os.read(feed.reading, ITEM.size))[0] for _ in range(count)]


@pytest.fixture
def few() -> Iterator[FeedWriter]:
    feed = FeedWriter([0, 10, 30])
    yield feed
    feed.close()


@pytest.fixture
def many() -> Iterator[FeedWriter]:
    feed = FeedWriter(MANY)
    yield feed
    feed.close()


def test_jobs_come_in_order_then_an_end_for_each_worker(few):
    few.fill(2)
    assert take(few, 5) == [0, 10, 30, END, END]


def test_worker_that_is_started_later_gets_its_end_as_well(few):
    few.fill(1)
    few.fill(2)
    assert take(few, 5) == [0, 10, 30, END, END]


def test_feed_is_filled_as_room_is_made(many):
    taken = []
    while len(taken) < len(MANY):
        many.fill(1)
        taken += take(many, min(1000, len(MANY) - len(taken)))
    many.fill(1)
    assert (taken, take(many, 1)) == ([*MANY], [END])


def test_jobs_left_by_dead_workers_go_to_the_next(few):
    few.fill(2)
    take(few, 1)
    assert few.taken(2) == 1
    few.fill(3)
    assert take(few, 3) == [10, 30, END]
    assert few.taken(3) == 3


def test_jobs_that_are_not_written_yet_are_not_taken(many):
    many.fill(1)
    take(many, 5)
    assert many.taken(1) == 5
    many.fill(2)
    assert take(many, 1) == [50]
