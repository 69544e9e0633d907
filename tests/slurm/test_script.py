"""Batch scripts: their text, and what a shell makes of it."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor_slurm import ARRAY_TASK_ID, OptionError, Variable, batch_script


def test_script_is_the_prologue_and_one_exec():
    script = batch_script(
        ["run", "two words", "$HOME"],
        variables=[ARRAY_TASK_ID, Variable("X", "a b")],
        prologue="module load x\n\nset -u",
    )
    assert script.startswith("#!/bin/bash\n_jor_prologue() {")
    assert "\nmodule load x\n\nset -u\ntrap - ERR EXIT; unset -f _jor_prologue\n" in script
    assert script.endswith("\nexec run 'two words' '$HOME' \"${SLURM_ARRAY_TASK_ID:-0}\" \"${X:-a b}\"\n")


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=4))
def test_words_arrive_as_they_are(words):
    script = batch_script(["printf", "%s\\0", *words])
    done = subprocess.run(["bash"], input=script.encode(), capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == words


def test_variables_are_filled_in_where_it_runs():
    script = batch_script(["printf", "%s,"], variables=[Variable("A"), Variable("B", "7")])
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, check=True, env={"A": "x y"})
    assert done.stdout == "x y,7,"


@pytest.mark.parametrize(("words", "prologue"), [(["a\0b"], ""), (["a"], "x\r\ny"), (["a"], "x" * 2**22)])
def test_what_no_script_can_hold_is_refused(words, prologue):
    with pytest.raises(OptionError):
        batch_script(words, prologue=prologue)


@pytest.mark.parametrize("shell", ["bash", "dash"])
@given(st.text("aZ09_@%+=:,./ -"))
def test_default_of_a_variable_arrives_as_it_is(shell, default):
    script = batch_script(["printf", "%s\\0"], variables=[Variable("NOT_SET", default)])
    assert subprocess.run([shell], input=script, capture_output=True, text=True, check=True).stdout == f"{default}\0"


@pytest.mark.parametrize("default", ["'", '"', "$HOME", "`id`", "a}b", "a\\b", "a\nb", "a\0b"])
def test_default_that_shells_would_not_agree_upon_is_refused(default):
    with pytest.raises(OptionError):
        Variable("X", default)


@pytest.mark.parametrize("prologue", ["#SBATCH --array=0-5", "# of mine\n\n#SBATCH --wait\ntrue", "#PBS -l x"])
def test_options_in_the_prologue_are_refused(prologue):
    with pytest.raises(OptionError, match="for options") as caught:
        batch_script(["true"], prologue=prologue)
    assert caught.value.where == "prologue"


@pytest.mark.parametrize("prologue", ["true\n#SBATCH --wait", "cat <<EOF\n#SBATCH --wait\nEOF", " #SBATCH", "\n" * 50])
def test_what_sbatch_does_not_read_as_options_is_taken(prologue):
    assert batch_script(["true"], prologue=prologue).endswith("exec true\n")


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A;id", "A}"])
def test_variable_has_a_name(name):
    with pytest.raises(OptionError):
        Variable(name)
