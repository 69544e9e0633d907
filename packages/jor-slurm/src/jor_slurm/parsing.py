"""What Slurm's commands print -> records. Nothing here starts a process, and no text makes it raise.

Text formats with columns of our choice are the stable interface: --json differs by version and plugin, and squeue of
22.05 ignores every filter with it. No column is free text but the job's name, which stands last, and rows are matched
whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from .arrays import IndexSet
from .errors import IndexSetError, UnitError
from .states import ExitCode, JobState
from .units import parse_memory, parse_time

#: Columns of `squeue -o`: array job id, index, job id, state, nodes, start, end, reason, name.
QUEUE_FORMAT = "%F|%K|%A|%T|%N|%S|%e|%r|%j"
#: Columns of `sacct -P -o`.
ACCOUNTING_FORMAT = "JobID,JobIDRaw,State,ExitCode,Start,End,NodeList,ReqMem,MaxRSS,JobName"

_QUEUE_ROW = re.compile(
    r"(?P<array>[0-9]{1,10})\|(?P<index>[^|]*)\|(?P<job>[0-9]{1,10})\|(?P<state>[^|]+)\|(?P<nodes>[^|]*)"
    r"\|(?P<start>[^|]*)\|(?P<end>[^|]*)\|(?P<reason>[^|]*)\|(?P<name>[A-Za-z0-9._-]+)"
)
_JOB_ID = re.compile(r"([0-9]{1,10})(?:_([0-9]{1,10})|_\[([0-9,:%-]+)\])?(?:\.([A-Za-z0-9_+]+))?")


@attrs.frozen
class QueueRecord:
    """A row of squeue: one job, or the tasks of an array that still wait."""

    array_job_id: int
    #: Empty for a job that is no array.
    indices: IndexSet
    job_id: int
    state: JobState
    nodes: str
    #: As Slurm shows times: `2026-11-24T07:38:17`, in the zone of who asks; `N/A` when there is none.
    start: str
    end: str
    reason: str
    name: str


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
    start: str
    end: str
    #: Memory in bytes: what was asked for, and the most that a step used; None if not known.
    requested: int | None
    used: int | None
    name: str


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
    """Return what `squeue -h -o QUEUE_FORMAT` printed."""
    records = []
    unreadable = []
    for line in filter(None, text.split("\n")):
        match = _QUEUE_ROW.fullmatch(line)
        indices = _indices(match["index"]) if match else None
        if match is None or indices is None:
            unreadable.append(line)
            continue
        records.append(
            QueueRecord(
                int(match["array"]), indices, int(match["job"]), JobState.of(match["state"]), match["nodes"],
                match["start"], match["end"], match["reason"], match["name"],
            )
        )  # fmt: skip
    return Reading(queue=tuple(records), unreadable=tuple(unreadable))


def parse_accounting(text: str) -> Reading:
    """Return what `sacct -n -P -o ACCOUNTING_FORMAT` printed; the memory used by a job's steps is told with the job."""
    rows: dict[str, tuple[list[str], re.Match[str], IndexSet]] = {}
    used: dict[str, int] = {}
    unreadable = []
    for line in filter(None, text.split("\n")):
        fields = line.split("|", 9)
        match = _JOB_ID.fullmatch(fields[0])
        indices = _indices(match[2] or match[3] or "") if match else None
        if match is None or indices is None or len(fields) < 10:
            unreadable.append(line)
        elif match[4]:
            job = fields[0].rpartition(".")[0]
            used[job] = max(used.get(job, 0), _memory(fields[8]) or 0)
        else:
            rows[fields[0]] = fields, match, indices  # of a job that was requeued, the last life comes last
    records = tuple(_accounting(*row, used.get(job)) for job, row in rows.items())
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


def _accounting(fields: list[str], match: re.Match[str], indices: IndexSet, used: int | None) -> AccountingRecord:
    _, raw, state, exit_code, start, end, nodes, requested, _, name = fields
    by = re.fullmatch(r"CANCELLED by ([0-9]{1,10})", state)
    job_id = raw if re.fullmatch(r"[0-9]{1,10}", raw) else match[1]
    return AccountingRecord(
        int(match[1]), indices, int(job_id), JobState.of(state), int(by[1]) if by else None,
        ExitCode.parse(exit_code), nodes, start, end, _memory(requested), used, name,
    )  # fmt: skip


def _indices(text: str) -> IndexSet | None:
    """Return the indices of a row; None when they are cut short, or are none."""
    if text in ("N/A", ""):
        return IndexSet()
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
