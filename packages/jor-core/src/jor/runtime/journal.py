"""What one worker has done: a file with one writer, and one line a record.

The first record is the claim: who writes here. The file is created with O_EXCL, so of two processes that mean to
do the same work only one does it. Later records tell of jobs: `begin` before a job starts, `end` after, with the
same index; and one `over` when the worker ends by itself. The end of a job and the begin of the next are one write,
since on a network file system writes are what a journal costs. Each line is a JSON object of at most 4 KB in ASCII with
a sequence number `seq` and the CRC-32 of all before it, so that a reader knows a torn or damaged line.
"""

from __future__ import annotations

import errno
import json
import os
import time
import zlib
from typing import Any, Dict, Iterator, Mapping

from ..errors import RecordError

#: Version of the format; a reader refuses journals of a newer one.
VERSION = 1
#: Longest record, bytes.
MAX_RECORD = 4096
#: Seconds after which finished records are forced to the disk (on NFS: shown to other hosts).
SYNC_AFTER = 5.0

Record = Dict[str, Any]


class Journal:
    """The writing end. Raise FileExistsError when somebody has claimed `path` before.

    Records are forced to the disk `sync_after` seconds after they were written, or at once if that is 0.
    """

    def __init__(self, path: str, claim: Mapping[str, Any], sync_after: float = SYNC_AFTER) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(path, flags, 0o666)
        self._path = path
        self._sync_after = sync_after
        self._seq = 0
        self._noted: list[Record] = []
        self._torn = False
        self._unsynced_since: float | None = None
        self.write("claim", version=VERSION, **claim)

    def note(self, kind: str, **fields: Any) -> None:
        """Add one record, which `flush` will write; to be followed by that as soon as there is anything to wait for."""
        self._noted.append({"kind": kind, **fields})

    def write(self, kind: str, **fields: Any) -> None:
        """Append one record, after those noted. Raise OSError as `flush` does."""
        self.note(kind, **fields)
        self.flush()

    def flush(self) -> None:
        """Append the records noted, by one write(2). Raise OSError (disk full, quota) when it was not written whole."""
        if not self._noted:
            return
        noted, self._noted = self._noted, []
        lines = [_encode({"seq": seq, **record}) for seq, record in enumerate(noted, self._seq)]
        # After a torn record the next begins on a line of its own, lest both be lost.
        data = b"".join([b"\n", *lines] if self._torn else lines)
        self._torn = True
        try:
            if os.write(self._fd, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._torn = False
            self._seq += len(noted)
            # After a power loss an output is there or not, whatever was begun, unless it is written in its place.
            if self._sync_after or any(record["kind"] != "begin" or record.get("direct") for record in noted):
                self._sync_in_time()
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._path) from None  # str() tells where

    def close(self) -> None:
        """Write what was noted, force the records to the disk, and close the file."""
        try:
            self.flush()
            _sync(self._fd)
        finally:
            os.close(self._fd)

    def _sync_in_time(self) -> None:
        now = time.monotonic()
        if self._unsynced_since is None:
            self._unsynced_since = now
        if now - self._unsynced_since >= self._sync_after:
            _sync(self._fd)
            self._unsynced_since = None


class Reader:
    """The reading end: each `poll()` returns the records that have come since the last.

    A last line that is still being written is left for the next poll; damaged lines are passed over and counted.
    """

    def __init__(self, path: str, offset: int = 0) -> None:
        self.path = path
        self.damaged = 0
        #: Up to where it has been read, bytes.
        self.offset = offset

    def poll(self) -> list[Record]:
        """Return the new records in the order of the file; [] while there is no file."""
        return list(self.records())

    def records(self) -> Iterator[Record]:
        """Yield the new records one by one: a journal may be larger than what memory should hold."""
        try:
            # Opened anew each time: a stale handle on NFS would show the old contents.
            file = open(self.path, "rb")  # noqa: SIM115 # closed below, but what is done meanwhile may fail as well
        except FileNotFoundError:
            return
        with file:
            file.seek(self.offset)
            for line in file:
                if line == b"\n":  # after a torn record; first of all, for of a damaged file there may be millions
                    self.offset += 1
                    continue
                if not line.endswith(b"\n"):
                    return
                self.offset += len(line)
                record = _decode(line[:-1]) if len(line) <= MAX_RECORD else None
                if record is not None:
                    yield self._known(record)
                else:
                    self.damaged += 1

    def _known(self, record: Record) -> Record:
        if record.get("kind") == "claim" and record.get("version") != VERSION:
            raise RecordError(
                f"the journal has version {record.get('version')!r}; this jor reads version {VERSION}",
                where=self.path,
                remedy="Use the newer jor that wrote it",
            )
        return record


_CRC_FIELD = b',"crc":"'
_encoder = json.JSONEncoder(separators=(",", ":"))


def _encode(record: Record) -> bytes:
    body = _encoder.encode(record)[:-1].encode()
    while len(body) > MAX_RECORD - 32 and record.get("error"):
        record = {**record, "error": record["error"][: len(record["error"]) * 3 // 4 - 1]}
        body = _encoder.encode(record)[:-1].encode()
    return b'%s%s%08x"}\n' % (body, _CRC_FIELD, zlib.crc32(body))


def _decode(line: bytes) -> Record | None:
    body, field, rest = line.rpartition(_CRC_FIELD)
    if not field or rest != b'%08x"}' % zlib.crc32(body):
        return None
    try:
        record = json.loads(body + b"}")
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and is_sound(record) else None


#: What a record of each kind has to hold; and of which type what records hold is. Else it is of a foreign hand.
_REQUIRED = {"begin": {"index", "started"}, "end": {"index", "seconds", "max_rss", "status"}}
_NUMBER = (int, float)
_TYPES: dict[str, Any] = {
    "index": int,
    "started": _NUMBER,
    "seconds": _NUMBER,
    "max_rss": int,
    "status": int,
    "signal": int,
    "error": str,
    "log": list,
    "log_file": str,
    "loading": _NUMBER,
    "orphans": int,
    "interrupted": bool,
    "out_of_memory": bool,
    "direct": bool,
    "stopped": str,
    "owner": str,
}


def is_sound(record: Record) -> bool:
    """Tell whether a record has what its kind has to hold, each of the type that it should be."""
    kind = record.get("kind")
    if not isinstance(kind, str) or not _REQUIRED.get(kind, set()) <= record.keys():
        return False
    for name, value in record.items():
        if name in _TYPES and not isinstance(value, _TYPES[name]):
            return False
    log = record.get("log", (0, 0))
    return len(log) == 2 and all(isinstance(place, int) for place in log) and "/" not in record.get("log_file", "")


def _sync(fd: int) -> None:
    getattr(os, "fdatasync", os.fsync)(fd)  # macOS has no fdatasync
