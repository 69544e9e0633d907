"""Answers of Slurm's commands, shared for a while by all processes of a user.

Ten programs that each poll every ten seconds then cost the controller one query in ten seconds.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from typing import TextIO

import attrs

from .errors import CommandError


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
    """Answers kept in `folder`; without a folder, or where it cannot be written, each is asked for anew."""

    folder: str = ""

    def answer(
        self, argv: Sequence[str], max_age: float, ask: Callable[[Sequence[str]], str], *, cluster: str = ""
    ) -> Answer:
        """Return the answer to `argv`, at most `max_age` seconds old, by `ask` if there is none.

        `cluster` is what tells one cluster from another: SLURM_CONF. Others who want the same at the same time wait for
        it. What `ask` raises passes; a CommandError is theirs as well, or ten who wait would wait ten time-outs.
        """
        began = time.time()
        try:
            if not self.folder:
                raise OSError
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            name = hashlib.sha256("\0".join([cluster, *argv]).encode()).hexdigest()[:32]
            fd = os.open(os.path.join(self.folder, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            return Answer(ask(argv), began)
        with open(fd, "r+", encoding="utf-8", errors="surrogateescape") as file:
            _lock(file.fileno())
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
            return answer


def _keep(file: TextIO, answer: Answer) -> None:
    try:
        file.seek(0)
        file.truncate()
        file.write(json.dumps(attrs.asdict(answer)))
        file.flush()
    except OSError:
        pass  # a full disk: the next one asks anew


def _lock(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError:
        pass  # no locks on this file system: two may ask at the same time


def _read(text: str) -> Answer | None:
    try:
        content = json.loads(text)
        known = Answer(str(content["text"]), float(content["asked"]))
        return attrs.evolve(known, error=str(content.get("error", "")), failed=float(content.get("failed", 0)))
    except (ValueError, KeyError, TypeError):
        return None
