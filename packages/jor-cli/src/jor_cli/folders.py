"""Folders, wherever they are."""

from __future__ import annotations

import os


def existing(path: str) -> str:
    """Return `path`, or the nearest folder above it that there is."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path
