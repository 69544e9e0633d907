"""Since when array tasks are missing from what squeue says.

One answer may be half of one, and a command may have no time to wait for another. So it is kept in the user's cache,
for the next command; where that cannot be written, within the command alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from jor.runs.submission import indices_of, ranges
from jor.runtime.run_folder import Run
from jor.user_cache import keep, kept

_KIND = "missing"
#: Seconds after which nobody asks for an array any more.
_KEPT_FOR = 7 * 86_400.0


class Missing:
    """The tasks that are missing, by the folder of their submission, and since when."""

    def __init__(self) -> None:
        self._is_changed = False

    @cached_property
    def _known(self) -> dict[str, dict[int, float]]:
        return _parsed(kept(_KIND, ""))

    def note(self, run: Run, tasks: Collection[int], asked: float) -> Mapping[int, float]:
        """Take down which tasks of a submission were missing when squeue was `asked`; return since when each is."""
        known = self._known.get(run.folder, {})
        now = {task: min(known.get(task, asked), asked) for task in tasks}  # a clock may have been ahead
        if now != known:
            self._is_changed = True
            self._known[run.folder] = now
        return now

    def keep(self, asked: float) -> None:
        """Keep it for the next command."""
        if self._is_changed:
            self._is_changed = False
            content = {}
            for folder, since in self._known.items():
                by_time: dict[float, list[int]] = {}
                for task, time in sorted(since.items()):
                    if asked - time < _KEPT_FOR:
                        by_time.setdefault(time, []).append(task)
                if by_time:
                    content[folder] = [[time, ranges(tasks)] for time, tasks in by_time.items()]
            keep(_KIND, "", content)


def _parsed(content: Any) -> dict[str, dict[int, float]]:
    try:
        return {
            str(folder): {task: float(time) for time, tasks in since for task in indices_of(tasks)}
            for folder, since in (content or {}).items()
        }
    except (AttributeError, TypeError, ValueError):
        return {}
