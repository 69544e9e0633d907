"""The exit code of the command that an error ended."""

from __future__ import annotations

import pytest

from jor import BusyError, CollectError, ConfigError, JobModuleError
from jor_cli.errors import FAILED, LATER, WRONG, exit_code
from jor_containers import ContainerError
from jor_slurm import (
    AccountLimitError,
    CommandError,
    LimitError,
    MissingError,
    RefusedError,
    UnconfirmedError,
    UnreachableError,
)


@pytest.mark.parametrize("kind", [BusyError, LimitError, AccountLimitError, CommandError, UnreachableError])
def test_what_may_go_well_later_is_75(kind):
    assert exit_code(kind("no")) == LATER == 75


def test_submission_that_is_not_confirmed_is_75():
    assert exit_code(UnconfirmedError("no")) == LATER


@pytest.mark.parametrize("kind", [ConfigError, JobModuleError, ContainerError, RefusedError, MissingError])
def test_what_has_to_be_changed_first_is_2(kind):
    assert exit_code(kind("no")) == WRONG == 2


def test_results_that_are_missing_are_1():
    assert exit_code(CollectError("no")) == FAILED == 1
