"""Options of sbatch: what reaches it, and what is refused before."""

from __future__ import annotations

import pytest

from jor_slurm import OptionError, SbatchOptions, UnitError, literal


def test_what_is_not_set_is_not_passed():
    assert SbatchOptions().argv() == ()
    assert SbatchOptions(partition="", mem=None, cpus_per_task=2).argv() == ("--cpus-per-task=2",)


def test_options_are_passed_as_words_whatever_they_hold():
    options = SbatchOptions(
        job_name="a-1", time="1-0", mem="5G", comment="two words; $(id)", requeue=False, extra=["--hint=x", "-C", "gpu"]
    )
    assert options.argv() == (
        "--job-name=a-1", "--time=1-0", "--mem=5G", "--comment=two words; $(id)", "--no-requeue", "--hint=x",
        "-C", "gpu",
    )  # fmt: skip
    assert SbatchOptions(requeue=True).argv() == ("--requeue",)


@pytest.mark.parametrize(
    "name", ["a b", "a|b", "%j", "rule:x", "sys/dash", "exp[1]", "\u00e4", "x" * 1000, "\udcff", ""]
)
def test_name_is_any_that_slurm_takes(name):
    assert SbatchOptions(job_name=name).argv() == ((f"--job-name={name}",) if name else ())


@pytest.mark.parametrize("name", ["a,b", "a\nb", "a\0", "\x1b[31m", "\x7f", "\x85", "\ud800"])
def test_name_that_squeue_would_not_show_as_it_is_is_refused(name):
    with pytest.raises(OptionError, match="comma or a control character"):
        SbatchOptions(job_name=name)


@pytest.mark.parametrize(
    "values",
    [
        {"mem": "1G", "mem_per_cpu": "1G"},
        {"mem_per_gpu": "1G", "mem_per_cpu": "1G"},
        {"account": "a\nb"},
        {"comment": "a\0b"},
        {"output": "/back\\slash/x"},
    ],
)
def test_what_cannot_be_meant_is_refused(values):
    with pytest.raises(OptionError):
        SbatchOptions(**values)


@pytest.mark.parametrize("values", [{"time": "1d"}, {"time": "0"}, {"mem": "1.5G"}, {"mem_per_cpu": "lots"}])
def test_units_are_checked(values):
    with pytest.raises(UnitError):
        SbatchOptions(**values)


@pytest.mark.parametrize(
    "words",
    [
        ["--array=1-5"], ["--arr=1"], ["--a", "1"], ["-a1-5"], ["-a", "1"], ["--output=x"], ["-ox"], ["--wrap=true"],
        ["--pars"], ["--job-name=x"], ["-J", "x"], ["--wait"], ["-W"], ["--test-only"], ["--export=NONE"],
        ["--chdir=/"],
        ["-D/"], ["-Mall"], ["--clusters=all"], ["--requeue"], ["--no-requeue"], ["--signal=USR1"], ["--hel"], ["-V"],
        ["word"], ["--nice=5", "word"], ["-H", "word"], ["--", "x"], ["--comment=a\nb"],
        ["-Ha1-5"], ["-HQJx"], ["-sWk"], ["-HQ", "word"], ["--hold", "word"], ["--exclusive", "word"],
        ["--nice", "word"], ["--over", "word"], ["-C", "gpu", "word"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_options_that_decide_what_is_submitted_are_refused_as_extra(words):
    with pytest.raises(OptionError):
        SbatchOptions(extra=words)


@pytest.mark.parametrize(
    "words",
    [
        ["--hold"],
        ["-H"],
        ["--exclusive"],
        ["--nice=5"],
        ["-C", "gpu"],
        ["-Cgpu"],
        ["--dependency", "afterok:1"],
        ["-d1"],
        ["-HC", "gpu"],
        ["-Cgpu-a100"],
        ["--wait-all-nodes=1"],
        ["--hold", "--nice=5"],
    ],
    ids=" ".join,
)
def test_any_other_option_is_taken_as_extra(words):
    assert SbatchOptions(extra=words).argv() == tuple(words)


def test_percent_signs_of_a_path_are_no_patterns():
    assert literal("/100%/a%j") == "/100%%/a%%j"
