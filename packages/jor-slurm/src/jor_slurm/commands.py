"""Slurm's commands: what they are asked, and what they answer."""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from .answers import why_no_answer
from .arrays import MAX_INDEX, IndexSet
from .cache import Answer, Cache
from .configuration import cluster_key
from .errors import CommandError, MissingError, OptionError, UnconfirmedError, UnreachableError
from .limits import Limits
from .options import SbatchOptions
from .parsing import (
    ACCOUNTING_FORMAT,
    QUEUE_FORMAT,
    AccountingRecord,
    QueueRecord,
    parse_accounting,
    parse_objects,
    parse_queue,
    parse_settings,
    parse_submission,
)
from .refusals import refusal
from .running import asking_environment, run, submission_environment

#: The indices of a job that is no array.
PLAIN = IndexSet()
#: Characters of --array that slurmctld takes (job_mgr.c); a longer one is refused as "pathname too long".
MAX_ARRAY_TEXT = 4096
#: Seconds for sbatch: where the queue is full, it tries again by itself for up to 120 s.
SUBMIT_TIMEOUT = 150.0
#: Seconds for the other commands.
ASK_TIMEOUT = 60.0
#: Seconds for which what the cluster allows is not asked for again.
LIMITS_AGE = 600.0
#: What squeue says of a single job that the controller has forgotten, or has never known; of several it is silent.
_FORGOTTEN = "Invalid job id specified"
#: What scancel says when there is nothing to cancel any more.
_NOTHING_LEFT = (_FORGOTTEN, "already completing or completed")
#: What scontrol says, as of an error, of an array of which some tasks have ended: it has done what was asked.
_DONE_IN_PART = re.compile(r"scontrol: (?:[\d_,\[\]-]+: (?:No error|Job has already finished)(?:; |$))+[\d_,\[\]-]*")
#: All jobs, also those that have ended, and those in partitions that are hidden from the user.
_SQUEUE = ("squeue", "-a", "-t", "all", "-o", QUEUE_FORMAT)
_SACCT = ("sacct", "-P", "-o", ACCOUNTING_FORMAT)
#: Jobs of which squeue or sacct is asked at once: very many ids make sacct fail or answer in part.
_AT_ONCE = 200
#: The highest number that can be the id of a job: NO_VAL is above it.
_MAX_JOB_ID = 2**32 - 3
#: Seconds by which the time that Slurm gives a submission may be before that of the submitter.
CLOCKS_DIFFER = 86_400.0


@attrs.frozen
class ArrayId:
    """A submitted array, or plain job. A job id is given again after a while: the rest says whether it is the same."""

    job_id: int
    #: As submitted: a site may show another one.
    name: str
    #: '' for the cluster that sbatch asks by itself.
    cluster: str = ""
    #: Whose it is, a user id; None if not known.
    user: int | None = None
    #: Since when Slurm has it, as a row has shown it, seconds since 1970; None if not known.
    submitted: float | None = None

    def owns(self, record: QueueRecord | AccountingRecord) -> bool:
        """Tell whether a row is of this array: by job id, user and time of submission, else by its name."""
        is_other = self.user is not None and record.user is not None and record.user != self.user
        if record.array_job_id != self.job_id or is_other:
            return False
        if record.name == self.name or _is_cut(record.name, self.name):  # a requeue changes the time
            return _later(self, record) > -CLOCKS_DIFFER
        # Not by a time that is about the same: a controller that has lost its state gives the same ids again at once.
        return _later(self, record) == 0 and None not in (self.submitted, record.submitted)


def _is_cut(shown: str, name: str) -> bool:
    """Tell whether `shown` is as much of a name as accounting keeps."""
    text = os.fsencode(shown)
    return len(text) == 255 and os.fsencode(name).startswith(text)


def _later(array: ArrayId, record: QueueRecord | AccountingRecord) -> float:
    """Return by how many seconds a row was submitted later than the array; 0 if that is not known."""
    return record.submitted - array.submitted if record.submitted and array.submitted else 0


@attrs.frozen
class Queue:
    """What squeue said of jobs, and when it was asked, seconds since 1970."""

    records: tuple[QueueRecord, ...]
    asked: float
    #: Lines that were no rows.
    unreadable: tuple[str, ...] = ()


@attrs.frozen
class Accounting:
    """What sacct said of jobs, and when it was asked, seconds since 1970."""

    records: tuple[AccountingRecord, ...]
    asked: float
    #: Lines that were no rows.
    unreadable: tuple[str, ...] = ()


@attrs.frozen
class Slurm:
    """The cluster that Slurm's commands here belong to."""

    environment: Mapping[str, str] = attrs.field(factory=lambda: dict(os.environ))
    cache: Cache = attrs.field(factory=Cache)
    #: Seconds for which what squeue and sacct say may be taken from the cache.
    max_age: float = 0.0

    def submit_command(self, options: SbatchOptions, indices: IndexSet, throttle: int | None = None) -> tuple[str, ...]:
        """Return the command that submits a script on its standard input, as an array unless `indices` is empty.

        At most `throttle` tasks run at once; None or 0: any number. Raise OptionError for what Slurm would not take, or
        take for something else.
        """
        command = ("sbatch", "--parsable", "--export=ALL", *options.argv())
        if not indices:
            return command
        array = f"{indices}%{_checked(throttle)}" if throttle else str(indices)
        if len(array) > MAX_ARRAY_TEXT:
            raise OptionError(
                f"the indices are {len(array)} characters long: Slurm takes {MAX_ARRAY_TEXT}",
                remedy="Number the tasks from 0 on, or submit several arrays",
            )
        return (*command, f"--array={array}")

    def submit(
        self, script: str, options: SbatchOptions, indices: IndexSet = PLAIN, throttle: int | None = None
    ) -> ArrayId:
        """Submit `script`; return what it became.

        Raise RefusedError (LimitError: come back later), UnreachableError (nothing was submitted) or UnconfirmedError:
        the job may have been accepted, or be accepted within the next five minutes. Find it by its name then, and do
        not submit it again before: see `find`.
        """
        if not options.job_name:
            raise OptionError("the job has no name", remedy="Give it one that no other has: by it, it is found again")
        environment = submission_environment(self.environment)
        try:
            done = run(
                self.submit_command(options, indices, throttle),
                timeout=SUBMIT_TIMEOUT, environment=environment, text=script,
            )  # fmt: skip
        except MissingError:
            raise
        except CommandError as error:
            raise UnconfirmedError(error.what, remedy=error.remedy) from error
        found = parse_submission(done.stdout)
        if found is not None and done.returncode:
            said = f"sbatch gave the job id {found[0]} and ended with exit status {done.returncode}"
            raise UnconfirmedError(said, remedy="Look whether squeue shows it")
        if found is None:
            raise refusal(done.returncode, done.stderr)
        return ArrayId(found[0], options.job_name, found[1], os.getuid())

    def try_submission(self, script: str, options: SbatchOptions, indices: IndexSet = PLAIN) -> str:
        """Return when and where `script` would start, in Slurm's words; submit nothing (`sbatch --test-only`).

        Raise RefusedError, LimitError or CommandError when it would not be accepted.
        """
        command = (*self.submit_command(options, indices), "--test-only")
        environment = submission_environment(self.environment)
        done = run(command, timeout=SUBMIT_TIMEOUT, environment=environment, text=script)
        if done.returncode:
            raise refusal(done.returncode, done.stderr)
        return (done.stderr or done.stdout).strip().rpartition("\n")[2].removeprefix("sbatch: ")

    def queue(self, job_ids: Iterable[int] = ()) -> Queue:
        """Return all jobs of the user that the controller knows: also those that ended within MinJobAge.

        And those of `job_ids`, whoever's they are: what it does not know of them is not there, and no error.
        """
        answers = [self._recent((*_SQUEUE, "--me"), self.max_age)]
        known = {record.array_job_id for record in parse_queue(answers[0].text).queue}
        others = sorted({number for number in job_ids if 0 < number <= _MAX_JOB_ID} - known)
        for some in _batches(others):
            answers += self._shown(some)
        readings = [parse_queue(answer.text) for answer in answers]
        return Queue(
            tuple(record for reading in readings for record in reading.queue),
            min(answer.asked for answer in answers),
            tuple(line for reading in readings for line in reading.unreadable),
        )

    def _shown(self, job_ids: Sequence[int]) -> list[Answer]:
        """Return what squeue says of these jobs; those that it does not know do not hide the others."""
        try:
            return [self._recent((*_SQUEUE, "-j", ",".join(map(str, job_ids))), self.max_age)]
        except CommandError as error:
            if _FORGOTTEN not in error.what:
                raise
        half = len(job_ids) // 2
        return [*self._shown(job_ids[:half]), *self._shown(job_ids[half:])] if half else []

    def find(self, name: str) -> tuple[int, ...]:
        """Return the job ids of the user's jobs with this name, ascending; asks squeue anew."""
        records = parse_queue(self._ask((*_SQUEUE, "--me", f"--name={name}"))).queue
        return tuple(sorted({record.array_job_id for record in records if record.name == name}))

    def accounting(self, job_ids: Iterable[int], since: float) -> Accounting:
        """Return what sacct knows of these arrays and jobs, submitted after `since`, seconds since 1970.

        Raise CommandError where there is no accounting.
        """
        start = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(since))
        answers = [
            self._recent((*_SACCT, "-S", start, "-j", ",".join(map(str, some))), self.max_age)
            for some in _batches(sorted(set(job_ids)))
        ]
        readings = [parse_accounting(answer.text) for answer in answers]
        return Accounting(
            tuple(record for reading in readings for record in reading.accounting),
            min((answer.asked for answer in answers), default=time.time()),
            tuple(line for reading in readings for line in reading.unreadable),
        )

    def cancel(self, array: ArrayId, indices: IndexSet = PLAIN) -> None:
        """Cancel an array, or these tasks of it; nothing if its id has been given to another job since."""
        command: tuple[str, ...] = ("scancel", f"--name={array.name}", str(array.job_id))
        if indices:
            # Not together with --name, by which scancel (22.05) takes the tasks named for all of the array.
            if array.job_id not in self.find(array.name):
                return
            command = ("scancel", f"{array.job_id}_[{indices}]")
        try:
            self._ask(command)
        except CommandError as error:
            if not any(words in error.what for words in _NOTHING_LEFT):
                raise

    def throttle(self, array: ArrayId, tasks: int) -> None:
        """Let at most `tasks` tasks of an array run at once from now on; 0 for any number."""
        try:
            self._ask(("scontrol", "update", f"JobId={array.job_id}", f"ArrayTaskThrottle={_checked(tasks)}"))
        except CommandError as error:
            if not _DONE_IN_PART.fullmatch(error.what):
                raise

    def cluster_name(self) -> str:
        """Return the name of the cluster, ClusterName. Raise CommandError where scontrol does not tell it."""
        return parse_settings(self._settled("scontrol", "show", "config")).get("ClusterName", "")

    def limits(self) -> Limits:
        """Return what the cluster and the user's account allow."""
        settings = parse_settings(self._settled("scontrol", "show", "config"))
        limits = Limits.of(settings, parse_objects(self._settled("scontrol", "-o", "show", "partition")))
        return attrs.evolve(limits, max_submitted=self._submit_limit()) if limits.has_accounting else limits

    def _submit_limit(self) -> int | None:
        """Return how many jobs the user may have submitted: the least of his associations and their default QOS."""
        show = ("sacctmgr", "-n", "-P", "show")
        try:
            user = pwd.getpwuid(os.getuid()).pw_name  # not a variable of the environment, which may say anything
        except KeyError:
            return None  # he has no name here
        try:
            rows = self._settled(*show, "assoc", f"user={user}", "format=MaxSubmitJobs,DefaultQOS,QOS").split("\n")
            qos = self._settled(*show, "qos", "format=Name,MaxSubmitJobsPerUser").split("\n")
        except CommandError:
            return None  # what it would have told, sbatch will tell
        of_qos = {name: limit for name, _, limit in (row.partition("|") for row in qos)}
        found = []
        for row in filter(None, rows):
            limit, default, names = [*row.split("|", 2), "", ""][:3]
            names = default or (names if "," not in names else "")
            found += [int(text) for text in (limit, of_qos.get(names, "")) if re.fullmatch(r"[0-9]{1,10}", text)]
        return min(found, default=None)

    def _settled(self, *command: str) -> str:
        return self._recent(command, LIMITS_AGE).text

    def _recent(self, command: Sequence[str], max_age: float) -> Answer:
        return self.cache.answer(command, max_age, self._ask, cluster=cluster_key(self.environment, command[0]))

    def _ask(self, command: Sequence[str]) -> str:
        done = run(command, timeout=ASK_TIMEOUT, environment=asking_environment(self.environment))
        why = why_no_answer(done)
        if why:
            kind = UnreachableError if "contact slurm controller" in why else CommandError
            remedy = "This cluster keeps none" if "accounting storage is disabled" in why else "Try again later"
            if "Could not establish a configuration source" in why:  # neither a slurm.conf nor a server of one
                remedy = "Run it where Slurm knows its cluster: on a login node; if this is one, try again later"
            raise kind(f"{command[0]}: {why}", remedy=remedy)
        return done.stdout


def _batches(job_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (job_ids[first : first + _AT_ONCE] for first in range(0, len(job_ids), _AT_ONCE))


def _checked(throttle: int) -> int:
    """Return a number of tasks that run at once. Slurm drops a negative one, and counts too large ones anew from 0."""
    if not 0 <= throttle <= MAX_INDEX + 1:
        raise OptionError(f"{throttle} is no number of tasks that run at once", remedy="Give 1 or more, or 0 for any")
    return throttle


Retried = Callable[[], ArrayId]


def patiently(submit: Retried, *, patience: float = 60.0, sleep: Callable[[float], None] = time.sleep) -> ArrayId:
    """Return what `submit` returns; call it again for up to `patience` seconds while the controller is not reached."""
    pause = 2.0
    while True:
        try:
            return submit()
        except UnreachableError:
            if patience < pause:
                raise
        sleep(pause)
        patience -= pause
        pause *= 2
