"""Slurm's commands: what they are asked, and what they answer."""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from .arrays import MAX_INDEX, IndexSet
from .cache import Answer, Cache
from .errors import CommandError, MissingError, OptionError, UnconfirmedError, UnreachableError
from .limits import Limits
from .options import SbatchOptions
from .parsing import (
    ACCOUNTING_FORMAT,
    QUEUE_FORMAT,
    AccountingRecord,
    QueueRecord,
    Reading,
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
#: What scancel says when there is nothing to cancel any more.
_NOTHING_LEFT = ("Invalid job id specified", "already completing or completed")
#: What scontrol says, as of an error, of an array of which some tasks have ended: it has done what was asked.
_DONE_IN_PART = re.compile(r"scontrol: (?:[\d_,\[\]-]+: (?:No error|Job has already finished)(?:; |$))+[\d_,\[\]-]*")
#: Jobs of which sacct is asked at once: very many ids make it fail or answer in part.
_AT_ONCE = 200


@attrs.frozen
class ArrayId:
    """A submitted array, or plain job. A job id is given again after a while: the job's name says whose it is."""

    job_id: int
    name: str
    #: '' for the cluster that sbatch asks by itself.
    cluster: str = ""


@attrs.frozen
class Queue:
    """What squeue said of the user's jobs, and when it was asked, seconds since 1970."""

    records: tuple[QueueRecord, ...]
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
        return ArrayId(found[0], options.job_name, found[1])

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

    def queue(self) -> Queue:
        """Return all jobs of the user that the controller knows: also those that ended within MinJobAge."""
        command = ("squeue", "--me", "-h", "-t", "all", "-o", QUEUE_FORMAT)
        answer = self._recent(command, self.max_age)
        reading = _queue_of(answer.text)
        return Queue(reading.queue, answer.asked, reading.unreadable)

    def find(self, name: str) -> tuple[int, ...]:
        """Return the job ids of the user's jobs with this name, ascending; asks squeue anew."""
        command = ("squeue", "--me", "-h", "-t", "all", f"--name={name}", "-o", QUEUE_FORMAT)
        records = _queue_of(self._ask(command)).queue
        return tuple(sorted({record.array_job_id for record in records if record.name == name}))

    def accounting(self, job_ids: Iterable[int], since: float) -> tuple[AccountingRecord, ...]:
        """Return what sacct knows of these arrays and jobs, submitted after `since`, seconds since 1970.

        Raise CommandError where there is no accounting.
        """
        start = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(since))
        wanted = sorted(set(job_ids))
        records: list[AccountingRecord] = []
        for first in range(0, len(wanted), _AT_ONCE):
            ids = ",".join(map(str, wanted[first : first + _AT_ONCE]))
            command = ("sacct", "-n", "-P", "-S", start, "-j", ids, "-o", ACCOUNTING_FORMAT)
            records += parse_accounting(self._recent(command, self.max_age).text).accounting
        return tuple(records)

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
        return self.cache.answer(command, max_age, self._ask, cluster=self.environment.get("SLURM_CONF", ""))

    def _ask(self, command: Sequence[str]) -> str:
        done = run(command, timeout=ASK_TIMEOUT, environment=asking_environment(self.environment))
        # Up to 23.02 sacct may end with status 0 where its database does not answer.
        is_mute = command[0] == "sacct" and not done.stdout and "error:" in done.stderr
        if done.returncode or is_mute:
            words = "; ".join(filter(None, map(str.strip, done.stderr.split("\n"))))[:500]
            kind = UnreachableError if "contact slurm controller" in words else CommandError
            remedy = "This cluster keeps none" if "accounting storage is disabled" in words else "Try again later"
            if "Could not establish a configuration source" in words:  # neither a slurm.conf nor a server of one
                remedy = "Run it where Slurm knows its cluster: on a login node; if this is one, try again later"
            raise kind(f"{command[0]}: {words or f'exit status {done.returncode}'}", remedy=remedy)
        return done.stdout


def _queue_of(text: str) -> Reading:
    """Return what squeue printed. Raise CommandError when none of it is a row: that is no empty queue."""
    reading = parse_queue(text)
    if reading.unreadable and not reading.queue:
        raise CommandError(f"squeue printed no rows, but {reading.unreadable[0]!r:.100}", remedy="Try again later")
    return reading


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
