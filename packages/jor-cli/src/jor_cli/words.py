"""Phrases that several answers share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any


def jobs_of(count: int) -> str:
    """Return '1 job' or '2 jobs'."""
    return f"{count:,} job{'' if count == 1 else 's'}"


def tasks_of(count: int) -> str:
    """Return '1 task' or '2 tasks'."""
    return f"{count:,} task{'' if count == 1 else 's'}"


def told_parameters(parameters: Mapping[str, Any]) -> str:
    """Return the parameters of a job on one line."""
    return " ".join(f"{name}={value!r}" for name, value in parameters.items())


def told_logs(logs: Iterable[str]) -> list[str]:
    """Return a line for each different log, '' for none, that says where it is."""
    return [f"What they printed: {os.path.relpath(log)}" for log in dict.fromkeys(logs) if log]
