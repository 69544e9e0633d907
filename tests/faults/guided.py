"""Fuzz readers guided by coverage, with atheris: `python -m tests.faults.guided SECONDS [NAME ...]`, by default all.

A finding ends it with a traceback, and the input as a file crash-* or timeout-* in the working directory: that belongs
into FOUND of test_fuzz.py.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["jor", "jor_slurm", "jor_cli"]):
    from .readers import EXPLAINED, READERS, make_project, samples

#: Longest input, bytes; longest time for one, seconds; most memory, megabytes.
LENGTH, SECONDS, MEMORY = 4096, 20, 1024


def with_checksums(content: bytes) -> bytes:
    """Return the lines of a journal with a right checksum each: chance alone would not find it."""
    bodies = [line.rpartition(b',"crc":"')[0] or line.rstrip(b"}") for line in content.split(b"\n") if line]
    return b"".join(b'%s,"crc":"%08x"}\n' % (body, zlib.crc32(body)) for body in bodies)


def fuzz(name: str, seconds: int) -> None:
    """Let the reader `name` read what coverage suggests, for so many seconds."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz"))
    jor = make_project(folder)
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, content in enumerate(samples(name, folder)):
        (corpus / str(number)).write_bytes(content)
    jor.end()

    def read(content: bytes) -> None:
        with contextlib.suppress(*EXPLAINED):
            READERS[name].read(with_checksums(content) if name in ("journal", "past.jsonl") else content, folder)

    limits = [f"-max_len={LENGTH}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEMORY}", f"-max_total_time={seconds}"]
    atheris.Setup([sys.argv[0], str(corpus), *limits, "-print_final_stats=1"], read)
    atheris.Fuzz()


def main(seconds: str, *names: str) -> int:
    """Fuzz each reader in a process of its own; return the exit status of the first that finds something, else 0."""
    if len(names) == 1:
        fuzz(names[0], int(seconds))  # does not return
    for name in names or READERS:
        print(f"{name}: {seconds} s", flush=True)  # noqa: T201 # a program
        status = subprocess.run([sys.executable, "-m", "tests.faults.guided", seconds, name]).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    os.environ.pop("JOR_WORKERS", None)
    sys.exit(main(*sys.argv[1:]))
