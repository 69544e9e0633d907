"""Start a program and measure what it takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple, TypeVar

T = TypeVar("T")


class Spent(NamedTuple):
    """What a program took, with all processes that it waited for."""

    seconds: float
    #: CPU seconds, user and system (getrusage(2)).
    cpu: float
    #: Largest resident set of any one of the processes, bytes. At least this program's own: exec keeps the mark.
    max_rss: int
    stdout: str


def run(argv: Sequence[str | Path], folder: Path, text: str = "") -> Spent:
    """Run `argv` in `folder` with `text` as its input; end the bench when it fails."""
    words = list(map(str, argv))
    with ExitStack() as stack:
        # Files, not pipes: nothing has to be read while the program runs.
        stdin, stdout, stderr = (stack.enter_context(TemporaryFile("w+")) for _ in range(3))
        stdin.write(text)
        stdin.seek(0)
        began = time.monotonic()
        process = subprocess.Popen(words, cwd=folder, env=environment(), stdin=stdin, stdout=stdout, stderr=stderr)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said, complaints = _content(stdout), _content(stderr)
    if process.returncode:
        sys.exit(f"{' '.join(words)} ended with exit code {process.returncode}:\n{said}{complaints}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Spent(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit, said)


def environment() -> dict[str, str]:
    """Return this process's environment without options of jor, and without what changes how Python starts."""
    left_out = {name for name in os.environ if name.startswith("PYTHON") and name != "PYTHONPATH"}
    return {name: value for name, value in os.environ.items() if name not in left_out and not name.startswith("JOR_")}


def interleaved(contestants: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Let all contestants run in each of the rounds, each time another one first; return what they returned.

    What disturbs the machine for a while then disturbs all of them.
    """
    found: dict[str, list[T]] = {name: [] for name in contestants}
    names = list(contestants)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found[name].append(contestants[name]())
    return found


def _content(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
