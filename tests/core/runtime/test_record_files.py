"""What is no regular file, or too large, is refused: nobody waits for it, and it costs no memory."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from jor.errors import OddFileError
from jor.runtime.feed import Chunk
from jor.runtime.job_spec import planned
from jor.runtime.journal import Reader
from jor.runtime.run_folder import Run, append


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)  # the path of a socket has at most 108 bytes
        server.bind(path.name)


def _huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 10 * 2**30)


PUT = {
    "a named pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "a socket": _socket,
    "larger than": _huge,
}
READ = {
    "submission.json": Run.read_submission,
    "suspect": Run.suspects,
    "jobs.jsonl": lambda run: list(planned(run)),
    "task-0.r0.jsonl": lambda run: Reader(run.journal(0)).poll(),
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("kind", PUT)
def test_what_is_no_file_of_jor_is_refused(tmp_path, monkeypatch, kind, name):
    monkeypatch.chdir(tmp_path)
    PUT[kind](tmp_path / name)
    with pytest.raises(OddFileError, match=kind):
        READ[name](Run(str(tmp_path)))


@pytest.mark.parametrize("kind", PUT)
def test_list_of_revoked_tasks_that_is_no_file_revokes_all(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    PUT[kind](Path(Run(str(tmp_path)).revoked))
    assert Run(str(tmp_path)).revocations()[0][:2] == (0, sys.maxsize)


def test_nothing_is_appended_to_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "revoked")
    for _ in "no reader", "a reader":
        with pytest.raises(OddFileError, match="a named pipe"):
            append(str(tmp_path / "revoked"), b"x\n")
        reader = os.open(tmp_path / "revoked", os.O_RDONLY | os.O_NONBLOCK)
    os.close(reader)


def test_index_of_a_suspect_job_that_no_job_has_is_passed_over(tmp_path):
    (tmp_path / "suspect").write_bytes(b"7\n" + b"9" * 5000 + b"\n3\n")
    assert Run(str(tmp_path)).suspects() == [7, 3]


def test_jobs_of_a_task_that_have_no_end_take_no_memory(tmp_path):
    run = Run(str(tmp_path))
    _huge(Path(run.jobs))
    Path(run.places).write_bytes(bytes(8) + (10 * 2**30).to_bytes(8, "little"))
    chunk = Chunk(run, 0, lambda _job: True)
    with pytest.raises(OSError, match="ends within a job"):
        chunk.take(None, lambda: None)
    chunk._planned.close()
