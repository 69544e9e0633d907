"""Answers of Slurm's commands, shared for a while by all processes of a user.

Ten programs that each poll every ten seconds then cost the controller one query in ten seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import TextIO

import attrs

from .errors import CommandError

#: Seconds after which an answer is deleted; none is taken for recent for so long.
KEPT_FOR = 86_400.0


@attrs.frozen
class Answer:
    """What a command printed, and when it was asked, seconds since 1970."""

    text: str
    asked: float
    #: Why there was no answer, and when that was known.
    error: str = ""
    failed: float = 0.0


@attrs.frozen
class Cache:
    """Answers kept in `folder`; without a folder, or where it cannot be written, each is asked for again."""

    folder: str = ""
    #: Seconds for which another's answer is waited for: who asks may be suspended, or its host gone.
    patience: float = 5.0

    def answer(
        self, argv: Sequence[str], max_age: float, ask: Callable[[Sequence[str]], str], *, cluster: str = ""
    ) -> Answer:
        """Return the answer to `argv`, at most `max_age` seconds old, by `ask` if there is none.

        `cluster` is what tells one cluster from another: see `cluster_key`. Others who want the same at the same time
        wait for it, for a while. What `ask` raises passes; a CommandError is theirs as well, or ten who wait would wait
        ten time-outs.
        """
        began = time.time()
        try:
            if not self.folder:
                raise OSError
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            name = hashlib.sha256(os.fsencode("\0".join([cluster, *argv]))).hexdigest()[:32]
            file = _locked(os.path.join(self.folder, name), self.patience)
        except OSError:
            return Answer(ask(argv), began)
        with file:
            kept = _read(file.read())
            now = time.time()
            if kept is not None and kept.error:
                if began <= kept.failed <= now:
                    raise CommandError(kept.error, remedy="Try again later")
            elif kept is not None and 0 <= now - kept.asked < max_age:
                return kept
            try:
                answer = Answer(ask(argv), now)
            except CommandError as error:
                _keep(file, Answer("", now, error.what, time.time()))
                raise
            _keep(file, answer)
            if kept is None:
                _forget_old(self.folder)
            return answer


def _keep(file: TextIO, answer: Answer) -> None:
    try:
        file.seek(0)
        file.truncate()
        file.write(json.dumps(attrs.asdict(answer)))
        file.flush()
    except OSError:
        pass  # a full disk: the next one asks again


def _forget_old(folder: str) -> None:
    """Delete the answers to what nobody has asked for a while: lists of job ids are asked for once, and no more."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if re.fullmatch(r"[0-9a-f]{32}(\..*)?", entry.name) and time.time() - entry.stat().st_mtime > KEPT_FOR:
                os.unlink(entry.path)


def _locked(path: str, patience: float) -> TextIO:
    """Return the file at `path`, which nobody else has now. Whoever keeps it for longer than `patience` loses it."""
    patience *= 1 + time.time_ns() % 1000 / 2000  # not all who wait lose it at once
    began = time.monotonic()
    deadline = began + patience
    pause = 0.001
    file = _opened(path)
    while not _lock(file.fileno()) or not _stands(file, path):
        if time.monotonic() > deadline:
            file.close()
            return _put_another(path)
        time.sleep(pause)
        pause = min(2 * pause, 0.1)
        if not _stands(file, path):  # another has lost patience, and asks now
            file.close()
            file = _opened(path)
            deadline = min(time.monotonic() + patience, began + 3 * patience)
    return file


def _opened(path: str, flags: int = 0) -> TextIO:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
    return open(fd, "r+", encoding="utf-8", errors="surrogateescape")


def _put_another(path: str) -> TextIO:
    """Put an empty file at `path`, locked, in place of the one that another keeps."""
    own = f"{path}.{os.getpid()}.{threading.get_ident()}"
    file = _opened(own, os.O_TRUNC)
    _lock(file.fileno())
    os.replace(own, path)
    return file


def _stands(file: TextIO, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        return False


def _lock(fd: int) -> bool:
    """Lock a file; tell whether nobody else has. On a file system without locks two may ask at the same time."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _read(text: str) -> Answer | None:
    try:
        content = json.loads(text)
        known = Answer(str(content["text"]), float(content["asked"]))
        return attrs.evolve(known, error=str(content.get("error", "")), failed=float(content.get("failed", 0)))
    except (ValueError, KeyError, TypeError):
        return None
