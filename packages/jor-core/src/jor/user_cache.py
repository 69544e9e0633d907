"""What is expensive to find out, kept for the next command of this user: it may be deleted at any time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from typing import Any

from .runtime.record_files import read_record

#: Largest content that is kept, characters: reading it again must be cheaper than finding it out.
_MAX_LENGTH = 100_000_000
#: Seconds after which what nobody has renewed is deleted: its project is done, or gone.
_KEPT_FOR = 30 * 86400.0


def cache_folder() -> str:
    """Return the folder that all jor commands of this user share."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "jor")


def kept(kind: str, what: str) -> Any:
    """Return the plain data of this `kind` that was kept of `what`; None if there is none that can be read."""
    try:
        return json.loads(read_record(_path(kind, what), _MAX_LENGTH))
    except (OSError, ValueError, RecursionError):
        return None


def keep(kind: str, what: str, content: Any) -> None:
    """Keep `content`, plain data, as what is known of this `kind` of `what`; where that cannot be done, do nothing."""
    text = json.dumps(content, separators=(",", ":"))
    if len(text) > _MAX_LENGTH:
        return
    path = _path(kind, what)
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        halfway = f"{path}.{os.getpid()}"
        fd = os.open(halfway, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(fd, "w") as file:
            file.write(text)
        os.replace(halfway, path)
        _forget_old(kind)


def _path(kind: str, what: str) -> str:
    name = hashlib.sha256(os.fsencode(what)).hexdigest()[:32]
    return os.path.join(cache_folder(), f"{kind}-{name}.json")


def _forget_old(kind: str) -> None:
    with os.scandir(cache_folder()) as entries:
        for entry in entries:
            if entry.name.startswith(f"{kind}-") and time.time() - entry.stat().st_mtime > _KEPT_FOR:
                os.unlink(entry.path)
