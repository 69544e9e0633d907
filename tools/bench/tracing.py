"""System calls, counted by strace."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from timing import run

#: What is done to a file system -> the system calls that do it, by the path of a file or folder.
OPERATIONS = {
    "opened": ("open", "openat", "creat"),
    "made": ("mkdir", "mkdirat"),
    "renamed": ("rename", "renameat", "renameat2", "link", "linkat"),
    "stat": ("stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat"),
    "written": ("write", "pwrite64", "writev"),
    "synced": ("fsync", "fdatasync", "sync_file_range"),
    "deleted": ("unlink", "unlinkat", "rmdir"),
}
_OPERATION = {call: name for name, calls in OPERATIONS.items() for call in calls}
#: A call as it begins, in a line of `strace -f -y`: its name, and what comes first.
_CALL = re.compile(r"\d+ +(\w+)\((.*)")


def count_calls(strace: str, argv: Sequence[str | Path], folder: Path) -> int:
    """Return how many system calls a command makes, with all processes that it starts."""
    log = folder / "calls.log"
    run([strace, "-f", "-c", "-U", "calls,name", "-o", log, *argv], folder)
    return sum(int(words[0]) for words in map(str.split, log.read_text().splitlines()) if words[-1:] == ["total"])


def tracer(strace: str, log: Path) -> list[str]:
    """Return the words that stand before a command whose operations are to be traced into the file `log`."""
    traced = ",".join(f"?{call}" for call in _OPERATION)
    return [strace, "-f", "-qq", "-y", "-e", f"trace={traced}", "-o", str(log)]


def count_operations(log: Path) -> Counter[str]:
    """Return how often each of OPERATIONS was done, and folders were listed, with all processes of the command."""
    with open(log, errors="replace") as lines:
        return Counter(name for name in map(_operation, lines) if name)


def _operation(line: str) -> str:
    """Return what a line of the trace tells of; '' for nothing that a file system would notice."""
    found = _CALL.match(line)
    if found is None:
        return ""  # a call's end, a signal, an exit
    call, arguments = found.groups()
    if "O_DIRECTORY" in arguments:
        return "listed"
    if call == "newfstatat" and re.match(r'\d+<[^>]*>, "",', arguments):
        return ""  # of an open file: known without asking
    # Pipes, terminals and sockets are no files.
    if call in OPERATIONS["written"] and not re.match(r"\d+</(?!dev/)", arguments):
        return ""
    return _OPERATION[call]
