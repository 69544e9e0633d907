"""What an image is: its digest, read once for each size and time of its file, and kept in a folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os

import attrs

from .apptainer import stamp


@attrs.frozen
class Identity:
    """What tells an image from another one."""

    #: Absolute path, or URI.
    image: str
    #: Bytes; 0 for a folder and a URI.
    size: int = 0
    #: "" for a folder and a URI, which have no cheap digest.
    sha256: str = ""
    #: Size and time as `stamp` tells them; "" for a URI.
    stamp: str = ""


def identify(image: str, cache: str) -> Identity:
    """Return what the image `image`, a path or a URI, is. Raise OSError when it cannot be read.

    A file's digest is kept in the folder `cache`: it is computed again only when the file's size or time has changed.
    """
    if "://" in image:
        return Identity(image)
    path = os.path.realpath(image)
    before = stamp(path)
    if os.path.isdir(path):
        return Identity(image, stamp=before)
    now = _version(path)
    note = os.path.join(cache, f"image-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}.json")
    digest = _noted(note, now)
    if not digest:
        digest = _digest(path)
        if _version(path) == now:
            _note(note, {"path": path, "version": now, "sha256": digest})
    return Identity(image, now[0], digest, before)


def _version(path: str) -> list[int]:
    """Return size, and time in nanoseconds: within the second of a stamp, an image may be written again."""
    found = os.stat(path)
    return [found.st_size, found.st_mtime_ns]


def _noted(note: str, now: list[int]) -> str:
    try:
        with open(note) as file:
            content = json.load(file)
        return str(content["sha256"]) if content["version"] == now else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # a cache, which may go at any time


def _note(note: str, content: dict[str, object]) -> None:
    with contextlib.suppress(OSError):  # a cache: without it the next call computes the same again
        os.makedirs(os.path.dirname(note), exist_ok=True)
        partial = f"{note}.{os.getpid()}"
        with open(partial, "w") as file:
            json.dump(content, file)
        os.replace(partial, note)


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()
