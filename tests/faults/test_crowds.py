"""Many commands at once: each job runs once, no two executions of a job overlap, and all outputs are there."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ..integration.commands import Jor, outputs
from .conftest import gone, seeds
from .projects import executions, expected, nothing_is_torn, overlaps

Record = Callable[[str, object], None]


def begun(folder: Path) -> list[int]:
    """Return the jobs that were begun, in ascending order."""
    return sorted(int(words[1]) for words in executions(folder) if words[0] == "begin")


@pytest.mark.parametrize("count", [2, 10])
def test_runs_and_statuses_at_once_execute_each_job_once(
    jor: Jor, project: Path, count: int, record_property: Record
) -> None:
    commands = [jor.start(*args) for _ in range(count) for args in (["run"], ["status"])]
    for done in map(jor.end_of, commands):
        assert (done.code, done.err) == (0, ""), done
    assert begun(jor.folder) == list(range(6))
    assert overlaps(jor.folder) == []
    assert outputs(project) == expected()
    record_property("commands", len(commands))


@pytest.mark.parametrize("seed", seeds(6))
def test_runs_that_overwrite_and_are_killed_in_a_crowd_lose_nothing(
    jor: Jor, project: Path, seed: int, record_property: Record
) -> None:
    chance = random.Random(seed)
    commands, kills = [], 0
    for _ in range(10):
        args = chance.choice((["run"], ["run", "--overwrite-output"], ["status"], ["collect"]))
        commands.append(jor.start(*args))
        time.sleep(chance.random() * 0.2)
        if chance.random() < 0.5:
            victim = chance.choice(commands)
            kills += victim.poll() is None
            victim.kill()
    for command in commands:
        done = jor.end_of(command)
        assert "Traceback" not in done.err, done
    gone(jor)
    assert nothing_is_torn(project)
    assert overlaps(jor.folder) == []
    assert jor("run").code == 0
    assert {name: text for name, text in outputs(project).items() if name != "all"} == expected()
    assert overlaps(jor.folder) == []
    record_property("commands", len(commands))
    record_property("kills", kills)
