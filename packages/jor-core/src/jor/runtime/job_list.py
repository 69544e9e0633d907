"""Whether what a class lists as its jobs is a sequence of dictionaries; and if not, how to make one of it."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ..errors import JobModuleError
from .jobs import JobsBase

#: Most jobs of an entry; planning takes about 200 bytes of memory for each.
MAX_JOBS = 100_000_000
_REMEDY = "Let _mk_jobs set self._jobs to a list of dictionaries, or to jor.grid(...)"
#: What has this method, and is no sequence of dictionaries, makes one by it.
_METHODS = {"to_dicts": "df.to_dicts()", "to_pylist": "table.to_pylist()", "itertuples": "df.to_dict('records')"}


def check_job_list(jobs: JobsBase, path: str) -> None:
    """Raise JobModuleError if `_jobs` is no sequence of dictionaries; `path` is the job module's."""
    what, remedy = _wrong(jobs._jobs)
    if what:
        raise JobModuleError(what, where=path, remedy=remedy)


def _wrong(jobs: Any) -> tuple[str, str]:
    """Return what is wrong with a list of jobs, and the remedy; '' for nothing."""
    kind = type(jobs).__name__
    for attribute, method in _METHODS.items():
        if hasattr(jobs, attribute):
            return f"_jobs is a {kind}, not a sequence of dictionaries", f"Write: self._jobs = {method}"
    if isinstance(jobs, Mapping):
        lists = jobs and all(isinstance(value, (list, tuple, range)) for value in jobs.values())
        remedy = "jor.grid(**...) for all combinations" if lists else "list(....values())"
        return f"_jobs is {jobs!r:.100}, not a sequence of dictionaries", f"Write: self._jobs = {remedy}"
    try:
        count = len(jobs)
        fit = hasattr(jobs, "__getitem__") and not isinstance(jobs, (str, bytes, bytearray))
    except Exception:
        count, fit = 0, False
    if not fit:
        is_iterable = hasattr(jobs, "__iter__") and not isinstance(jobs, (str, bytes, bytearray))
        remedy = "Write: self._jobs = list(...)" if is_iterable else _REMEDY
        return f"_jobs is {jobs!r:.100}, not a sequence of dictionaries", remedy
    if count > MAX_JOBS:
        what = f"_jobs lists {count:,} jobs, more than the {MAX_JOBS:,} that can be planned"
        return what, "Make several entries of them, or let each job do more"
    if not hasattr(jobs, "__iter__") and _goes_on(jobs, count):
        what = f"_jobs has a length of {count:,}, and an item beyond that"
        return what, "Let its __getitem__ raise IndexError where it ends"
    return _wrong_item(jobs) if count else ("", "")


def _wrong_item(jobs: Any) -> tuple[str, str]:
    try:
        first = jobs[0]
    except Exception as error:
        is_labelled = hasattr(jobs, "tolist")  # a Series, whose items go by labels
        remedy = "Write: self._jobs = series.tolist()" if is_labelled else "Fix the sequence that _mk_jobs makes"
        return f"_jobs[0] raised {type(error).__name__}: {error}", remedy
    if hasattr(first, "keys"):
        return "", ""
    what = f"_jobs[0] is {first!r:.100}, not a dictionary from parameter names to values"
    if hasattr(first, "_asdict"):
        return what, "Write: self._jobs = [row._asdict() for row in ...]"
    if getattr(getattr(first, "dtype", None), "names", None):
        return what, "Write: self._jobs = [dict(zip(array.dtype.names, row)) for row in array.tolist()]"
    return what, _REMEDY


def _goes_on(jobs: Sequence[Any], count: int) -> bool:
    """Tell whether there is an item after the last: to iterate, which is by index then, would not end."""
    try:
        jobs[count]
    except Exception:
        return False  # IndexError is the end; anything else is told with its reason where the jobs are read
    return True
