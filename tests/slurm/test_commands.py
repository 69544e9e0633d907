"""Slurm's commands, played by small programs: what they are given, and what is made of what they say."""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor_slurm import (
    AccountLimitError,
    ArrayId,
    Cache,
    CommandError,
    IndexSet,
    LimitError,
    MissingError,
    OptionError,
    RefusedError,
    SbatchOptions,
    Slurm,
    Snapshot,
    UnconfirmedError,
    UnreachableError,
    patiently,
)
from jor_slurm.configuration import cluster_key
from jor_slurm.parsing import parse_accounting, parse_queue, parse_submission
from jor_slurm.refusals import refusal
from jor_slurm.running import run

from .played import PlayedSlurm

NAMED = SbatchOptions(job_name="mine-1")
ROW = "7|{index}|7_{index}|9|{state}|n1|1780000000|N/A|1780000000|1000|None|{name}\n"
#: An answer of squeue without a row.
NOTHING = "echo 'ARRAY_JOB_ID|ARRAY_TASK_ID'"


def is_running(pid):
    """Tell whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Give a function that puts a program on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name, text):
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)

    return make


@pytest.fixture
def played(tmp_path, monkeypatch):
    """Give a Slurm that is played, on the path."""
    slurm = PlayedSlurm(tmp_path / "slurm", accounting=True)
    monkeypatch.setenv("PATH", slurm.environment["PATH"])
    return slurm


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("516", (516, "")), ("516;alpha", (516, "alpha")), ("Welcome to cluster 3\n516\n", (516, "")),
        ("516\nBye, user 12", (516, "")), ("", None), ("Submitted batch job 5", None), ("516;", None),
    ],
)  # fmt: skip
def test_job_id_is_the_last_line_that_is_one(said, expected):
    assert parse_submission(said) == expected


def test_script_arrives_on_standard_input_and_options_as_words(program, tmp_path):
    program("sbatch", f'cat > {tmp_path}/script; for w in "$@"; do echo "$w" >> {tmp_path}/words; done; echo 516')
    array = Slurm().submit("#!/bin/sh\ntrue\n", NAMED, IndexSet.parse("0-3"), throttle=2)
    assert array == ArrayId(516, "mine-1", user=os.getuid())
    assert (tmp_path / "script").read_text() == "#!/bin/sh\ntrue\n"
    assert (tmp_path / "words").read_text().split() == [
        "--parsable", "--export=ALL", "--job-name=mine-1", "--array=0-3%2",
    ]  # fmt: skip


@pytest.mark.parametrize("throttle", [-1, 4_000_002, 10**11])
def test_throttle_that_slurm_would_drop_or_take_for_another_is_refused(throttle):
    with pytest.raises(OptionError, match="at once"):
        Slurm().submit_command(NAMED, IndexSet.parse("0-3"), throttle)
    with pytest.raises(OptionError, match="at once"):
        Slurm().throttle(ArrayId(7, "mine-1"), throttle)


def test_indices_whose_text_slurm_would_not_take_are_refused():
    indices = IndexSet.of(index * index for index in range(1000))
    with pytest.raises(OptionError, match="Slurm takes 4096"):
        Slurm().submit_command(NAMED, indices)


def test_job_without_a_name_is_refused():
    with pytest.raises(OptionError):
        Slurm().submit("#!/bin/sh\n", SbatchOptions())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("echo hello", UnconfirmedError),
        ("kill -9 $$", UnconfirmedError),
        ("echo 'sbatch: error: Socket timed out on send/recv operation' >&2; exit 1", UnconfirmedError),
        ("echo 516; exit 1", UnconfirmedError),
        ("echo 516; kill -9 $$", UnconfirmedError),
        ("echo 'Munge decode failed; Protocol authentication error' >&2; exit 1", UnconfirmedError),
        ("echo 'Protocol authentication error' >&2; exit 1", UnconfirmedError),
        ("echo 'Unable to contact slurm controller (receive failure)' >&2; exit 1", UnconfirmedError),
        ("echo 'Socket timed out; Unable to contact slurm controller (connect failure)' >&2; exit 1", UnconfirmedError),
        ("echo 'Unable to contact slurm controller (connect failure)' >&2", UnconfirmedError),
        ("echo 'Munge encode failed; Protocol authentication error' >&2; exit 1", UnreachableError),
        ("echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1", UnreachableError),
        ("echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1", AccountLimitError),
        ("echo 'sbatch: error: Slurm temporarily unable to accept job, sleeping' >&2; exit 1", LimitError),
        ("echo 'sbatch: error: invalid partition specified: x' >&2; exit 1", RefusedError),
        ("echo 'something new' >&2; exit 1", RefusedError),
        ("exit 255", RefusedError),
    ],
)
def test_failure_of_sbatch_is_told_apart(program, text, kind):
    program("sbatch", f"cat > /dev/null; {text}")
    with pytest.raises(kind) as caught:
        Slurm().submit("#!/bin/sh\n", NAMED)
    assert type(caught.value) is kind
    assert caught.value.remedy


def test_sbatch_that_hangs_may_have_submitted(program, monkeypatch):
    """Nobody may submit again before he has looked: it is no plain CommandError."""
    monkeypatch.setattr("jor_slurm.commands.SUBMIT_TIMEOUT", 0.5)
    program("sbatch", "sleep 60")
    with pytest.raises(UnconfirmedError, match="sbatch gave no answer") as caught:
        Slurm().submit("#!/bin/sh\n", NAMED)
    assert caught.value.remedy


@given(st.integers(-64, 255), st.text())
def test_any_failure_of_sbatch_is_an_error_with_words(returncode, text):
    error = refusal(returncode, text)
    assert error.what
    assert error.remedy


def test_missing_command_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MissingError, match="login node"):
        Slurm().queue()


def test_command_that_hangs_is_ended_with_all_it_started(program, tmp_path):
    program("hang", f"sleep 60 & echo $! > {tmp_path}/pid; wait")
    with pytest.raises(CommandError, match="no answer"):
        run(["hang"], timeout=0.5)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_environment_neither_steers_nor_leaks(program, monkeypatch, tmp_path):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("SLURM_BITSTR_LEN", "64")
    for name in ("SBATCH_WAIT", "SQUEUE_STATES", "SLURM_JOB_ID", "SLURM_TIME_FORMAT", "SACCT_FORMAT", "PMIX_RANK"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SLURM_CONF", "/conf")
    monkeypatch.setenv("SBATCH_ACCOUNT", "lab")
    program("squeue", f"env > {tmp_path}/environment; {NOTHING}")
    Slurm().queue()
    said = (tmp_path / "environment").read_text()
    assert {"SLURM_CONF=/conf", "SLURM_BITSTR_LEN=0", "LC_ALL=C", "SLURM_TIME_FORMAT=%s"} <= set(said.splitlines())
    assert not any(name in said for name in ("SBATCH_", "SQUEUE_", "SLURM_JOB_ID", "SACCT_", "PMIX"))
    program("sbatch", 'cat > /dev/null; [ "$SBATCH_ACCOUNT" = lab ] && [ -z "$SBATCH_WAIT$SLURM_JOB_ID" ] && echo 5')
    assert Slurm(environment=dict(os.environ)).submit("#!/bin/sh\n", NAMED).job_id == 5


def test_ids_under_another_name_are_not_ours(program):
    program("squeue", f"printf '{ROW.format(index=0, state='FAILED', name='other-1')}'")
    snapshot = Snapshot(Slurm().queue().records)
    assert snapshot.task(ArrayId(7, "mine-1"), 0) is None
    assert snapshot.task(ArrayId(7, "other-1"), 0).state.name == "FAILED"


@pytest.mark.parametrize(
    "row", ["7|0|7_0|9|RUN", "7|0|7_0|9|RUNNING|n1|a|b|c|d|e", "x|0||9|RUNNING||||||||a", "7|1-||9|R||||||||a"]
)
def test_row_that_is_not_whole_is_counted_and_dropped(row):
    reading = parse_queue(ROW.format(index=1, state="RUNNING", name="a") + row + "\n")
    assert (len(reading.queue), len(reading.unreadable)) == (1, 1)


SOCKET = "slurm_load_jobs error: Socket timed out on send/recv operation"


@pytest.mark.parametrize("program", ["squeue", "sacct", "scontrol"])
@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"stderr": f"{SOCKET}\n"}, SOCKET),  # the status is lost in a pipe of a front end
        ({}, "no answer"),
        ({"stdout": "\n"}, "no answer"),
        ({"stdout": "<html>maintenance</html>\n"}, "maintenance"),
        ({"stdout": "No jobs found, try later\n", "stderr": "warning: old"}, "No jobs found"),
        ({"stderr": "slurm: fatal: no such plugin\n"}, "no such plugin"),
        ({"stderr": "permission denied\n"}, "permission denied"),
    ],
)
def test_silence_and_nonsense_are_no_answer_whatever_the_status(played, program, said, words):
    ask = {
        "squeue": Slurm().queue, "sacct": lambda: Slurm().accounting([101], 0), "scontrol": Slurm().cluster_name,
    }  # fmt: skip
    played.answer(program, **said)
    with pytest.raises(CommandError, match=re.escape(words)):
        ask[program]()
    if program == "squeue":
        with pytest.raises(CommandError, match=re.escape(words)):
            Slurm().find("mine-1")


@pytest.mark.parametrize(
    ("said", "where", "is_answer"),
    [
        ("squeue: warning: this plugin is deprecated", 2, True),
        ("squeue: error: cannot read the topology", 2, True),
        (SOCKET, 2, False),
        (SOCKET, 1, False),  # both streams in one
    ],
)
def test_rows_beside_what_squeue_says_are_an_answer_unless_the_controller_was_not_heard(
    program, said, where, is_answer
):
    """Else they are those of a while ago."""
    program("squeue", f"printf '{ROW.format(index=0, state='RUNNING', name='x')}'; echo '{said}' >&{where}")
    if is_answer:
        assert len(Slurm().queue().records) == 1
    else:
        with pytest.raises(CommandError, match="Socket timed out"):
            Slurm().queue()


def test_banner_above_an_empty_queue_is_told_and_does_not_matter(program):
    program("squeue", f"echo 'Welcome, 7|x'; {NOTHING}")
    queue = Slurm().queue()
    assert (queue.records, queue.unreadable) == ((), ("Welcome, 7|x",))


def test_jobs_of_others_are_asked_for_by_id_and_those_that_are_gone_hide_no_other(played):
    mine, theirs, gone = played.add("mine-1", "0-3"), played.add("any | name", user=77), played.add("old", user=77)
    played.purge(gone)
    queue = Slurm().queue([mine, theirs, gone, -1, 2**40])
    assert [(row.array_job_id, row.user) for row in queue.records] == [(mine, os.getuid()), (theirs, 77)]
    assert [call.split(" -j ")[1:] for call in played.calls("squeue")] == [[], [f"{theirs},{gone}"]]
    assert Slurm().queue([gone]).records == queue.records[:1]  # of which squeue says: Invalid job id specified
    Slurm().queue([mine])
    assert len(played.calls("squeue")) == 5


def test_id_that_squeue_will_not_have_does_not_hide_the_others(program):
    """No squeue that is known does so where it is asked for several."""
    row = ROW.format(index=0, state="RUNNING", name="x").strip()
    refusal = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"
    program("squeue", f"case \"$*\" in *--me*) {NOTHING};; *5*) {refusal};; *) echo '{row}';; esac")
    assert len(Slurm().queue([5, 6, 7, 8]).records) == 2


def test_lines_that_accounting_printed_and_nobody_can_read_are_told(played):
    number = played.add("two\nlines", state="FAILED")
    told = Slurm().accounting([number], 0)
    assert [(row.name, row.user) for row in told.records] == [("two", os.getuid())]
    assert told.unreadable == ("lines",)


@given(st.text())
def test_any_text_can_be_parsed(text):
    parse_queue(text)
    parse_accounting(text)


def test_answers_are_shared_for_a_while(program, tmp_path):
    program("squeue", f"echo asked >> {tmp_path}/calls; {NOTHING}")
    slurm = Slurm(cache=Cache(str(tmp_path / "cache")), max_age=60)
    assert slurm.queue().asked == slurm.queue().asked
    Slurm(cache=Cache(str(tmp_path / "cache")), max_age=0).queue()
    assert (tmp_path / "calls").read_text() == "asked\n" * 2


def test_answers_of_two_clusters_are_not_mixed_up(program, tmp_path):
    program("squeue", f'echo "{ROW.strip().format(index=0, state="R", name="$SLURM_CONF")}"')
    cache = Cache(str(tmp_path / "cache"))
    names = [
        Slurm({**os.environ, "SLURM_CONF": name}, cache, 60).queue().records[0].name for name in ("one", "two", "one")
    ]
    assert names == ["one", "two", "one"]


def test_failure_is_shared_with_those_who_waited_for_the_answer(program, tmp_path):
    program("squeue", f"echo asked >> {tmp_path}/calls; sleep 1; echo down >&2; exit 1")
    slurm = Slurm(cache=Cache(str(tmp_path / "cache")))
    with ThreadPoolExecutor(5) as pool:
        failures = [one.exception() for one in [pool.submit(slurm.queue) for _ in range(5)]]
    assert {str(error) for error in failures} == {"squeue: down\n  Try again later"}
    assert (tmp_path / "calls").read_text() == "asked\n"
    program("squeue", NOTHING)
    assert slurm.queue().records == ()


def test_commands_that_know_no_cluster_tell_where_to_run_them(program):
    program("squeue", "echo 'squeue: fatal: Could not establish a configuration source' >&2; exit 1")
    with pytest.raises(CommandError, match=r"configuration source\n  Run it where Slurm knows its cluster"):
        Slurm().queue()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo 'Slurm accounting storage is disabled' >&2; exit 1", "keeps none"),
        ("echo 'sacct: error: slurm_persist_conn_open: failed' >&2", "slurm_persist_conn_open"),
        ("echo 'JobID|JobIDRaw|State'; echo 'sacct: error: slurm_persist_conn_open: failed' >&2", "persist_conn_open"),
    ],
)
def test_accounting_that_gives_no_answer_is_no_empty_answer(program, text, words):
    program("sacct", text)
    with pytest.raises(CommandError, match=words):
        Slurm().accounting([7], 0)


def test_accounting_is_asked_since_a_time_and_for_so_many_jobs_at_once_as_it_answers(program, tmp_path):
    program("sacct", f'echo "$*" >> {tmp_path}/calls; echo "JobID|"')
    since = 1_780_000_000.0
    assert Slurm().accounting([*range(1, 402), 7], since).records == ()
    calls = [line.split() for line in (tmp_path / "calls").read_text().splitlines()]
    told = [dict(zip(words[1::2], words[2::2], strict=True)) for words in calls]
    assert [one["-S"] for one in told] == [time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(since))] * 3
    assert [list(map(int, one["-j"].split(","))) for one in told] == [
        [*range(1, 201)], [*range(201, 401)], [401],
    ]  # fmt: skip


ACCOUNTING = "echo 'AccountingStorageType = accounting_storage/slurmdbd'"


def test_limits_of_the_account_are_those_of_the_true_user(program, tmp_path, monkeypatch):
    program("scontrol", ACCOUNTING)
    program(
        "sacctmgr",
        f"""echo "$*" >> {tmp_path}/calls
        case "$*" in *assoc*) printf '|normal|normal\\n500||fast\\n';; *) printf 'normal|90\\nfast|70\\n';; esac""",
    )
    monkeypatch.setenv("USER", "somebody")
    monkeypatch.setenv("LOGNAME", "somebody")
    assert Slurm().limits().max_submitted == 70
    (call,) = [line for line in (tmp_path / "calls").read_text().splitlines() if "assoc" in line]
    assert f" user={pwd.getpwuid(os.getuid()).pw_name} " in call


def test_limits_of_the_account_are_not_known_where_the_user_has_no_name(program, tmp_path, monkeypatch):
    def nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    program("scontrol", ACCOUNTING)
    program("sacctmgr", f"touch {tmp_path}/asked; printf '500||\\n'")
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    limits = Slurm().limits()
    assert (limits.has_accounting, limits.max_submitted) == (True, None)
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize("conf", ["/etc/slurm/slurm.conf", "/run/slurm/conf/slurm.conf", "included", None])
def test_clusters_that_share_a_home_share_no_answers(monkeypatch, conf):
    """They have their configuration in the same place, each with another content; or its hosts have none."""
    files = {}
    monkeypatch.setattr("jor_slurm.configuration._read", lambda path: files.get(path, b""))
    keys = []
    for cluster in ("alpha", "beta", "alpha"):
        if conf == "included":
            files["/etc/slurm/slurm.conf"] = b"# ours\nInclude name.conf\n"
            files["/etc/slurm/name.conf"] = f"ClusterName={cluster}\n".encode()
        elif conf is not None:
            files[conf] = f"ClusterName={cluster}\n".encode()
        else:
            files["/etc/machine-id"] = cluster.encode()
        keys.append(cluster_key({"PATH": "/usr/bin"}, "squeue"))
    assert keys[0] == keys[2] != keys[1]
    others = [{"SLURM_CLUSTERS": "gamma"}, {"SLURM_CONF": "/elsewhere"}, {"PATH": os.path.dirname(__file__)}]
    assert all(cluster_key({"PATH": "/usr/bin", **other}, "squeue") != keys[0] for other in others[:2])


def test_nobody_waits_long_for_one_who_asks_and_is_suspended(tmp_path):
    calls = []

    def ask(argv):
        calls.append(argv)
        return "said"

    cache = Cache(str(tmp_path), patience=0.2)
    cache.answer(["squeue"], 60, ask)
    (path,) = tmp_path.iterdir()
    with open(path) as suspended:
        fcntl.flock(suspended, fcntl.LOCK_EX)
        began = time.monotonic()
        assert cache.answer(["squeue"], 60, ask).text == "said"
        assert 0.2 <= time.monotonic() - began < 5
        began = time.monotonic()
        assert cache.answer(["squeue"], 60, ask).text == "said"  # the next one finds the answer, and no lock
        assert time.monotonic() - began < 0.2
    assert len(calls) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_those_who_wait_for_one_who_is_suspended_do_not_all_ask(tmp_path):
    calls = []

    def ask(argv):
        calls.append(argv)
        time.sleep(0.1)
        return "said"

    cache = Cache(str(tmp_path), patience=0.3)
    cache.answer(["squeue"], 60, ask)
    (path,) = tmp_path.iterdir()
    with open(path) as suspended, ThreadPoolExecutor(8) as pool:
        fcntl.flock(suspended, fcntl.LOCK_EX)
        answers = [pool.submit(cache.answer, ["squeue"], 60, ask) for _ in range(8)]
        assert {one.result().text for one in answers} == {"said"}
    assert len(calls) < 5


def test_old_answers_are_deleted(tmp_path):
    cache = Cache(str(tmp_path))
    for name in ("first", "second"):
        cache.answer([name], 60, lambda _: "said")
        for path in tmp_path.iterdir():
            os.utime(path, (0, 0))
    (tmp_path / "answer-of-another.json").touch()
    cache.answer(["third"], 60, lambda _: "said")
    assert len(list(tmp_path.iterdir())) == 2


def test_cache_that_cannot_be_written_is_done_without(program, tmp_path):
    program("squeue", NOTHING)
    (tmp_path / "file").write_text("")
    assert Slurm(cache=Cache(str(tmp_path / "file" / "cache")), max_age=60).queue().records == ()


def test_cancel_names_the_array_and_not_only_its_id(program, tmp_path):
    """Its id may have been given to another job since."""
    program("scancel", f'echo "$*" > {tmp_path}/call')
    Slurm().cancel(ArrayId(7, "mine-1"))
    assert (tmp_path / "call").read_text().split() == ["--name=mine-1", "7"]


def test_tasks_are_cancelled_of_an_array_that_is_still_ours(program, tmp_path):
    program("scancel", f'echo "$*" >> {tmp_path}/calls')
    for name in ("other-1", "mine-1"):
        program("squeue", f"printf '{ROW.format(index=0, state='RUNNING', name=name)}'")
        Slurm().cancel(ArrayId(7, "mine-1"), IndexSet.parse("2-3"))
    assert (tmp_path / "calls").read_text().split() == ["7_[2-3]"]


def test_cancel_of_what_is_over_is_no_error(program):
    program("scancel", "echo 'scancel: error: Kill job error on job id 7: Invalid job id specified' >&2; exit 1")
    Slurm().cancel(ArrayId(7, "mine-1"))


def test_throttle_of_an_array_of_which_tasks_have_ended_is_no_error(program):
    program("scontrol", r"printf '26_0: Job has already finished\n26_1-5: No error\n' >&2; exit 1")
    Slurm().throttle(ArrayId(26, "mine-1"), 2)
    program("scontrol", r"printf '26_[0,2-3]: Job has already finished\n' >&2; exit 1")  # 26.05
    Slurm().throttle(ArrayId(26, "mine-1"), 2)
    program("scontrol", r"printf '26_0: Job has already finished\n26_1-5: Access/permission denied\n' >&2; exit 1")
    with pytest.raises(CommandError, match="permission denied"):
        Slurm().throttle(ArrayId(26, "mine-1"), 2)


def test_submission_is_repeated_while_nothing_was_reached():
    answers = [UnreachableError("down"), UnreachableError("down"), ArrayId(1, "a")]
    pauses = []

    def submit():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(submit, sleep=pauses.append) == ArrayId(1, "a")
    assert pauses == [2.0, 4.0]
