"""Folders, wherever they are."""

from __future__ import annotations

import os


def cache_folder() -> str:
    """Return the folder in which all jor commands of this user share what is dear to find out: it may go."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "jor")


def existing(path: str) -> str:
    """Return `path`, or the nearest folder above it that there is."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path
