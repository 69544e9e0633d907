"""What a cluster and an account allow, as far as it can be known before sbatch is asked.

Sources: slurm.conf(5), MaxArraySize, MaxJobCount, SchedulerParameters max_array_tasks; scontrol show partition;
sacctmgr(1), MaxSubmitJobs and MaxSubmitJobsPerUser.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import attrs

from .errors import RefusedError
from .parsing import parse_limit


@attrs.frozen
class Limits:
    """The limits of a cluster; None for none, or none that is known."""

    version: str = ""
    #: The cluster's name, ClusterName.
    cluster: str = ""
    #: The highest array index, plus one.
    max_array_size: int = 1001
    #: How many tasks one array may have.
    max_array_tasks: int | None = None
    max_job_count: int = 10_000
    #: Seconds for which a job that has ended is still in the queue.
    min_job_age: int = 300
    has_accounting: bool = False
    default_partition: str = ""
    #: The longest time limit of each partition, seconds.
    partitions: Mapping[str, int | None] = attrs.field(factory=dict)
    #: How many nodes each partition has.
    nodes: Mapping[str, int] = attrs.field(factory=dict)
    #: How many jobs and array tasks the user may have in the queue.
    max_submitted: int | None = None

    @classmethod
    def of(
        cls, settings: Mapping[str, str], partitions: Iterable[Mapping[str, str]], submit_limits: Iterable[int] = ()
    ) -> Limits:
        """Return the limits that `scontrol show config` and `show partition` tell, and sacctmgr, where it is asked."""
        parameters = settings.get("SchedulerParameters", "")
        tasks = re.search(r"\bmax_array_tasks=([0-9]{1,10})\b", parameters)
        known = [one for one in partitions if "PartitionName" in one]
        return cls(
            version=settings.get("SLURM_VERSION", ""),
            cluster=settings.get("ClusterName", ""),
            max_array_size=_number(settings.get("MaxArraySize", ""), 1001),
            max_array_tasks=int(tasks[1]) if tasks else None,
            max_job_count=_number(settings.get("MaxJobCount", ""), 10_000),
            min_job_age=_number(settings.get("MinJobAge", ""), 300),
            has_accounting=settings.get("AccountingStorageType", "").startswith("accounting_storage/slurmdbd"),
            default_partition=next((one["PartitionName"] for one in known if one.get("Default") == "YES"), ""),
            partitions={one["PartitionName"]: parse_limit(one.get("MaxTime", "")) for one in known},
            nodes={one["PartitionName"]: _number(one.get("TotalNodes", ""), 0) for one in known},
            max_submitted=min(submit_limits, default=None),
        )

    @property
    def largest_array(self) -> int:
        """The most tasks of an array whose indices begin at 0. Raise RefusedError where a cluster takes no arrays."""
        # An array of as many tasks as MaxJobCount is never accepted: slurmctld wants room for one more.
        most = min(self.max_array_size, self.max_array_tasks or self.max_array_size, max(self.max_job_count - 1, 1))
        if most < 1:
            raise RefusedError("this cluster takes no job arrays (MaxArraySize is 0)", remedy="Ask its administrators")
        return most

    def array_sizes(self, tasks: int) -> tuple[int, ...]:
        """Return the sizes of the arrays that `tasks` tasks are to be cut into. Raise RefusedError as above."""
        whole, rest = divmod(tasks, self.largest_array)
        return (self.largest_array,) * whole + ((rest,) if rest else ())

    def max_time(self, partition: str) -> int | None:
        """Return the longest time limit in seconds that a partition, or the best of several, allows; None for any."""
        times = [self.partitions.get(name) for name in (partition or self.default_partition).split(",")]
        return None if None in times else max(time for time in times if time is not None)


def _number(text: str, default: int) -> int:
    match = re.match(r"[0-9]{1,18}", text)
    return int(match[0]) if match else default
