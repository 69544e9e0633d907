"""The states and reasons of Slurm's jobs, and what they mean to who waits for one.

Sources: squeue(1), sacct(1), sections on job states and reasons; job_state_string() and job_state_reason.c of Slurm
22.05 to 26.05.
"""

from __future__ import annotations

import re
import signal

import attrs


@attrs.frozen
class JobState:
    """A state by its long name."""

    name: str
    short: str
    #: Whether the job is still to begin, or to go on.
    active: bool
    #: Whether it is at work at this moment.
    running: bool
    #: What it means, to be read after "the task"; "" when there is nothing to say.
    words: str

    @property
    def succeeded(self) -> bool:
        """Whether the script ended with status 0; what jobs in it have done is another question."""
        return self.name == "COMPLETED"

    @classmethod
    def of(cls, text: str) -> JobState:
        """Return the state that a command of Slurm calls `text`; never raises.

        `CANCELLED by 1000`, a name cut short (`OUT_OF_ME+`) and short names are understood. A name that is not known
        here counts as active, with itself as its words: neither a success nor a failure may be made of it.
        """
        word = text.partition(" ")[0]
        if word in _KNOWN:
            return _KNOWN[word]
        if word.endswith("+"):
            fitting = [state for state in _STATES if state.name.startswith(word[:-1])]
            if len(fitting) == 1:
                return fitting[0]
        return cls(word, word, active=True, running=False, words=f"is {word}")


_STATES = (
    # They will begin, or begin again.
    JobState("PENDING", "PD", active=True, running=False, words="waits"),
    JobState("REQUEUED", "RQ", active=True, running=False, words="waits to begin again"),
    JobState("REQUEUE_FED", "RF", active=True, running=False, words="waits to begin again"),
    JobState("REQUEUE_HOLD", "RH", active=True, running=False, words="is held after a requeue"),
    JobState("SPECIAL_EXIT", "SE", active=True, running=False, words="is held after a special exit"),
    JobState("RESV_DEL_HOLD", "RD", active=True, running=False, words="is held: its reservation is gone"),
    # They have a node.
    JobState("CONFIGURING", "CF", active=True, running=True, words="gets its nodes"),
    JobState("RUNNING", "R", active=True, running=True, words="runs"),
    JobState("COMPLETING", "CG", active=True, running=True, words="ends"),  # and may yet be requeued
    JobState("SUSPENDED", "S", active=True, running=True, words="is suspended"),
    JobState("STOPPED", "ST", active=True, running=True, words="is stopped"),
    JobState("RESIZING", "RS", active=True, running=True, words="changes its size"),
    JobState("SIGNALING", "SI", active=True, running=True, words="is being signalled"),
    JobState("STAGE_OUT", "SO", active=True, running=True, words="stages its files out"),
    JobState("EXPEDITING", "EXPEDITING", active=True, running=False, words="waits to begin again"),  # since 25.11
    # They are over.
    JobState("COMPLETED", "CD", active=False, running=False, words=""),
    JobState("FAILED", "F", active=False, running=False, words="failed"),
    JobState("OUT_OF_MEMORY", "OOM", active=False, running=False, words="ran out of memory"),
    JobState("TIMEOUT", "TO", active=False, running=False, words="reached its time limit"),
    JobState("DEADLINE", "DL", active=False, running=False, words="reached its deadline"),
    JobState("CANCELLED", "CA", active=False, running=False, words="was cancelled"),
    JobState("NODE_FAIL", "NF", active=False, running=False, words="lost its node"),
    JobState("BOOT_FAIL", "BF", active=False, running=False, words="could not boot its node"),
    JobState("LAUNCH_FAILED", "LAUNCH_FAILED", active=False, running=False, words="could not be launched"),
    JobState("RECONFIG_FAIL", "RECONFIG_FAIL", active=False, running=False, words="could not configure its node"),
    JobState("PREEMPTED", "PR", active=False, running=False, words="was preempted"),
    JobState("REVOKED", "RV", active=False, running=False, words="went to another cluster"),
)
_KNOWN = {name: state for state in _STATES for name in (state.name, state.short)}

#: Reasons of pending jobs that will not begin by themselves, as a pattern, with what to do.
_STUCK = (
    (r"PartitionTimeLimit", "its time limit is above that of the partition"),
    (r"PartitionNodeLimit", "it asks for more or fewer nodes than the partition allows"),
    (r"MaxMemPerLimit", "it asks for more memory than the partition allows"),
    (r"PartitionConfig|BadConstraints", "no node of the partition has what it asks for"),
    (r"DependencyNeverSatisfied", "what it depends on has failed"),
    (r"JobHeldUser|JobHeldAdmin", "it is held"),
    (r"job.requeued.in.held.state|launch.failed.requeued.held", "it was requeued and is held"),
    (r"JobHoldMaxRequeue", "it was requeued too often and is held"),
    (r"ReservationDeleted|ReservationInvalid", "its reservation is gone"),
    (r"InvalidAccount|AccountNotAllowed", "its account may not run it"),
    (r"InvalidQOS|QOSNotAllowed", "its QOS may not run it"),
    (r".*MaxWallDurationPerJobLimit", "its time limit is above that of the QOS or association"),
    (r"(Assoc|QOS)Max.*Per(Job|Node)(Limit)?", "it asks for more than the QOS or association allows one job"),
    (r"QOSMin.*", "it asks for less than the QOS wants"),
)


#: Signals that end programs, and are rare as the status of one that has ended by itself.
_DEADLY = frozenset((signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM))


def why_stuck(reason: str) -> str:
    """Return why a pending job with this reason will never begin by itself; '' if it may."""
    for pattern, words in _STUCK:
        if re.fullmatch(pattern, reason):
            return words
    return ""


@attrs.frozen
class ExitCode:
    """How a job's script ended: its exit status, or the signal that ended it."""

    status: int
    signal: int

    @classmethod
    def parse(cls, text: str) -> ExitCode | None:
        """Return what sacct shows as `status:signal`; None for any other text.

        A status above 128 stands for a signal, as shells say it. Up to Slurm 25.05 it is shown less 128 (a script
        whose program was killed by signal 9 is 9:0 there, 137:0 in later versions), so a status may be a signal.
        """
        match = re.fullmatch(r"([0-9]{1,10}):([0-9]{1,3})", text)
        if match is None:
            return None
        status, signal = int(match[1]), int(match[2])
        return cls(0, status - 128) if 128 < status < 193 else cls(status, signal)

    @property
    def words(self) -> str:
        """What it means; '' for success."""
        if (self.status, self.signal) == (0, 53):
            return "its log, or its working directory, could not be opened on the node"
        if self.signal == 125:
            return "it ran out of memory"
        if self.signal:
            return f"killed by signal {self.signal}"
        if self.status in _DEADLY:
            return f"exit status {self.status}, or killed by signal {self.status}"
        return f"exit status {self.status}" if self.status else ""

    @property
    def may_be_killed(self) -> bool:
        """Whether it may be the end by signal 9, which is how a job ends that is over its memory."""
        return 9 in (self.status, self.signal)
