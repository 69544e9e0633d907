"""The command `jor` as a process, and what it left: processes and files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

#: Seconds to wait for what has to happen: generous, since machines may be busy.
DEADLINE = 60.0
#: Marks the processes of a test: all that it starts inherit it.
TOKEN = "TOKEN_OF_THE_TEST"

SLOW_JOBS = '''\
"""Jobs that take `seconds`, write half of their output before and half after, and log that they were executed."""

import os
import time

import jor


class Jobs(jor.JobsBase):
    name = "slow"

    def __init__(self, n=20, seconds=0.03, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.n = n
        self.seconds = float(os.environ.get("SECONDS_OF_JOBS", seconds))
        self._mk_jobs()

    def _mk_jobs(self):
        self._jobs = [{"index": i} for i in range(self.n)]

    def execute(self, i):
        log = os.open("executed.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, f"{i}\\n".encode())
        os.close(log)
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write(f"first half of {i}\\n" * 100)
            file.flush()
            time.sleep(self.seconds)
            file.write(f"second half of {i}\\n" * 100)
'''


def wait_until(condition: Callable[[], object]) -> None:
    """Return when `condition` is true; fail the test when it has not become so after a long time."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "what the test waits for has not happened"
        time.sleep(0.01)


class Done(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All that it said, on one line: tables and messages may break lines anywhere."""
        return " ".join((self.out + self.err).split())


class Jor:
    """The command `jor`, called in the folder of a test."""

    def __init__(self, folder: Path, prefix: Sequence[object] = ()) -> None:
        self.folder = folder
        #: What starts the command, and gets it as its last words.
        self.prefix = prefix
        self.token = uuid.uuid4().hex
        self._started: list[subprocess.Popen[str]] = []

    def __call__(self, *args: object, **environment: object) -> Done:
        """Run the command to its end."""
        return self.end_of(self.start(*args, **environment))

    def start(self, *args: object, **environment: object) -> subprocess.Popen[str]:
        """Start the command, in a session of its own."""
        unwanted = ("JOR_", "PYTHONDONTWRITE", "PYTHONUNBUFFERED", "COLUMNS")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
        process = subprocess.Popen(
            [*map(str, self.prefix), sys.executable, "-m", "jor_cli", *map(str, args)],
            cwd=self.folder,
            env={**inherited, TOKEN: self.token, **{key: str(value) for key, value in environment.items()}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def end_of(self, process: subprocess.Popen[str]) -> Done:
        """Wait for the end of a command that was started."""
        out, err = process.communicate(timeout=2 * DEADLINE)
        return Done(process.returncode, out, err)

    def processes(self) -> set[int]:
        """Return the process ids of all that the commands have started and that lives, whoever its parent is."""
        wanted = f"{TOKEN}={self.token}".encode()
        found = set()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.add(int(folder.name))
            except OSError:
                continue  # it has ended, or is another user's
        return found

    def end(self) -> None:
        """Kill all processes, of which there should be none."""
        while left := self.processes():
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            for process in self._started:
                process.poll()
        for process in self._started:
            process.communicate()


def children(pid: int) -> list[int]:
    """Return the process ids of the children of `pid`; none if it has gone."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int, generation: int) -> list[int]:
    """Return the children (1), grandchildren (2) ... of `pid`: the workers, hosts and jobs of a command."""
    found = [pid]
    for _ in range(generation):
        found = [child for parent in found for child in children(parent)]
    return found


def tree(folder: Path, without: str = "/") -> dict[str, bytes | None]:
    """Return all that is below `folder`, `without` what has this name: the content of files, None for folders."""
    paths = (path for path in sorted(folder.rglob("*")) if without not in path.relative_to(folder).parts)
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in paths}


def outputs(folder: Path) -> dict[str, bytes | None]:
    """Return the tree below `folder` without what jor keeps for itself."""
    return tree(folder, without=".jor")


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of change of all that is below `folder`."""
    return {str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in folder.rglob("*")}


def slow_output(index: int) -> bytes:
    """Return what job `index` of SLOW_JOBS writes."""
    return (f"first half of {index}\n" * 100 + f"second half of {index}\n" * 100).encode()
