"""Files that others may read at any time, written whole or not at all; and folders, wherever they are."""

from __future__ import annotations

import os
from contextlib import suppress

from jor.runtime.process_id import Owner
from jor.runtime.staging import sweep_halfway


def put(path: str, content: bytes) -> None:
    """Put `content` in the place of the file at `path`, by rename; write it to what is no file, /dev/stdout say.

    Raise OSError, leaving what was there, when it cannot be written.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as sink:
            sink.write(content)
        return
    path = os.path.realpath(path)  # a link stays, and what it leads to is written again
    sweep_halfway(path)
    mine = halfway(path)
    try:
        with open(mine, "wb") as file:
            file.write(content)
        os.replace(mine, path)
    except OSError:
        with suppress(OSError):
            os.unlink(mine)
        raise


def halfway(path: str) -> str:
    """Return the name of what this process writes for the place of `path`; once it is dead, `put` deletes that."""
    return f"{path}.{Owner.current()}"


def existing(path: str) -> str:
    """Return `path`, or the nearest folder above it that there is."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path
