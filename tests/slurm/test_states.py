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
