"""Batch scripts: their text, and what a shell makes of it."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor_slurm import ARRAY_TASK_ID, OptionError, Variable, batch_script


def test_script_is_the_prologue_and_one_exec():
    script = batch_script(
        ["run", "two words", "$HOME"], variables=[ARRAY_TASK_ID, Variable("X", "a b")], prologue="module load x\nset -u"
    )
    assert script == (
        "#!/bin/bash\nmodule load x\nset -u\n"
        "exec run 'two words' '$HOME' \"${SLURM_ARRAY_TASK_ID:-0}\" \"${X:-'a b'}\"\n"
    )


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


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A;id", "A}"])
def test_variable_has_a_name(name):
    with pytest.raises(OptionError):
        Variable(name)
