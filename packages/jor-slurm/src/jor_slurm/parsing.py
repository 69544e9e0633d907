"""What Slurm's commands print -> records. Nothing here starts a process, and no text makes it raise.

Text formats with columns of our choice are the stable interface: --json differs by version and plugin, and squeue of
22.05 ignores every filter with it. No column is free text but the job's name, which stands last, and rows are matched
whole. The header is asked for as well: it stands there also where nothing is queued, and where it is missing, nobody
has answered.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import attrs

from .arrays import MAX_INDEX, IndexSet
from .errors import IndexSetError, UnitError
from .states import ExitCode, JobState
from .units import parse_memory, parse_time

#: Columns of `squeue -o`: array job id, index, job id as shown, job id, state, nodes, start, end, submitted, user id,
#: reason, name.
QUEUE_FORMAT = "%F|%K|%i|%A|%T|%N|%S|%e|%V|%U|%r|%j"
#: Columns of `sacct -P -o`.
ACCOUNTING_FORMAT = "JobID,JobIDRaw,State,ExitCode,Start,End,Submit,UID,NodeList,ReqMem,MaxRSS,JobName"
#: In the environment of both: times as seconds since 1970, of which there is one only for each moment.
TIME_FORMAT = "%s"

_QUEUE_HEADER = "ARRAY_JOB_ID|"
_ACCOUNTING_HEADER = "JobID|"
_COLUMNS = ACCOUNTING_FORMAT.count(",")
_QUEUE_COLUMNS = QUEUE_FORMAT.count("|")
#: A job, an array task, the tasks of an array that still wait, a part of a heterogeneous job; then the step.
_JOB_ID = re.compile(r"([0-9]{1,10})(?:_([0-9]{1,10})|_\[([0-9,:%-]+)\]|\+([0-9]{1,5}))?(?:\.([A-Za-z0-9_+]+))?")


@attrs.frozen
class QueueRecord:
    """A row of squeue: one job, or the tasks of an array that still wait."""

    #: Of a part of a heterogeneous job the job id of the whole.
    array_job_id: int
    #: Empty for a job that is no array.
    indices: IndexSet
    job_id: int
    state: JobState
    nodes: str
    #: Seconds since 1970; None when that is not known. What has not begun or ended may show when it is expected to.
    start: int | None
    end: int | None
    reason: str
    #: Any text.
    name: str
    #: Whose it is, a user id.
    user: int | None = None
    #: Since when Slurm has it, seconds since 1970; a requeue changes it.
    submitted: int | None = None
    #: Which part of a heterogeneous job, from 0 on; None for any other job.
    component: int | None = None


@attrs.frozen
class AccountingRecord:
    """What sacct knows of one job, or of the tasks of an array that have not been told apart yet."""

    array_job_id: int
    indices: IndexSet
    job_id: int
    state: JobState
    #: Who cancelled it, a user id; None if nobody did.
    cancelled_by: int | None
    exit_code: ExitCode | None
    nodes: str
    #: As in QueueRecord.
    start: int | None
    end: int | None
    #: Memory in bytes: what was asked for, and the most that a step used; None if not known.
    requested: int | None
    used: int | None
    name: str
    #: As in QueueRecord.
    user: int | None = None
    submitted: int | None = None
    component: int | None = None


@attrs.frozen
class Reading:
    """The records of an answer, and those of its lines that were none."""

    queue: tuple[QueueRecord, ...] = ()
    accounting: tuple[AccountingRecord, ...] = ()
    unreadable: tuple[str, ...] = ()


def parse_submission(stdout: str) -> tuple[int, str] | None:
    """Return the job id and the cluster ('' if not told) that `sbatch --parsable` printed; None if it printed none.

    Sites print banners: the last line that is wholly an id counts.
    """
    for line in reversed(stdout.split("\n")):
        match = re.fullmatch(r"([0-9]{1,10})(?:;([\w.-]+))?", line.strip())
        if match:
            return int(match[1]), match[2] or ""
    return None


def parse_queue(text: str) -> Reading:
    """Return what `squeue -o QUEUE_FORMAT` printed."""
    records = []
    unreadable = []
    for line in filter(None, text.split("\n")):
        record = _queued(line.split("|", _QUEUE_COLUMNS))
        if record is not None:
            records.append(record)
        elif not line.startswith(_QUEUE_HEADER):
            unreadable.append(line)
    return Reading(queue=tuple(records), unreadable=tuple(unreadable))


def parse_accounting(text: str) -> Reading:
    """Return what `sacct -P -o ACCOUNTING_FORMAT` printed; the memory used by a job's steps is told with the job."""
    rows: dict[str, tuple[list[str], re.Match[str], IndexSet]] = {}
    used: dict[str, int] = {}
    unreadable = []
    for line in filter(None, text.split("\n")):
        fields = line.split("|", _COLUMNS)
        match = _JOB_ID.fullmatch(fields[0])
        indices = _indices(match[2] or match[3] or "") if match else None
        if line.startswith(_ACCOUNTING_HEADER):
            continue
        if match is None or indices is None or len(fields) <= _COLUMNS:
            unreadable.append(line)
        elif match[5]:
            job = fields[0].partition(".")[0]
            used[job] = max(used.get(job, 0), _memory(fields[10]) or 0)
        else:
            rows[fields[0]] = fields, match, indices  # of a job that was requeued, the last life comes last
    records = tuple(_accounted(*row, used.get(job)) for job, row in rows.items())
    return Reading(accounting=records, unreadable=tuple(unreadable))


def parse_settings(text: str) -> dict[str, str]:
    """Return the names and values that `scontrol show config` prints."""
    matches = (re.match(r"(\S+)\s*= ?(.*)", line) for line in text.split("\n"))
    return {match[1]: match[2].strip() for match in matches if match}


def parse_objects(text: str) -> Iterator[dict[str, str]]:
    """Yield the `name=value` pairs of each line that `scontrol -o show ...` prints."""
    for line in filter(None, text.split("\n")):
        yield dict(re.findall(r"(\w+)=(\S*)", line))


def parse_limit(text: str) -> int | None:
    """Return a limit in seconds as partitions and QOS show it; None for no limit, or what is no time."""
    try:
        return parse_time(text)
    except UnitError:
        return None


def _queued(fields: list[str]) -> QueueRecord | None:
    """Return the record of a row's columns; None if they are none."""
    if len(fields) <= _QUEUE_COLUMNS:
        return None
    array, index, shown, job, state, nodes, start, end, submitted, user, reason, name = fields
    array_job_id, job_id, indices = _number(array), _number(job), _indices(index)
    if array_job_id is None or job_id is None or indices is None or not state:
        return None
    component = None
    if "+" in shown:
        whole, _, part = shown.partition("+")
        array_job_id, component = _number(whole) or array_job_id, _number(part)
    return QueueRecord(
        array_job_id, indices, job_id, JobState.of(state), nodes, _moment(start), _moment(end), reason, name,
        _number(user), _moment(submitted), component,
    )  # fmt: skip


def _accounted(fields: list[str], match: re.Match[str], indices: IndexSet, used: int | None) -> AccountingRecord:
    _, raw, state, exit_code, start, end, submitted, user, nodes, requested, _, name = fields
    by = re.fullmatch(r"CANCELLED by ([0-9]{1,10})", state)
    job_id = raw if re.fullmatch(r"[0-9]{1,10}", raw) else match[1]
    return AccountingRecord(
        int(match[1]), indices, int(job_id), JobState.of(state), int(by[1]) if by else None,
        ExitCode.parse(exit_code), nodes, _moment(start), _moment(end), _memory(requested), used, name,
        _number(user), _moment(submitted), _number(match[4] or ""),
    )  # fmt: skip


def _number(text: str) -> int | None:
    return int(text) if len(text) <= 10 and text.isascii() and text.isdigit() else None


def _moment(text: str) -> int | None:
    """Return a time as seconds since 1970; None for `N/A`, `Unknown` and the like.

    What does not heed TIME_FORMAT shows the time in the zone of who asks, which may mean two moments.
    """
    if not text[:1].isdigit():
        return None
    number = _number(text)
    if number is not None:
        return number
    try:
        return int(time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S")))
    except (ValueError, OverflowError):
        return None


def _indices(text: str) -> IndexSet | None:
    """Return the indices of a row; None when they are cut short, or are none."""
    if text in ("N/A", ""):
        return IndexSet()
    number = _number(text)
    if number is not None and number <= MAX_INDEX:  # most rows, and the short way
        return IndexSet(((number, number),))
    try:
        return IndexSet.parse(text.partition("%")[0])
    except IndexSetError:
        return None


def _memory(text: str) -> int | None:
    """Return bytes of what sacct shows: `4G`, `1.50M`, `100Mn` (for each node, up to 20.11).

    `500Mc`, for each CPU, tells nothing of the job as a whole.
    """
    match = re.fullmatch(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?([KMGT]?)n?", text)
    if match is None:
        return None
    try:
        whole = parse_memory(f"{match[1]}{match[3] or 'K'}") if match[3] else int(match[1])
        unit = parse_memory(f"1{match[3]}") if match[3] else 1
    except UnitError:
        return None
    return whole + int(unit * float(f"0.{match[2] or 0}"))
