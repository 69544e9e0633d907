"""A plan carried out by Slurm: job arrays submitted once and no more, whatever happens in between."""

from __future__ import annotations

import math
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import attrs

from jor.local.worker_pool import environment
from jor.planning.planner import Survey, make_submission
from jor.planning.status import Phase
from jor.runs.attempts import durations
from jor.runs.folder_lock import FolderLock
from jor.runs.journals import may_live
from jor.runs.lease import server_time
from jor.runs.store import revoke, run_of, write_batch
from jor.runs.submission import new_token, ranges
from jor.runtime.lifetime import heeded_within
from jor.runtime.run_folder import Run
from jor.settings.config import Config
from jor.settings.options import Value
from jor.user_cache import cache_folder
from jor_slurm import (
    AccountLimitError,
    ArrayId,
    Cache,
    CommandError,
    LimitError,
    Limits,
    RefusedError,
    Slurm,
    UnconfirmedError,
    UnreachableError,
    batch_script,
    literal,
    patiently,
)

from .. import request_log
from .missing import Missing
from .monitor import Inquiry
from .prologue import require_syntax
from .sbatch_request import Request, apart, by_needs, indices, job_name, needs_of, request, script_of, submit_command
from .submissions import Active, Outcome, Prepared, Quota, Submitted, Written

if TYPE_CHECKING:
    from ...environments.worker_command import WorkerCommand

#: The command jor as text for `python -c`: with -m, files of the folder in which it starts would be jor's modules.
_JOR = "import sys; sys.path[:] = filter(None, sys.path); from jor_cli.__main__ import main; main()"
#: Seconds between two looks for an array whose submission was not confirmed, and how many looks are taken.
LOOKS = (2.0, 4.0, 8.0)
#: Seconds between two polls of a command that waits, at least, however new users want its answers to be.
LEAST_PAUSE = 1.0


class Backend:
    """The cluster, as one command of jor sees it."""

    def __init__(self, config: Config) -> None:
        # What a site has put into the environment is the least that a user may choose.
        floor = config.environment.get("poll-interval")
        max_age = max(config["poll-interval"], float(floor.value or 0) if floor else 0.0)
        #: Seconds between two polls of a command that waits.
        self.pause = max(max_age, LEAST_PAUSE)
        self._slurm = Slurm(environment(), Cache(cache_folder()), max_age)
        missing = Missing()
        #: For planning: what others have submitted a moment ago counts.
        self.inquiry = Inquiry(attrs.evolve(self._slurm, max_age=min(1.0, max_age)), missing, is_planning=True)
        #: For showing.
        self.view = Inquiry(self._slurm, missing)
        self._limits: Limits | None = None
        self._quotas: defaultdict[tuple[str | None, ...], Quota] = defaultdict(Quota)
        self._submitted = 0
        #: What has been written and may not have been asked for.
        self._prepared: list[Prepared] = []
        #: Prologues that bash can read.
        self._read_prologues: set[Value] = set()

    def refresh(self) -> None:
        """Ask Slurm anew the next time."""
        self.inquiry.refresh()
        self.view.refresh()
        for quota in self._quotas.values():
            quota.full = quota.refusal = ""
        self._submitted = 0

    @property
    def slurm(self) -> Slurm:
        """Slurm's commands."""
        return self._slurm

    @property
    def limits(self) -> Limits:
        """What the cluster and the account allow."""
        if self._limits is None:
            self._limits = self._slurm.limits()
        return self._limits

    def check(self, found: Survey) -> None:
        """Raise an error for what Slurm would not take of an entry, as far as it need not be asked."""
        prologue = found.config.setting("prologue")
        if prologue.value and prologue.value not in self._read_prologues:
            require_syntax(str(prologue.value), prologue.source)
            self._read_prologues.add(prologue.value)
        count = max(len(found.status.pending), 1)
        seen = _durations(found) if found.config["signal"] else []  # read from journals: not for nothing
        wanted = request(found.config, needs_of(found.config), count, seen, Limits())
        wanted.options_of(job_name(found.entry.label, "token"), found.records)

    def plan(self, found: Survey, chosen: Sequence[int]) -> Iterator[tuple[Request, Sequence[int]]]:
        """Yield how the jobs `chosen` of an entry are to be submitted: together, as far as they need the same."""
        seen = _durations(found)
        for needs, jobs in by_needs(found.config, found.status.problems, chosen).items():
            wanted = request(found.config, needs, len(jobs), seen, self.limits, self._avoided(found.config))
            yield from apart(wanted, jobs, found.status.deadly)

    def preview(
        self, found: Survey, wanted: Request, jobs: Sequence[int], worker: WorkerCommand
    ) -> tuple[tuple[int, ...], list[str], str]:
        """Return the sizes of the arrays, the command and the script by which jobs would be submitted."""
        tasks = -(-len(jobs) // wanted.jobs_per_task)
        run = Run(os.path.join(found.records, "runs", "..."))
        sizes = self.limits.array_sizes(tasks)
        options = wanted.options_of(job_name(found.entry.label, "token"), run.folder)
        command = submit_command(self._slurm, wanted, options, sizes[0])
        return sizes, list(command), script_of(wanted, worker.command(run), run)

    def try_submission(self, found: Survey, wanted: Request, jobs: Sequence[int]) -> str:
        """Return when and where jobs would start if they were submitted, in Slurm's words.

        Raise an error of jor_slurm when Slurm would not take them.
        """
        name = job_name(found.entry.label, new_token())
        tasks = self.limits.array_sizes(-(-len(jobs) // wanted.jobs_per_task))[0]
        # The folder of the submission is not there yet.
        options = attrs.evolve(wanted.options_of(name, os.getcwd()), output=os.devnull)
        script = script_of(wanted, ["true"], Run(found.records))
        return self._slurm.try_submission(script, options, indices(tasks))

    def prepare(self, found: Survey, chosen: Sequence[int], planning: FolderLock, worker: WorkerCommand) -> Prepared:
        """Write submissions of the jobs `chosen`, as far as limits allow, while this process alone is `planning`.

        Slurm is asked by `submit`, when others may plan again: they see that it is about to be.
        """
        requests = list(self.plan(found, chosen))  # first: where Slurm does not answer, nothing is revoked
        prepared = Prepared(_revoke_earlier(found, chosen))
        self._prepared = [one for one in self._prepared if one.written]
        self._prepared.append(prepared)
        for wanted, jobs in requests:
            if prepared.delay:
                wanted = attrs.evolve(wanted, options=attrs.evolve(wanted.options, begin=f"now+{prepared.delay}"))
            self._write_alike(found, wanted, jobs, planning, worker, prepared)
        return prepared

    def submit(self, prepared: Prepared) -> Outcome:
        """Submit what was prepared; return what has become of it. What was refused is deleted."""
        outcome, count, why = Outcome(delay=prepared.delay), 0, ""
        while prepared.written and not why:
            one = prepared.written[0]
            why = one.quota.full
            if prepared.is_given_up:
                why = "this process stood still, and others may have planned them"
            if why:
                break
            prepared.tell_again()
            del prepared.written[0]
            try:
                outcome = attrs.evolve(outcome, submitted=(*outcome.submitted, self._submit_array(one)))
            except AccountLimitError as error:
                one.quota.refused(one.submission.tasks, error.what)
                count, why = one.submission.count, one.quota.full
                break  # half as much is planned, if any
            except (LimitError, UnreachableError) as error:
                count, why = one.submission.count, error.what
            except RefusedError as error:
                prepared.left = 0
                return attrs.evolve(outcome, refused=error)
            else:
                one.quota.accepted()
                self._submitted += one.submission.tasks
                if outcome.unconfirmed:
                    why = "Slurm did not say whether it has accepted the last one"
        prepared.left += count + sum(one.submission.count for one in prepared.written)
        if prepared.left and not why:
            return outcome
        held_back, prepared.left = prepared.held_back + prepared.left, 0
        return attrs.evolve(outcome, held_back=held_back, why=(why or prepared.why) if held_back else "")

    def submit_collect(self, found: Survey, arguments: Sequence[str], arrays: Sequence[ArrayId]) -> str:
        """Submit a job that runs `jor collect` with `arguments` when `arrays` have ended; return what to call it.

        It gets what the first entry, `found`, gets; its log lies beside that entry's submissions.
        """
        wanted = request(found.config, needs_of(found.config), 1, [], self.limits)
        name = job_name("collect", new_token())
        options = attrs.evolve(
            wanted.options,
            job_name=name,
            signal=None,  # nobody would hear it
            requeue=False,
            # Not afterok: collect itself looks whether enough is there, and says so.
            dependency="afterany:" + ":".join(str(array.job_id) for array in arrays),
            chdir=os.getcwd(),
            output=literal(os.path.join(found.records, f"{name}.log")),
        )
        command = [sys.executable, "-c", _JOR, "collect", *arguments]
        script = batch_script(command, prologue=wanted.prologue)
        return f"Slurm job {self._slurm.submit(script, options).job_id}"

    def active_arrays(self, found: Survey) -> list[Active]:
        """Return the arrays of an entry that are not over."""
        active = [one for one in found.history.batches if found.carriers[one[0]].is_active]
        return [Active(*one, self.inquiry.array_of(*one), self.inquiry.whose(*one)) for one in active]

    def _write_alike(
        self,
        found: Survey,
        wanted: Request,
        jobs: Sequence[int],
        planning: FolderLock,
        worker: WorkerCommand,
        prepared: Prepared,
    ) -> None:
        """Write submissions of jobs that need the same: one, where it is to be found out how many are accepted."""
        options = wanted.options
        quota = self._quotas[options.account, options.qos, options.partition]
        room, limit = self._room(found.config)
        allowed = jobs if room is None else jobs[: max(room, 0) * wanted.jobs_per_task]
        done = 0
        while done < len(allowed) and not quota.full and (quota.most is None or not done):
            left = -(-(len(allowed) - done) // wanted.jobs_per_task)
            tasks = min(left, self.limits.largest_array, quota.most or left)
            part = allowed[done : done + tasks * wanted.jobs_per_task]
            prepared.written.append(self._write(found, wanted, part, planning, worker, quota))
            done += len(part)
        if not quota.full:
            prepared.left += len(allowed) - done
            done = len(allowed)
        if len(jobs) > done:
            prepared.held_back += len(jobs) - done
            prepared.why = prepared.why or quota.full or limit

    def _avoided(self, config: Config) -> tuple[str, ...]:
        partition = config["partition"] or self.limits.default_partition
        return self.inquiry.nodes.bad(sum(self.limits.nodes.get(name, 0) for name in partition.split(",")))

    def _room(self, config: Config) -> tuple[int | None, str]:
        """Return how many more tasks may be submitted, None for any number, and by what they are limited."""
        bounds = []
        queue = self.inquiry.queue
        asked = self._submitted + sum(one.submission.tasks for each in self._prepared for one in each.written)
        mine_alone = (None, os.getuid())
        rows = [row for row in queue.records if row.state.active and row.user in mine_alone] if queue else []
        if config["max-submitted"]:
            mine = sum(len(row.indices) or 1 for row in rows if row.name.startswith("jor-"))
            bounds.append((config["max-submitted"] - mine - asked, "max-submitted is reached"))
        if self.limits.max_submitted is not None:
            count = sum(len(row.indices) or 1 for row in rows)
            bounds.append((self.limits.max_submitted - count - asked, "the account's limit of jobs is reached"))
        return min(bounds, default=(None, ""), key=lambda bound: bound[0] or 0)

    def _write(
        self,
        found: Survey,
        wanted: Request,
        jobs: Sequence[int],
        planning: FolderLock,
        worker: WorkerCommand,
        quota: Quota,
    ) -> Written:
        token = new_token()
        batch = wanted.batch(job_name(found.entry.label, token))
        submission = make_submission(
            found,
            jobs,
            surroundings=worker.surroundings,
            token=token,
            batch=batch,
            cluster=self.limits.cluster,
        )
        run = run_of(submission, found.records)
        options = wanted.options_of(batch.name, run.folder)
        command = submit_command(self._slurm, wanted, options, submission.tasks)
        submission = attrs.evolve(submission, batch=attrs.evolve(batch, command=command))
        script = script_of(wanted, worker.command(run), run)
        write_batch(submission, found.jobs, jobs, found.records, planning, script, bundled=worker.bundled)
        return Written(run, submission, options, script, wanted.throttle, quota)

    def _submit_array(self, one: Written) -> Submitted:
        run = one.run

        def ask() -> ArrayId:
            request_log.asked(run)
            return self._slurm.submit(one.script, one.options, indices(one.submission.tasks), one.throttle)

        try:
            array: ArrayId | None = patiently(ask)
        except (RefusedError, UnreachableError):
            one.delete()
            raise
        except UnconfirmedError:
            array = self._look_for(one.submission.batch.name if one.submission.batch else "")
        if array is not None:
            request_log.accepted(run, array)
        return Submitted(run, one.submission, array)

    def _look_for(self, name: str) -> ArrayId | None:
        """Return the array with this name if Slurm shows it; None proves nothing: it may come yet."""
        for pause in LOOKS:
            time.sleep(pause)
            try:
                found = self._slurm.find(name)
            except CommandError:
                continue
            if found:
                return ArrayId(found[0], name)
        return None


def _durations(found: Survey) -> list[float]:
    """Return how long jobs of an entry took, seconds, if that decides how many a task gets."""
    return durations(found.records) if found.config["jobs-per-task"] == "auto" else []


def _revoke_earlier(found: Survey, chosen: Sequence[int]) -> int:
    """Let no earlier array task begin one of these jobs: it may come to life late, or its node may be back.

    Return the seconds until those that may run have heeded it; 0 if none may.
    """
    wanted = set(chosen)
    delay = 0.0
    for run, submission in found.history.batches:
        task_of, moves = submission.task_of(), found.history.places.of(run, submission)
        planned = moves.planned(submission)
        jobs = (index for first, last in planned for index in range(first, last + 1) if index in wanted)
        tasks = sorted({task_of(moves.then(index)) for index in jobs})
        revoked = run.revocations()
        states = {task: state for task in tasks if (state := found.carriers[run].state_of(task)).phase is Phase.OVER}
        fresh = [task for task in states if not any(first <= task <= last for first, last, _ in revoked)]
        lost = frozenset(task for task, state in states.items() if state.may_live)
        revoke(run, ranges(fresh), "its jobs were submitted again")
        if lost and may_live(run, lost):
            age = server_time(run.revoked) - os.stat(run.revoked).st_mtime
            delay = max(delay, heeded_within(run.folder) + submission.grace_period - max(age, 0))
    return math.ceil(delay)
