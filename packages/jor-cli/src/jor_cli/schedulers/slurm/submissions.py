"""Submissions to Slurm: written and not asked for yet, accepted, or held back."""

from __future__ import annotations

import shutil

import attrs

from jor.runs.submission import Submission
from jor.runtime.process_id import uptime
from jor.runtime.run_folder import Run
from jor_slurm import ArrayId, RefusedError, SbatchOptions

from .. import request_log
from .task_states import ACCEPTED_WITHIN

#: Seconds between two times at which is written down that Slurm is about to be asked for what waits for its turn.
TELL_EVERY = 30.0


@attrs.frozen
class Submitted:
    """An array that Slurm has, or may have."""

    run: Run
    submission: Submission
    #: None while nobody knows whether Slurm has accepted it.
    array: ArrayId | None


@attrs.frozen
class Active:
    """A submission that is not over."""

    run: Run
    submission: Submission
    #: None while it is open whether Slurm has it.
    array: ArrayId | None
    #: Whose it is, or on which cluster: "of user ann"; "" for one of this user's on this cluster.
    whose: str = ""

    def __str__(self) -> str:
        name = f"Slurm array {self.array.job_id}" if self.array else "the unconfirmed submission"
        return f"{name} {self.whose}" if self.whose else name


@attrs.frozen
class Outcome:
    """What has been submitted of an entry, and what has not."""

    submitted: tuple[Submitted, ...] = ()
    #: Jobs that were not submitted, and why.
    held_back: int = 0
    why: str = ""
    #: Seconds that they wait for tasks that may still run, unknown to Slurm.
    delay: int = 0
    #: Why some of the jobs will never be accepted as they are.
    refused: RefusedError | None = None

    @property
    def arrays(self) -> list[ArrayId]:
        """The arrays that Slurm has."""
        return [one.array for one in self.submitted if one.array is not None]

    @property
    def is_partial(self) -> bool:
        """Whether not all that was to be submitted is known to be."""
        return bool(self.held_back or self.unconfirmed)

    @property
    def unconfirmed(self) -> bool:
        """Whether it is open what Slurm has made of a submission."""
        return any(one.array is None for one in self.submitted)


@attrs.define
class Quota:
    """A limit of an account that cannot be looked up, as far as refusals have told of it."""

    #: How many tasks are asked for at once; None for any number: none was refused yet.
    most: int | None = None
    #: Why nothing more is asked for until Slurm is asked again; "" if it may be.
    full: str = ""
    #: Why more than `most` was refused since Slurm was asked last; "" if it was not.
    refusal: str = ""

    def accepted(self) -> None:
        """Take down that so many were accepted: no more, if more have been refused just now."""
        if self.refusal:
            self.full = self.refusal
        elif self.most is not None:
            self.most *= 2

    def refused(self, tasks: int, why: str) -> None:
        """Take down that so many were refused: half of them may fit."""
        self.most = max(tasks // 2, 1)
        self.refusal = why
        if tasks == 1:
            self.full = why


@attrs.frozen
class Written:
    """A submission on the disk, of which Slurm has not been asked yet."""

    run: Run
    submission: Submission
    options: SbatchOptions
    script: str
    throttle: int | None
    quota: Quota

    def delete(self) -> None:
        """Delete it: it was never accepted, and never will be."""
        shutil.rmtree(self.run.folder, ignore_errors=True)


@attrs.define
class Prepared:
    """What is to be submitted of an entry. What was not asked for when it is closed is deleted."""

    #: Seconds that its jobs wait for tasks that may still run, unknown to Slurm.
    delay: int = 0
    written: list[Written] = attrs.field(factory=list)
    #: Jobs beyond what limits allow, and why.
    held_back: int = 0
    why: str = ""
    #: Jobs to be planned again when it is known how many are accepted.
    left: int = 0
    #: By the time since the start of this machine, when it was written down last that Slurm is to be asked.
    told: float = 0.0

    def __enter__(self) -> Prepared:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.written:
            one.delete()
        self.written.clear()

    def tell(self) -> None:
        """Write down that Slurm is about to be asked: others may plan again then, and have to know of it."""
        for one in self.written:
            request_log.planned(one.run)
        self.told = uptime()

    def tell_again(self) -> None:
        """Write it down again if it is time to, and others have not given it up."""
        if not self.is_given_up and uptime() - self.told > TELL_EVERY:
            self.tell()

    @property
    def is_given_up(self) -> bool:
        """Whether this process was not heard of for so long that others may have planned the same jobs."""
        return uptime() - self.told > ACCEPTED_WITHIN / 2
