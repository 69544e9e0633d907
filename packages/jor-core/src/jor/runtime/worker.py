"""One worker: takes jobs from its feed, runs each, publishes its output, writes down what became of it.

The feed is a pipe that the command writes and all its workers read: the place of each job's line in jobs.jsonl, in the
order in which the jobs are to start. A read takes exactly one (pipe(7): a pipe is read by one process at a time), so
no job is handed out twice. END tells one worker to end. When the command dies the pipe hangs up, and the workers
see it even while a job runs.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import struct
import sys
import time
from typing import Any, Iterator, Mapping

from ..errors import JorError
from . import jobargs, loading
from .execution import Outcome, Report, perform, run_here, run_in_child
from .jobs import JobsBase
from .journal import Journal
from .owner import Owner
from .processes import adopt_orphans, children, die_with_parent, has_children, kill_descendants, load_prctl
from .records import Job, Run, thaw
from .staging import Staging, stamp
from .watch import Watch

#: One item of the feed: the offset of a line in jobs.jsonl.
ITEM = struct.Struct("<Q")
#: The item that tells one worker to end.
END = 2**64 - 1

#: What libraries read to learn how many threads they may start.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
#: Exit status of a worker that cannot work at all: no other would fare better (EX_UNAVAILABLE).
CANNOT_WORK = 69


def work(run: Run, task: int) -> int:
    """Be worker `task` of the submission `run`, fed through standard input; return the exit status."""
    submission = run.read_submission()
    try:
        journal = Journal(run.journal(task), claim(submission["token"], task))
    except FileExistsError:
        print(f"task {task} is another process's already: nothing done", file=sys.stderr)  # noqa: T201
        return 0
    try:
        worker = Worker(run, submission, journal, _take_feed())
    except (JorError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
        journal.write("over", error=str(error))
        journal.close()
        return CANNOT_WORK
    return worker.work()


def run_one(run: Run, offset: int, output: str, report: Report) -> int:
    """Be the process of one job (isolation = spawn), which writes at `output`; return the exit status."""
    die_with_parent(load_prctl(), os.getppid())
    faulthandler.enable()
    with open(run.jobs, "rb") as file:
        file.seek(offset)
        job = thaw(file.readline())
    try:
        jobs = open_jobs(run.read_submission())
    except JorError as error:
        report.tell(str(error))
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return perform(jobs, job, output, report)


def open_jobs(submission: Mapping[str, Any]) -> JobsBase:
    """Return the object `Jobs` of a submission, in its working directory, with its threads."""
    os.chdir(submission["directory"])
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, str(submission["cpus_per_task"]))
    cls = loading.load(submission["jobmodule"])
    arguments = jobargs.parse(submission["jobargs"])
    return loading.construct(cls, arguments, submission["path_prefix"], submission["jobmodule"])


def claim(token: str, task: int) -> dict[str, Any]:
    """Return the first record of a journal: who writes it."""
    return {"token": token, "task": task, "owner": str(Owner.current()), "python": sys.version.split()[0]}


class Worker:
    """What a worker holds while it works."""

    def __init__(self, run: Run, submission: Mapping[str, Any], journal: Journal, feed: int) -> None:
        self._run = run
        self._journal = journal
        self._feed = feed
        self._isolation: str = submission["isolation"]
        self._grace: float = submission["grace_period"]
        self._folder: str = submission["folder"]
        #: Whether an old output may stand where a job's is to come.
        self._may_exist: bool = submission["may_exist"]
        self._atomic: bool = submission["atomic_output"]
        # With spawn the module is the jobs' affair: what it starts at import could disturb the worker.
        self._jobs = None if self._isolation == "spawn" else open_jobs(submission)
        _note_changed_source(journal, submission)
        self._prctl = load_prctl()
        adopt_orphans(self._prctl)
        self._spared = children()
        self._planned = os.open(run.jobs, os.O_RDONLY | os.O_CLOEXEC)
        self._staging = Staging(run.partial)
        self._report = Report()
        # After the job module, which may have set handlers of its own.
        self._watch = Watch(feed)
        _prepare_streams()
        if self._isolation == "none":
            die_with_parent(self._prctl, os.getppid())
            import threading

            threading.Thread(target=_die_with_feed, args=(feed,), daemon=True).start()
        gc.freeze()  # else each child's first collection would copy what the job module made

    def work(self) -> int:
        """Take jobs until the feed ends; return the exit status."""
        done = failed = 0
        try:
            for offset in self._offsets():
                if self._do(offset):
                    done += 1
                else:
                    failed += 1
            reason = signal.Signals(self._watch.stopped_by).name if self._watch.stopped_by else ""
            self._journal.write("over", done=done, failed=failed, stopped=reason)
        except OSError as error:
            # The journal or the staging folder cannot be written. Jobs would run unseen: take no more.
            print(f"Error: this worker stops: {error}", file=sys.stderr)  # noqa: T201
            return CANNOT_WORK
        finally:
            self._close()
        return 128 + self._watch.stopped_by if self._watch.stopped_by else 0

    def _offsets(self) -> Iterator[int]:
        while True:
            self._watch.until_fed()
            if self._watch.stopping:
                return
            item = os.read(self._feed, ITEM.size)
            if len(item) < ITEM.size:  # hung up: the command is gone
                return
            (offset,) = ITEM.unpack(item)
            if offset == END:
                return
            yield offset

    def _do(self, offset: int) -> bool:
        """Run the job whose line lies at `offset`; tell whether its output is there now."""
        job = thaw(self._line(offset))
        final = os.path.join(self._folder, job.output)
        path = self._staging.path_for(final) if self._atomic else final
        before = stamp(final) if self._may_exist else None
        log = _log_position()
        direct = {} if self._atomic else {"direct": True}
        self._journal.write("begin", index=job.index, started=round(time.time(), 3), **direct)
        outcome = self._execute(job, offset, path)
        orphans = kill_descendants(self._spared) if has_children() else 0
        error = self._failure(outcome)
        if not error:
            error = self._publish(final, before)
        if error:
            self._staging.clear()
        self._journal.write("end", **_end(job, outcome, error, [log, _log_position()], orphans, self._watch))
        return not error

    def _execute(self, job: Job, offset: int, path: str) -> Outcome:
        jobs, report, watch = self._jobs, self._report, self._watch
        if jobs is None:
            return run_in_child(lambda: self._spawn(offset, path), watch, self._grace, self._prctl)
        if self._isolation == "none":
            return run_here(lambda: perform(jobs, job, path, report, watch))
        return run_in_child(lambda: perform(jobs, job, path, report), watch, self._grace, self._prctl)

    def _spawn(self, offset: int, path: str) -> int:
        """In the forked child: become a fresh interpreter."""
        os.set_inheritable(self._report.fd, True)
        os.execv(  # noqa: S606 # argv, no shell
            sys.executable, [*interpreter(), "exec", self._run.folder, f"@{offset}", path, str(self._report.fd)]
        )

    def _failure(self, outcome: Outcome) -> str:
        """Return why the job's process did not end well; '' if it did."""
        if outcome.signal:
            name = signal.Signals(outcome.signal).name
            hint = " (out of memory?)" if outcome.signal == signal.SIGKILL and not self._watch.stopping else ""
            return f"killed by signal {outcome.signal}, {name}{hint}"
        if outcome.status:
            return self._report.take() or f"exit status {outcome.status}"
        return ""

    def _publish(self, final: str, before: object) -> str:
        """Put the output into place; return why that cannot be, or ''."""
        try:
            if self._atomic and self._staging.publish(final):
                return ""
        except OSError as error:
            return f"the output could not be put into place: {error}"
        now = stamp(final)
        # Without staging, the job's word is all there is. A job that wrote at the final path all the same
        # (it made up the path by itself) has to have changed what stands there.
        written = now is not None if not self._atomic else now not in (None, before)
        return "" if written else "execute returned, but has not written its output"

    def _line(self, offset: int) -> bytes:
        data = b""
        while not data.endswith(b"\n"):
            piece = os.pread(self._planned, 4096, offset + len(data))
            if not piece:
                raise OSError(f"{self._run.jobs} ends within a job")
            data += piece.partition(b"\n")[0] + (b"\n" if b"\n" in piece else b"")
        return data

    def _close(self) -> None:
        for close in (self._staging.close, self._journal.close):
            try:
                close()
            except OSError as error:
                print(f"Error: {error}", file=sys.stderr)  # noqa: T201


def interpreter() -> list[str]:
    """Return the command that starts this program anew."""
    return [sys.executable, sys.argv[0]] if sys.argv[0].endswith(".pyz") else [sys.executable, "-m", "jor"]


def source_digest(path: str) -> str:
    """Return the SHA-256 of a job module's file, to see whether it has changed since."""
    import hashlib  # 4 ms: not wanted before the job module loads

    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _end(job: Job, outcome: Outcome, error: str, log: list[int], orphans: int, watch: Watch) -> dict[str, Any]:
    record: dict[str, Any] = {"index": job.index, "seconds": round(outcome.seconds, 4), "max_rss": outcome.max_rss}
    if log[0] >= 0:
        record["log"] = log
    if error:
        record.update(error=error, status=outcome.status, signal=outcome.signal)
        if watch.stopping:
            record["interrupted"] = True
    if orphans:
        record["orphans"] = orphans
    return record


def _note_changed_source(journal: Journal, submission: Mapping[str, Any]) -> None:
    digest = source_digest(submission["jobmodule"])
    if digest != submission["source"]:
        journal.write("changed", source=digest)  # the same parameters, other code: run, and say so


def _take_feed() -> int:
    """Keep standard input for the worker, and give its jobs an empty one."""
    feed = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return feed


def _prepare_streams() -> None:
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):
        # Line by line, so that a job that crashes leaves its last words in the log.
        getattr(stream, "reconfigure", lambda **_: None)(line_buffering=True)


def _log_position() -> int:
    """Return the length of the log that standard output goes to, bytes; -1 when it goes elsewhere."""
    try:
        return os.lseek(1, 0, os.SEEK_END)
    except OSError:
        return -1


def _die_with_feed(feed: int) -> None:
    """Kill this process when the command that feeds it is gone (isolation = none: the job is this process)."""
    import select

    poll = select.poll()
    poll.register(feed, 0)
    poll.poll()
    os.kill(os.getpid(), signal.SIGKILL)
