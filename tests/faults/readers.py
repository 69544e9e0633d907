"""Everything that reads what others may have written: a name, samples of good content, and what reads it.

A reader returns, or raises an error that explains itself; all else is a bug.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import attrs

from jor import JorError
from jor.planning.planner import construct_here, survey
from jor.runs import journal_index as summaries
from jor.runs.attempts import executions
from jor.runs.folding import Ended, fold
from jor.runs.journals import newest_records
from jor.runs.lease import Lease
from jor.runs.store import newest_first, read
from jor.runtime import jobargs
from jor.runtime.job_spec import planned
from jor.runtime.loading import ModuleLoader
from jor.settings.config import read_config
from jor.todo.reader import make_entry, read_todo
from jor_cli.actions.collect_manifest import read_note
from jor_cli.schedulers import request_log
from jor_slurm import Limits, SlurmError
from jor_slurm.parsing import parse_accounting, parse_objects, parse_queue, parse_settings, parse_submission
from jor_slurm.units import parse_memory, parse_time

from ..integration.commands import Jor
from .projects import CAREFUL_JOBS

EXPLAINED = (JorError, SlurmError)
#: The job module is loaded once, not for each content.
MODULES = ModuleLoader()
RECORDED = sorted((Path(__file__).parents[1] / "recorded").glob("*/*.txt"))

TODO = b"""\
jobs:
- jobmodule: ./careful.py
  jobargs: n=3
- {jobmodule: careful, jobargs: {n: 2}, name: "x y", cpus-per-task: 2}
- &one {jobmodule: careful, sweep: {n: [1, 2], seconds: [0, 1e-3]}}
- <<: *one
  name: again
"""
CONFIG = (
    b"[global]\npath-prefix = out\n[run]\ntodo-list =\n[submit]\nscheduler = local\nmem = 5G\n[slurm]\nretries = 2\n"
)
JOBARGS = b"n=3, method='pca', xs=[1, (2, 3)], tol=2**-10, r=range(3), d={'a': {1, 2}, 'b': None}, c=1-2j, b=b'x'"


@attrs.frozen
class Reader:
    """What reads `content` in the folder of a project, and samples of it."""

    samples: tuple[bytes, ...]
    read: Callable[[bytes, Path], object]


def _todo(content: bytes, folder: Path) -> object:
    path = folder / "todo-fuzzed.yaml"
    path.write_bytes(content)
    return read_todo(str(path))


def _config(content: bytes, folder: Path) -> object:
    path = folder / "config"
    path.mkdir(exist_ok=True)
    (path / "jor.cfg").write_bytes(content)
    return read_config({}, str(path))


def _slurm(content: bytes, _folder: Path) -> object:
    text = content.decode("utf-8", "surrogateescape")  # as the commands of Slurm are read
    settings, objects = parse_settings(text), list(parse_objects(text))
    return parse_submission(text), parse_queue(text), parse_accounting(text), Limits.of(settings, objects)


def _units(content: bytes, _folder: Path) -> object:
    for parse in (parse_time, parse_memory):
        try:
            parse(content.decode(errors="replace"))
        except SlurmError:
            continue
    return None


def records_of(folder: Path) -> Path:
    """Return the folder of the records of the project."""
    (found,) = folder.glob("careful/.jor/*")
    return found


def _records(path: str) -> Callable[[bytes, Path], object]:
    def read(content: bytes, folder: Path) -> object:
        (file,) = records_of(folder).glob(path)
        before = file.read_bytes()
        file.write_bytes(content)
        try:
            return told(folder)
        finally:
            file.write_bytes(before)

    return read


def _past(name: str) -> Callable[[bytes, Path], object]:
    """Return what reads a file of folded submissions: the project's own submission is one then."""

    def read(content: bytes, folder: Path) -> object:
        records, kept = records_of(folder), folder / "kept"
        shutil.copytree(records, kept, dirs_exist_ok=True)
        folded(folder)
        (records / name).write_bytes(content)
        try:
            return told(folder)
        finally:
            shutil.rmtree(records)
            kept.rename(records)

    return read


def folded(folder: Path) -> Path:
    """Fold the submission of the project; return the folder of its records."""
    records = records_of(folder)
    run = next(newest_first(str(records)))
    with Lease(str(records / "planning")) as lease:
        fold(str(records), [Ended(run, read(run))], lease)
    return records


def _cache(content: bytes, folder: Path) -> object:
    _kept(folder).write_bytes(content)
    return told(folder)


def _kept(folder: Path) -> Path:
    """Return what is kept of the project's journals, made anew."""
    shutil.rmtree(folder / "cache", ignore_errors=True)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    (run,) = newest_first(str(records_of(folder)))
    before, summaries.WORTH_KEEPING = summaries.WORTH_KEEPING, 0
    try:
        list(summaries.summaries(run))
    finally:
        summaries.WORTH_KEEPING = before
    (file,) = (folder / "cache/jor").glob("journals-*.json")
    return file


def make_project(path: Path) -> Jor:
    """Make a project that has run, one of its jobs failed, collected, with files as Slurm's submissions have."""
    text = CAREFUL_JOBS.replace("me = overlaps(i)", "me = overlaps(i)\n        assert i != 2, 'no good'")
    (path / "careful.py").write_text(text)
    (path / "todo.yaml").write_text("jobs:\n- jobmodule: careful\n")
    jor = Jor(path)
    jor("submit", "careful", "--workers", 1)
    jor("collect")
    (run,) = records_of(path).glob("runs/*")
    (run / "scheduler.jsonl").write_text(
        '{"kind": "asked", "time": 1}\n{"kind": "accepted", "time": 2, "job_id": 7, "name": "n"}\n'
    )
    (run / "revoked").write_text('{"tasks": [[0, 1]], "why": "its jobs were submitted again"}\n')
    (run / "suspect").write_text("1\n")
    (run / "alive").write_text("host~boot~1~2")
    os.environ["JOR_WORKERS"] = ""  # no other settings than those of the file
    return jor


def told(folder: Path) -> object:
    """Return all that looking back tells of the project."""
    entry = make_entry(str(folder / "careful.py"), "")
    config = read_config({"path-prefix": str(folder)}, str(folder))
    (found,) = survey([entry], config, construct=partial(construct_here, MODULES))
    records = str(records_of(folder))
    story = [list(executions(records)), found.history.last_records([0]), read_note(records)]
    story += [list(planned(run)) for run in newest_first(records)]
    for run in newest_first(records):
        story += [newest_records(run), request_log.read(run), run.revocations(), run.suspects(), os.fspath(run.folder)]
    return found.status, story


READERS: Mapping[str, Reader] = {
    "todo": Reader((TODO,), _todo),
    "config": Reader((CONFIG,), _config),
    "jobargs": Reader((JOBARGS,), lambda content, _folder: jobargs.parse(content.decode(errors="surrogateescape"))),
    "slurm": Reader(tuple(path.read_bytes() for path in RECORDED), _slurm),
    "units": Reader((b"1-00:00:00", b"90", b"UNLIMITED", b"5G", b"500M"), _units),
    "submission.json": Reader((), _records("runs/*/submission.json")),
    "journal": Reader((), _records("runs/*/task-0.r0.jsonl")),
    "scheduler.jsonl": Reader((), _records("runs/*/scheduler.jsonl")),
    "revoked": Reader((), _records("runs/*/revoked")),
    "suspect": Reader((), _records("runs/*/suspect")),
    "alive": Reader((), _records("runs/*/alive")),
    "collected.json": Reader((), _records("collected.json")),
    "past.jsonl": Reader((), _past("past.jsonl")),
    "past.files": Reader((), _past("past.files")),
    "cache": Reader((), _cache),
}


def signed(record: Mapping[str, object]) -> bytes:
    """Return a record of a journal as jor writes it, whatever it says."""
    body = json.dumps(record, separators=(",", ":"))[:-1].encode()
    return b'%s,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def samples(name: str, folder: Path) -> tuple[bytes, ...]:
    """Return good content for a reader."""
    return READERS[name].samples or (sample(name, folder),)


def sample(name: str, folder: Path) -> bytes:
    """Return the good content of a file of the records."""
    if name == "cache":
        return _kept(folder).read_bytes()
    if name.startswith("past."):
        records, kept = records_of(folder), folder / "kept"
        shutil.copytree(records, kept, dirs_exist_ok=True)
        content = (folded(folder) / name).read_bytes()
        shutil.rmtree(records)
        kept.rename(records)
        return content
    paths = {"journal": "runs/*/task-0.r0.jsonl", "collected.json": "collected.json"}
    (file,) = records_of(folder).glob(paths.get(name, f"runs/*/{name}"))
    return file.read_bytes()
