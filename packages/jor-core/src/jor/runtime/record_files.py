"""How files of the records are opened: others may have put anything there, and made it any size.

Nobody waits for a named pipe, reads a device, or takes more into memory than that should hold.
"""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from io import BytesIO
from typing import IO, Iterator

from ..errors import OddFileError

#: Most bytes of a file that is read as a whole, and of a line of one that is not.
MOST = 100_000_000
#: What stands there, if it is not a regular file.
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def regular(path: str, flags: int) -> int:
    """Open a regular file, as the `opener` of open(); raise OddFileError for anything else, without waiting."""
    try:
        fd = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno != errno.ENXIO:  # a socket, or a named pipe that nobody reads
            raise
        mode = os.stat(path).st_mode
    else:
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode):
            return fd
        os.close(fd)
    kind = next((words for is_one, words in _KINDS if is_one(mode)), "something else")
    raise OddFileError(f"it is {kind}, not a file that jor has written", where=path, remedy=_REMEDY)


def read_record(path: str, most: int = MOST) -> bytes:
    """Return the content of a regular file of at most so many bytes. Raise OSError, or OddFileError, which is one."""
    with open(path, "rb", opener=regular) as file:
        return read_whole(file, path, most)


def read_whole(file: IO[bytes], path: str, most: int = MOST) -> bytes:
    """Return the content of an open file of at most so many bytes. Raise OSError, or OddFileError for a larger one."""
    if _size_of(file) > most:
        raise _too_large(path, "it", most)
    return file.read(most)


def lines(file: IO[bytes], most: int = MOST) -> Iterator[bytes]:
    """Yield the lines from where `file` is read; raise OddFileError at one of more than `most` bytes."""
    if (
        isinstance(file, BytesIO) or _size_of(file) <= MOST
    ):  # no line can be larger than what memory holds: the quick way
        for line in file:
            if len(line) > most:
                raise _too_large(os.fspath(getattr(file, "name", "")), "a line of it", most)
            yield line
        return
    for line in iter(partial(file.readline, most), b""):
        if len(line) == most and not line.endswith(b"\n"):
            raise _too_large(os.fspath(file.name), "a line of it", most)
        yield line


def _size_of(file: IO[bytes]) -> int:
    return len(file.getbuffer()) if isinstance(file, BytesIO) else os.fstat(file.fileno()).st_size


_REMEDY = "Delete it: no output is lost"


def _too_large(path: str, what: str, most: int) -> OddFileError:
    return OddFileError(f"{what} is larger than {most / 1e6:.0f} MB: it is not jor's", where=path, remedy=_REMEDY)
