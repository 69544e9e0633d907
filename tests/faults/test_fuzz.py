"""Whatever stands in the files and answers that jor reads: it reads them, or says why not, soon, in little memory."""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jor.runtime.run_folder import VERSION

from ..integration.commands import Jor
from .conftest import SHORT
from .projects import CAREFUL_JOBS
from .readers import EXPLAINED, READERS, make_project, records_of, sample, samples, signed

Record = Callable[[str, object], None]

EXAMPLES = 150 if SHORT else 1000
fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=SHORT, database=None, suppress_health_check=list(HealthCheck)
)

#: Values where others are expected.
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        2**63,
        10**400,
        1.5,
        "",
        "x",
        "\0",
        "../..",
        "9" * 30,
        [],
        [[]],
        [[0]],
        {},
        {"version": VERSION + 1},
        [None, {}],
    ]
) | st.recursive(st.none() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a project with a past."""
    path = tmp_path_factory.mktemp("fuzz")
    jor = make_project(path)
    yield path
    jor.end()


def mutants(content: bytes) -> st.SearchStrategy[bytes]:
    """Return contents that differ a little from `content`, or not so little."""
    places = st.integers(0, len(content))
    pieces = st.binary(max_size=12) | st.sampled_from(
        [b"\n", b"\0" * 50, b"\xff\xfe", b"\xef\xbb\xbf", b"{", b"[" * 2000, b"9" * 50]
    )
    edits = st.lists(st.tuples(places, places, pieces), min_size=1, max_size=4)

    def edited(changes: list[tuple[int, int, bytes]]) -> bytes:
        text = content
        for first, second, piece in changes:
            text = text[: min(first, second)] + piece + text[min(first, second) + abs(second - first) % 40 :]
        return text

    return st.builds(edited, edits) | st.binary(max_size=80) | st.builds(lambda n: content[:n], places)


def odd_values(content: object) -> st.SearchStrategy[object]:
    """Return what JSON may hold instead of `content`: a value is another, or is missing."""
    if isinstance(content, dict) and content:
        keys = st.sampled_from(sorted(content))
        return keys.flatmap(
            lambda key: (
                st.just({k: v for k, v in content.items() if k != key})
                | odd_values(content[key]).map(lambda value: {**content, key: value})
            )
        )
    if isinstance(content, list) and content:
        return ODD | odd_values(content[0]).map(lambda value: [value, *content[1:]])
    return ODD


def read(name: str, content: bytes, folder: Path) -> None:
    """Let what reads it read `content`: an error that explains itself will do."""
    with contextlib.suppress(*EXPLAINED):
        READERS[name].read(content, folder)


@pytest.mark.parametrize("name", READERS)
def test_damaged_content_is_read_or_refused_with_reason(name: str, folder: Path, record_property: Record) -> None:
    count = 0

    @fuzzed
    @given(st.data())
    def check(data: st.DataObject) -> None:
        nonlocal count
        count += 1
        read(name, data.draw(mutants(data.draw(st.sampled_from(samples(name, folder))))), folder)

    check()
    record_property("inputs", count)


WRITTEN = ("submission.json", "journal", "scheduler.jsonl", "revoked", "collected.json", "past.jsonl")


@pytest.mark.parametrize("name", WRITTEN)
def test_well_formed_content_of_odd_values_is_read_or_refused_with_reason(
    name: str, folder: Path, record_property: Record
) -> None:
    """What a foreign hand, or another version, may write: the form and the checksums are right."""
    count = 0
    lines = [sample(name, folder)] if name.endswith(".json") else sample(name, folder).splitlines()
    written = [json.loads(line) for line in lines]

    @fuzzed
    @given(st.data())
    def check(data: st.DataObject) -> None:
        nonlocal count
        count += 1
        records = list(written)
        place = data.draw(st.integers(0, len(records) - 1))
        records[place] = data.draw(odd_values({k: v for k, v in written[place].items() if k != "crc"}))
        if name in ("journal", "past.jsonl"):
            whole = [
                {k: v for k, v in one.items() if k != "crc"} if isinstance(one, dict) else {"x": one} for one in records
            ]
            read(name, b"".join(map(signed, whole)), folder)
        else:
            read(name, b"\n".join(json.dumps(one).encode() for one in records) + b"\n", folder)

    check()
    record_property("inputs", count)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(20)
)
HUGE = 100 * 2**20
#: What a file is filled with: its name below the project, and its content.
HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "todo: aliases that multiply": ("todo.yaml", BOMB.encode),
    "todo: deep": ("todo.yaml", lambda: b"jobs: " + b"[" * 10**6),
    "todo: deep mappings": ("todo.yaml", lambda: b"{a: " * 10**6),
    "todo: 100 MB": ("todo.yaml", lambda: b"# x\n" * (HUGE // 4)),
    "todo: 15 MB": ("todo.yaml", lambda: b"jobs:\n" + b"- x\n" * (15 * 2**18)),
    "todo: code": ("todo.yaml", lambda: b"jobs: !!python/object/apply:os.system ['touch pwned']"),
    "todo: jobargs of 10 MB": (
        "todo.yaml",
        lambda: b"jobs:\n- {jobmodule: careful, jobargs: 'n=" + b"1" * 10**7 + b"'}",
    ),
    "todo: deep jobargs": ("todo.yaml", lambda: b"jobs:\n- {jobmodule: careful, jobargs: 'n=" + b"(" * 90_000 + b"'}"),
    "config: 100 MB": ("jor.cfg", lambda: b"[run]\n" + b"# x\n" * (HUGE // 4)),
    "config: blanks": ("jor.cfg", lambda: b"[run]\na" + b" " * 10**6 + b"b"),
    "config: many lines of blanks": ("jor.cfg", lambda: b"[run]\n" + (b"a" + b" " * 3990 + b"b\n") * 24),
    "submission: 100 MB": ("SUBMISSION", lambda: b"[" * HUGE),
    "submission: nulls": ("SUBMISSION", lambda: b"\0" * HUGE),
    "submission: newer": ("SUBMISSION", lambda: b'{"version": %d}' % (VERSION + 1)),
    "journal: one line of 100 MB": ("JOURNAL", lambda: b"x" * HUGE + b"\n"),
    "journal: 25 MB of line ends": ("JOURNAL", lambda: b"\n" * (HUGE // 4)),
    "journal: nulls": ("JOURNAL", lambda: b"\0" * HUGE),
    "journal: deep": ("JOURNAL", lambda: signed({"kind": "end"})[:-20] + b"[" * 3000 + b"\n"),
    "journal: newer": ("JOURNAL", lambda: signed({"seq": 0, "kind": "claim", "version": 2})),
}
#: What a command may take up to, bytes and seconds; it starts Python, and reads the 100 MB of a file at most.
MEMORY, SECONDS = 800 * 2**20, 60


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_file_takes_neither_time_nor_memory(case: str, tmp_path: Path, record_property: Record) -> None:
    (tmp_path / "careful.py").write_text(CAREFUL_JOBS)
    (tmp_path / "todo.yaml").write_text("jobs:\n- {jobmodule: careful, jobargs: n=3}\n")
    jor = Jor(tmp_path)
    jor("run")
    (tmp_path / "careful" / "index1.txt").unlink()
    (run,) = records_of(tmp_path).glob("runs/*")
    name, content = HOSTILE[case]
    places = {"SUBMISSION": run / "submission.json", "JOURNAL": run / "task-0.r0.jsonl"}
    places.get(name, tmp_path / name).write_bytes(content())
    done = subprocess.run(
        [sys.executable, "-m", "jor_cli", "status"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    assert done.returncode in (0, 2), done
    assert "Traceback" not in done.stderr
    assert (done.returncode == 2) == bool(done.stderr)
    assert not case.endswith("newer") or "Use the newer jor that wrote it" in done.stderr
    assert not (tmp_path / "pwned").exists()
    record_property("inputs", 1)
