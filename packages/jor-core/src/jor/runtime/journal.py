"""What one worker has done: a file with one writer, and one line a record.

The first record is the claim: who writes here. The file is created with O_EXCL, so of two processes that mean to
do the same work only one does it. What later records tell is in jor.runtime.events. The end of a job and the begin of
the next are one write, since on a network file system writes are what a journal costs. Each line is a JSON object of at
most 4 KB in ASCII with a sequence number `seq` and the CRC-32 of all before it, so that a reader knows a torn or
damaged line.
"""

from __future__ import annotations

import errno
import json
import os
import time
import zlib
from typing import IO, Callable, Iterator

from ..errors import RecordError
from .events import VERSION, Begin, Claim, End, Event, Over, encode, parse
from .record_files import lines, regular

#: Longest record, bytes.
MAX_RECORD = 4096
#: Bytes of a line after which a journal is not read on: what has no line ends is not a journal.
_LONGEST_LINE = 2**24
#: Seconds after which finished records are forced to the disk (on NFS: shown to other hosts).
SYNC_AFTER = 5.0


class Journal:
    """The writing end. Raise FileExistsError when somebody has claimed `path` before.

    Records are forced to the disk `sync_after` seconds after they were written, or at once if that is 0.
    """

    def __init__(self, path: str, claim: Claim, sync_after: float = SYNC_AFTER) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(path, flags, 0o666)
        self._path = path
        self._sync_after = sync_after
        self._seq = 0
        self._noted: list[Event] = []
        self._torn = False
        self._unsynced_since: float | None = None
        self.write(claim)

    def note(self, event: Event) -> None:
        """Add an event, which `flush` will write; to be followed by that as soon as there is anything to wait for."""
        self._noted.append(event)

    def write(self, event: Event) -> None:
        """Append the record of an event, after those noted. Raise OSError as `flush` does."""
        self._noted.append(event)
        self.flush()

    def flush(self) -> None:
        """Append what was noted, by one write(2). Raise OSError (disk full, quota) when it was not written whole."""
        if not self._noted:
            return
        noted, self._noted = self._noted, []
        lines = [_line(seq, event) for seq, event in enumerate(noted, self._seq)]
        # After a torn record the next begins on a line of its own: otherwise both would be lost.
        data = b"".join([b"\n", *lines] if self._torn else lines)
        self._torn = True
        try:
            if os.write(self._fd, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._torn = False
            self._seq += len(noted)
            # After a power loss an output is there or not, whatever was begun, unless it is written in its place.
            if self._sync_after or any(not isinstance(event, Begin) or event.direct for event in noted):
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
    """The reading end: each `poll()` returns the events that have come since the last.

    A last line that is still being written is left for the next poll; lines that are damaged, or tell an event that
    this version does not know, are passed over.
    """

    def __init__(self, path: str, offset: int = 0, opened: Callable[[], IO[bytes]] | None = None) -> None:
        self.path = path
        #: Opens it, should it not lie at `path`. Raises FileNotFoundError if it is not there yet.
        self._opened = opened or self._open
        #: Up to where it has been read, bytes.
        self.offset = offset

    def _open(self) -> IO[bytes]:
        return open(self.path, "rb", opener=regular)

    def poll(self) -> list[Event]:
        """Return the new events in the order of the file; [] while there is no file."""
        return list(self.events())

    def events(self) -> Iterator[Event]:
        """Yield the new events one by one: a journal may be larger than what memory should hold."""
        try:
            # Opened anew each time: a stale handle on NFS would show the old contents.
            file = self._opened()
        except FileNotFoundError:
            return
        with file:
            file.seek(self.offset)
            for line in lines(file, _LONGEST_LINE):
                if line == b"\n":  # after a torn record; first of all, for of a damaged file there may be millions
                    self.offset += 1
                    continue
                if not line.endswith(b"\n"):
                    return
                self.offset += len(line)
                event = _event(line) if len(line) <= MAX_RECORD else None
                if event is None:
                    continue
                if isinstance(event, Claim) and event.version != VERSION:
                    raise RecordError(
                        f"the journal has version {event.version}; this jor reads version {VERSION}",
                        where=self.path,
                        remedy="Use the newer jor that wrote it",
                    )
                yield event


_CRC_FIELD = b',"crc":"'
_encoder = json.JSONEncoder(separators=(",", ":"))
_decoder = json.JSONDecoder()


def _line(seq: int, event: Event) -> bytes:
    body = _body(seq, event)
    while len(body) > MAX_RECORD - 32 and isinstance(event, (End, Over)) and event.error:
        event = event._replace(error=event.error[: len(event.error) * 3 // 4 - 1])
        body = _body(seq, event)
    return b'%s%s%08x"}\n' % (body, _CRC_FIELD, zlib.crc32(body))


def _body(seq: int, event: Event) -> bytes:
    """Return the record of an event up to its checksum."""
    return f'{{"seq":{seq},{_encoder.encode(encode(event))[1:-1]}'.encode()


def _event(line: bytes) -> Event | None:
    """Return the event that a whole line tells; None if it is damaged, or unknown."""
    body, field, rest = line.rpartition(_CRC_FIELD)
    if not field or rest != b'%08x"}\n' % zlib.crc32(body):
        return None
    try:
        return parse(_decoder.decode(f"{body.decode()}}}"))
    except (ValueError, RecursionError):
        return None


def _sync(fd: int) -> None:
    getattr(os, "fdatasync", os.fsync)(fd)  # macOS has no fdatasync
