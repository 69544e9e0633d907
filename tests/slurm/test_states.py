"""States, reasons and exit codes: what they mean, and that a word not known here means nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor_slurm import ExitCode, JobState, why_stuck


@pytest.mark.parametrize(
    ("text", "name", "active"),
    [
        ("PENDING", "PENDING", True), ("PD", "PENDING", True), ("CANCELLED by 1000", "CANCELLED", False),
        ("OUT_OF_ME+", "OUT_OF_MEMORY", False), ("TO", "TIMEOUT", False), ("COMPLETING", "COMPLETING", True),
        ("EXPEDITING", "EXPEDITING", True), ("NODE_FAIL", "NODE_FAIL", False), ("RE+", "RE+", True), ("?", "?", True),
    ],
)  # fmt: skip
def test_state_is_known_by_its_names(text, name, active):
    state = JobState.of(text)
    assert (state.name, state.active) == (name, active)


#: Whether a job is still to begin or to go on, and whether it is at work.
MEANINGS = {"waits": (True, False), "at-work": (True, True), "over": (False, False)}
#: squeue(1) of Slurm 22.05, section JOB STATE CODES, and what each means for who waits for the job.
STATES = """
BF  BOOT_FAIL      over      terminated due to launch failure
CA  CANCELLED      over      explicitly cancelled by the user or system administrator
CD  COMPLETED      over      has terminated all processes on all nodes with an exit code of zero
CF  CONFIGURING    at-work   has been allocated resources, but is waiting for them to become ready
CG  COMPLETING     at-work   some processes on some nodes may still be active
DL  DEADLINE       over      terminated on deadline
F   FAILED         over      terminated with non-zero exit code or other failure condition
NF  NODE_FAIL      over      terminated due to failure of one or more allocated nodes
OOM OUT_OF_MEMORY  over      experienced out of memory error
PD  PENDING        waits     is awaiting resource allocation
PR  PREEMPTED      over      terminated due to preemption
R   RUNNING        at-work   currently has an allocation
RD  RESV_DEL_HOLD  waits     is being held after requested reservation was deleted
RF  REQUEUE_FED    waits     is being requeued by a federation
RH  REQUEUE_HOLD   waits     held job is being requeued
RQ  REQUEUED       waits     completing job is being requeued
RS  RESIZING       at-work   is about to change size
RV  REVOKED        over      sibling was removed from cluster due to other cluster starting the job
SI  SIGNALING      at-work   is being signaled
SE  SPECIAL_EXIT   waits     was requeued in a special state
SO  STAGE_OUT      at-work   is staging out files
ST  STOPPED        at-work   has an allocation, but execution has been stopped
S   SUSPENDED      at-work   has an allocation, but execution has been suspended
TO  TIMEOUT        over      terminated upon reaching its time limit
""".strip().splitlines()


@pytest.mark.parametrize("row", STATES, ids=lambda row: row.split()[1])
def test_state_means_what_the_manual_says(row):
    short, name, meaning, *_ = row.split()
    for text in (short, name, f"{name} by 1000"):
        state = JobState.of(text)
        assert (state.name, state.short, (state.active, state.running)) == (name, short, MEANINGS[meaning])
        assert state.succeeded == (name == "COMPLETED")
        assert state.succeeded or state.words


@given(st.text())
def test_any_text_is_a_state_and_an_unknown_one_is_active(text):
    state = JobState.of(text)
    assert state.active or state.words or state.succeeded


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("DependencyNeverSatisfied", "has failed"),
        ("PartitionConfig", "no node"),
        ("PartitionTimeLimit", "time limit"),
        ("job requeued in held state", "held"),
        ("job_requeued_in_held_state", "held"),
        ("QOSMaxWallDurationPerJobLimit", "time limit"),
        ("JobHoldMaxRequeue", "requeued too often"),
        ("QOSMaxCpuPerJobLimit", "allows one job"),
        ("AssocMaxMemPerNode", "allows one job"),
        ("QOSMinGRES", "less than the QOS wants"),
        ("MaxMemPerLimit", "more memory"),
        ("ReservationDeleted", "reservation"),
    ],
)
def test_reason_that_does_not_pass_is_told(reason, words):
    assert words in why_stuck(reason)


@pytest.mark.parametrize("reason", ["Priority", "Resources", "", "None", "ReqNodeNotAvail, UnavailableNodes:n1",
                                    "QOSMaxJobsPerUserLimit", "AssocGrpCpuLimit", "QOSMaxCpuPerUserLimit"])  # fmt: skip
def test_reason_that_may_pass_is_not(reason):
    assert why_stuck(reason) == ""


@pytest.mark.parametrize(
    ("text", "status", "signal", "words"),
    [
        ("0:0", 0, 0, ""),
        ("3:0", 3, 0, "exit status 3"),
        ("0:9", 0, 9, "killed by signal 9"),
        ("137:0", 0, 9, "killed by signal 9"),
        ("9:0", 9, 0, "exit status 9, or killed by signal 9"),
        ("255:0", 255, 0, "exit status 255"),
        ("0:125", 0, 125, "it ran out of memory"),
        ("0:53", 0, 53, "its log, or its working directory, could not be opened on the node"),
    ],
)
def test_exit_code_is_read(text, status, signal, words):
    code = ExitCode.parse(text)
    assert (code.status, code.signal, code.words) == (status, signal, words)


@given(st.text())
def test_any_other_text_is_no_exit_code(text):
    assert ExitCode.parse(text + "x") is None
