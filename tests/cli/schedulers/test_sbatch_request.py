"""From an entry's options to what Slurm is asked for, and under which name."""

from __future__ import annotations

import attrs
import pytest

from jor import ConfigError, JobsBase
from jor.settings.config import Config, Setting, class_layer
from jor.settings.options import BY_NAME, COUNT, OPTIONS, TEXT, Option
from jor_cli.schedulers.slurm.sbatch_request import Needs, escalated, job_name, needs_of, passed, request
from jor_slurm import Limits, SbatchOptions

GIB = 2**30
HOUR = 3600


class Jobs(JobsBase):
    mem = "2G"
    time = "01:00:00"
    cpus_per_task = 3


def config(**options):
    """Return the configuration of an entry of the class above with these options on the command line."""
    given = {BY_NAME[attribute.replace("_", "-")]: str(value) for attribute, value in options.items()}
    layer = {option.name: Setting(option.kind.read(text), "command line") for option, text in given.items()}
    return Config(command_line=layer, job_module=class_layer(Jobs))


def asked(*, count=100, durations=(), limits=None, avoid=(), **options):
    """Return what is asked for, for `count` jobs that need what the options say."""
    mine = config(**options)
    return request(mine, needs_of(mine), count, list(durations), limits or Limits(), avoid)


def flags(wanted):
    """Return the flags of sbatch by name."""
    return dict(word[2:].partition("=")[::2] for word in wanted.options.argv())


def test_job_gets_what_its_class_says():
    wanted = asked()
    assert flags(wanted) == {"time": "01:00:00", "mem": "2G", "cpus-per-task": "3", "no-requeue": ""}
    assert (wanted.jobs_per_task, wanted.workers, wanted.time_limit) == (1, 1, HOUR)


def test_jobs_one_after_the_other_get_their_time_each_and_no_more_of_the_rest():
    wanted = asked(jobs_per_task=4)
    assert flags(wanted) == {**flags(asked()), "time": "04:00:00"}
    assert (wanted.jobs_per_task, wanted.needs) == (4, Needs(2 * GIB, HOUR))


def test_jobs_at_once_get_their_memory_and_cpus_each_and_no_more_time():
    assert flags(asked(workers_per_task=2)) == {**flags(asked()), "mem": "4G", "cpus-per-task": "6"}
    assert flags(asked(workers_per_task=2, jobs_per_task=5))["time"] == "03:00:00"  # three rounds


@pytest.mark.parametrize(("mean", "jobs", "hours"), [(900, 2, 2), (600, 3, 2), (60, 30, 2), (7200, 1, 1)])
def test_task_that_jor_fills_gets_the_time_of_a_job_and_twice_that_which_it_is_to_last(mean, jobs, hours):
    wanted = asked(count=100_000, durations=[mean], target_task_time="00:30:00")
    assert (wanted.jobs_per_task, wanted.time_limit) == (jobs, hours * HOUR)


def test_task_of_few_jobs_gets_no_more_than_they_may_take():
    assert asked(time="00:01:00", durations=[20]).time_limit == 300  # five


@pytest.mark.parametrize(
    ("options", "hours"),
    [
        ({}, 10),
        ({"partition": "short"}, 4),
        ({"partition": "short,long"}, 9),
        ({"partition": "short,endless"}, 10),
        ({"partition": "unknown"}, 10),
        ({"max_time": "05:00:00"}, 5),
        ({"max_time": "05:00:00", "partition": "short"}, 4),
        ({"max_time": "03:00:00", "partition": "short"}, 3),
        ({"max_time": "00:30:00"}, 1),  # a job has to fit
    ],
)
def test_time_of_many_jobs_stays_below_what_is_allowed(options, hours):
    limits = Limits(partitions={"short": 4 * HOUR, "long": 9 * HOUR, "endless": None}, default_partition="endless")
    assert asked(jobs_per_task=10, limits=limits, **options).time_limit == hours * HOUR


def test_time_of_one_job_is_what_it_is_whatever_is_allowed():
    """Slurm says what is wrong with it, where it is more than the partition allows."""
    limits = Limits(partitions={"short": 60}, default_partition="short")
    assert asked(limits=limits, max_time="00:01:00").time_limit == HOUR


def test_default_partition_bounds_where_none_is_named():
    limits = Limits(partitions={"short": 4 * HOUR}, default_partition="short")
    assert asked(jobs_per_task=10, limits=limits).time_limit == 4 * HOUR


@pytest.mark.parametrize("name", ["mem", "time", "partition", "account", "gpus"])
def test_what_is_empty_is_left_to_the_site(name):
    wanted = asked(jobs_per_task=4, **{name: ""})
    assert name not in flags(wanted)
    assert flags(wanted).keys() == flags(asked()).keys() - {name}


def test_task_without_a_time_has_no_limit_that_jor_knows():
    assert asked(time="", jobs_per_task=4).time_limit is None
    assert asked(time="", signal=60).time_limit is None
    assert flags(asked(time="UNLIMITED", jobs_per_task=4))["time"] == "UNLIMITED"


@pytest.mark.parametrize("name", ["mem-per-cpu", "mem-per-gpu"])
def test_memory_by_cpu_or_gpu_replaces_what_the_class_says(name):
    told = flags(asked(**{name.replace("-", "_"): "500M"}))
    assert told[name] == "500M"
    assert "mem" not in told


#: The rows of [submit] and [slurm] that are jor's own: sbatch has no option of that name.
OWN = {
    "scheduler", "sif", "condaenv", "fsync", "seed", "jobs-per-task", "target-task-time", "workers-per-task",
    "array-throttle", "max-submitted", "options", "prologue", "retries", "retry-scale", "max-mem", "max-time",
    "poll-interval", "keep-runs",
}  # fmt: skip


@pytest.mark.parametrize(
    "row", [row for row in OPTIONS if row.section in ("submit", "slurm")], ids=lambda row: row.name
)
def test_row_of_the_table_is_sbatchs_or_jors_own(row):
    assert (row.attribute in attrs.fields_dict(SbatchOptions)) == (row.name not in OWN)


@pytest.mark.parametrize("name", passed())
def test_row_that_sbatch_has_reaches_it(name):
    assert BY_NAME[name].kind in (TEXT, COUNT)  # a switch would be passed as a word
    memory = {"mem": ""} if name.startswith("mem-per") else {}
    assert flags(asked(**{BY_NAME[name].attribute: "7"}, **memory))[name] == "7"


def test_row_that_is_added_to_the_table_reaches_sbatch(monkeypatch):
    monkeypatch.setitem(BY_NAME, "comment", Option("comment", TEXT, None, "slurm", "What to call it."))
    assert flags(asked(comment="a b"))["comment"] == "a b"


def test_memory_by_cpu_beside_memory_that_the_user_has_asked_for_is_refused():
    with pytest.raises(ConfigError, match="exclude each other"):
        asked(mem="1G", mem_per_cpu="500M")


def test_nodes_to_avoid_are_excluded_with_those_of_the_user():
    assert flags(asked(avoid=("n1", "n2")))["exclude"] == "n1,n2"
    assert flags(asked(exclude="n7", avoid=("n1",)))["exclude"] == "n7,n1"
    assert "exclude" not in flags(asked())


@pytest.mark.parametrize(("signal", "jobs", "is_refused"), [(3599, 1, False), (3600, 1, True), (3600, 2, False)])
def test_warning_comes_after_the_beginning_of_a_task(signal, jobs, is_refused):
    if is_refused:
        with pytest.raises(ConfigError, match="would be warned as it starts") as caught:
            asked(signal=signal, jobs_per_task=jobs)
        assert caught.value.where == "command line"
    else:
        assert flags(asked(signal=signal, jobs_per_task=jobs))["signal"] == f"B:USR2@{signal}"


def test_task_that_is_warned_is_requeued_if_so_wished():
    assert asked(signal=60, requeue=True).batch("a").requeue == ("scontrol", "requeue")
    assert asked(requeue=True).batch("a").requeue == ()
    assert asked(signal=60).batch("a").requeue == ()


# What ran short gets more.


def again(*, memory, mem="2G", time="01:00:00", before=None, scale=2, **options):
    """Return what a job gets that ran short of memory, or of time, when it had `before`: bytes, seconds."""
    mine = config(mem=mem, time=time, retry_scale=scale, **options)
    had = before or needs_of(mine)
    batch = asked(mem=mem, time=time).batch("a")
    return escalated(mine, attrs.evolve(batch, mem=had.mem, time=had.time), memory=memory)


def test_memory_and_time_grow_apart_and_from_what_a_job_had_before():
    assert again(memory=True) == Needs(4 * GIB, HOUR)
    assert again(memory=False) == Needs(2 * GIB, 2 * HOUR)
    assert again(memory=True, before=Needs(8 * GIB, HOUR), scale=1.5) == Needs(12 * GIB, HOUR)
    assert again(memory=False, before=Needs(GIB, 5 * HOUR), scale=1.5) == Needs(2 * GIB, int(7.5 * HOUR))


def test_memory_and_time_grow_no_further_than_allowed():
    assert again(memory=True, max_mem="3G").mem == 3 * GIB
    assert again(memory=True, max_mem="3G", before=Needs(3 * GIB, HOUR)).mem == 3 * GIB
    assert again(memory=False, max_time="01:30:00").time == int(1.5 * HOUR)
    assert again(memory=False, max_time="01:30:00", max_mem="1G").mem == 2 * GIB


def test_what_the_user_asks_for_since_counts_if_it_is_more():
    assert again(memory=True, mem="16G", before=Needs(2 * GIB, HOUR)).mem == 16 * GIB
    assert again(memory=True, mem="16G", max_mem="3G", before=Needs(2 * GIB, HOUR)).mem == 16 * GIB


def test_what_was_never_asked_for_does_not_grow():
    assert again(memory=True, before=Needs(None, HOUR)) == Needs(2 * GIB, HOUR)
    assert again(memory=False, before=Needs(GIB, None)) == Needs(2 * GIB, HOUR)


# Names


@pytest.mark.parametrize(
    ("label", "readable"),
    [
        ("plain", "plain"),
        ("jobs_example(n=3)", "jobs_example_n_3"),
        ('a|b "\u00e4" %j', "a_b_j"),
        ("two\nlines\tand; more $(id)", "two_lines_and_more_id"),
        ("-1.5", "-1.5"),
        ("x" * 500, "x" * 60),
        ("\u65e5\u672c", ""),
        ("", ""),
    ],
)
def test_name_of_an_array_is_readable_and_shown_by_squeue_as_it_is(label, readable):
    name = job_name(label, "0123456789")
    assert name == f"jor-{readable}-0123456789"
    assert SbatchOptions(job_name=name).argv() == (f"--job-name={name}",)  # which refuses what would not be


def test_names_of_the_same_label_differ_by_their_token():
    assert job_name("x" * 500, "a") != job_name("x" * 500, "b")
