"""The events that journals record: their types, and how each is written to JSON and read from it.

No other module knows a key of a record. A field that has its default is not written, and one that this version does
not know is passed over, as are events of a kind that it does not know.
"""

# Without postponed annotations: what JSON may hold for a field is looked up by the field's type.
import json
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Type, Union

#: Version of the format; a reader refuses journals of another one.
VERSION = 1

#: First and last byte of what a job printed, in its log.
LogRange = Tuple[int, int]


class Claim(NamedTuple):
    """The first event of a journal: who writes it."""

    version: int
    #: The process: see jor.runtime.process_id.
    owner: str
    #: Its submission, its worker or array task, and which attempt at that it is.
    token: str = ""
    task: int = 0
    restart: int = 0
    #: What the batch system calls the attempt; "" if there is none.
    job_id: str = ""
    #: The version of Python.
    python: str = ""
    #: What its variable PYTHONHASHSEED is, which decides the order of sets; "" if it is not set.
    hash_seed: str = ""


class Begin(NamedTuple):
    """A job is about to start."""

    index: int  # type: ignore[assignment] # hides tuple.index, which nobody wants of an event
    #: Seconds since the epoch, by the host's clock.
    started: float
    #: Where its output to the terminal begins; None if that is not kept.
    log: Optional[LogRange] = None
    #: Name of the file with it; "" for the log of the worker or array task.
    log_file: str = ""
    #: Whether it writes in place, without staging.
    direct: bool = False
    #: Whether it goes on from what an interrupted attempt has written in place.
    resumed: bool = False
    #: Whether its old output was set aside: see jor.runtime.old_outputs.
    old_aside: bool = False


#: Files beside an output that the end of its job names, and how many bytes that may take.
MOST_BESIDE, _LONGEST_BESIDE = 50, 2500


def digest_of(names: Sequence[str]) -> str:
    """Return the SHA-256 of names, each followed by a line end."""
    from hashlib import sha256  # loads much, and is hardly ever wanted

    text = "".join(f"{name}\n" for name in names)
    return sha256(text.encode(errors="surrogateescape")).hexdigest()


class End(NamedTuple):
    """A job has ended."""

    index: int  # type: ignore[assignment]
    #: How long it took.
    seconds: float
    #: The largest resident set of its process and the children it waited for, bytes.
    max_rss: int
    #: Exit status of its process; 0 when a signal ended it, -1 when there was none.
    status: int
    #: Why it failed; "" if it ended well.
    error: str = ""
    #: The signal that ended its process, if it failed by that; else 0.
    signal: int = 0
    #: Where its output to the terminal is, as for `Begin`.
    log: Optional[LogRange] = None
    log_file: str = ""
    #: Seconds until the job module was loaded for it; None if that was loaded already.
    loading: Optional[float] = None
    #: How many processes it left behind.
    orphans: int = 0
    #: Whether it was stopped from outside.
    interrupted: bool = False
    #: Whether the kernel killed a process of it because memory was short.
    out_of_memory: bool = False
    #: Whether its old output was set aside. If it failed, and was not interrupted, that was put back.
    old_aside: bool = False
    #: Whether it wrote at its final path by itself.
    direct: bool = False
    #: The files that it put beside its output, relative to the folder of all outputs; of more than MOST_BESIDE, or of
    #: long names, the SHA-256 of their names, each followed by a line end.
    beside: Tuple[str, ...] = ()
    beside_sha256: str = ""

    @property
    def ok(self) -> bool:
        """Whether the job made its output."""
        return not self.error

    def naming(self, beside: Sequence[str]) -> "End":
        """Return this with the files that were put beside the output."""
        if len(beside) <= MOST_BESIDE and len(json.dumps(beside)) <= _LONGEST_BESIDE:
            return self._replace(beside=tuple(beside))
        return self._replace(beside_sha256=digest_of(beside))


class Changed(NamedTuple):
    """The job module's file is not what it was when its jobs were planned."""

    #: Its CRC-32 now.
    source_crc32: int


class Isolation(NamedTuple):
    """How jobs are isolated, where the option says `auto`."""

    #: The threads, by name, of the process that has loaded the job module, for which jobs spawn; "": they fork.
    threads: str = ""
    #: Seconds until the job module was loaded.
    loading: float = 0.0

    @property
    def notice(self) -> str:
        """What a user should know of it, one sentence; "" if nothing."""
        if not self.threads:
            return ""
        cost = f"takes {self.loading:.1f} s" if self.loading >= 0.05 else "takes no time"
        return (
            f"each job loads the job module by itself (isolation = spawn), which {cost}: loading it starts threads "
            f"({self.threads}), which forked jobs would lack and might wait for. "
            "To load it once, start no thread or pool at its top level; or, if no job uses them, set isolation = fork"
        )


class Library(NamedTuple):
    """A library that jobs have loaded, on which the numbers that they draw depend."""

    name: str
    version: str


class Over(NamedTuple):
    """The worker has come to its own end."""

    #: How many jobs ended well, and how many did not.
    done: int = 0
    failed: int = 0
    #: Why it did not run all its jobs; "" if it did.
    stopped: str = ""
    #: What it died of; "" if it did not.
    error: str = ""


class Notice(NamedTuple):
    """What a user should know of the submission, and would not see otherwise."""

    #: One sentence.
    text: str


Event = Union[Claim, Begin, End, Changed, Isolation, Library, Notice, Over]
#: What a journal tells of a job.
JobEvent = Union[Begin, End]

_KINDS: Dict[str, Type[Event]] = {
    "claim": Claim,
    "begin": Begin,
    "end": End,
    "changed": Changed,
    "isolation": Isolation,
    "library": Library,
    "notice": Notice,
    "over": Over,
}
_NAMES: Dict[Type[Event], str] = {cls: kind for kind, cls in _KINDS.items()}
#: What JSON has for a field of each type.
_JSON: Dict[object, Tuple[type, ...]] = {
    int: (int,),
    float: (float, int),
    str: (str,),
    bool: (bool,),
    Optional[float]: (float, int),
    Optional[LogRange]: (list, tuple),
    Tuple[str, ...]: (list, tuple),
}
#: Of each event its fields in their order: the default of each, ... where it may not be absent; its place and types.
_DEFAULTS = {cls: [cls._field_defaults.get(name, ...) for name in cls._fields] for cls in _NAMES}
_PLACES = {
    cls: {name: (place, _JSON[hint]) for place, (name, hint) in enumerate(cls.__annotations__.items())}
    for cls in _NAMES
}


def encode(event: Event) -> Dict[str, object]:
    """Return the record of an event, a JSON object."""
    cls = type(event)
    record: Dict[str, object] = {"kind": _NAMES[cls]}
    for name, value, default in zip(event._fields, event, _DEFAULTS[cls]):
        if value is not default:  # not `!=`, half as fast: all defaults are singletons
            record[name] = value  # noqa: PERF403 # in a comprehension, the kind could not come first
    return record


def parse(record: Any) -> Optional[Event]:
    """Return the event of a record, decoded JSON; None if it is not one.

    Of a claim of another version nothing is known but that.
    """
    kind = record.get("kind") if isinstance(record, dict) else None
    cls = _KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        return None
    if cls is Claim and record.get("version") != VERSION:
        version = record.get("version")
        return Claim(version if isinstance(version, int) else 0, owner="")
    values, places = _DEFAULTS[cls][:], _PLACES[cls]
    for name, value in record.items():
        if name in places:
            place, types = places[name]
            if not isinstance(value, types):
                return None
            values[place] = value
    if ... in values:
        return None  # it lacks what its kind has to hold
    if "log" in record and "log" in places:
        log = tuple(record["log"])
        if len(log) != 2 or not (isinstance(log[0], int) and isinstance(log[1], int)):
            return None
        values[places["log"][0]] = log
    if "beside" in record and "beside" in places:
        beside = tuple(record["beside"])
        if not all(isinstance(name, str) for name in beside):
            return None
        values[places["beside"][0]] = beside
    if "log_file" in record and "log_file" in places and "/" in record["log_file"]:
        return None  # not a name: it would lead out of the folder
    return cls._make(values)


#: Notices that are kept of one journal.
MOST_NOTICES = 20


def kind_of(notice: str) -> str:
    """Return what notices of one kind have in common: their text up to a colon."""
    return notice.partition(":")[0]


def of_each_kind(notices: Iterable[str]) -> Tuple[str, ...]:
    """Return the first of each kind of notice."""
    found: Dict[str, str] = {}
    for text in notices:
        found.setdefault(kind_of(text), text)
    return tuple(found.values())


class LastWords:
    """What the events of one journal come to: who wrote it, its worker's end, and the last word on each job.

    The last word on a job is its newest end, else its begin.
    """

    __slots__ = ("_in_full", "isolation", "notices", "others", "over", "owner", "well")

    def __init__(self, *, in_full: bool = False) -> None:
        self._in_full = in_full
        #: The process that wrote it; "" if that is not known.
        self.owner = ""
        #: The end of its worker; None if that did not come to its own end.
        self.over: Optional[Over] = None
        #: Jobs that ended well: no more of them, unless this is `in_full`, since there may be millions.
        self.well: List[int] = []
        #: The last word on each other job.
        self.others: Dict[int, JobEvent] = {}
        #: What a user should know of the submission, in its order, and each once.
        self.notices: Dict[str, None] = {}
        #: How its jobs are isolated; None if that is not known, or as the option says.
        self.isolation: Optional[Isolation] = None

    def add(self, event: Event) -> None:
        """Take in one event, the next of the journal."""
        if isinstance(event, Begin):
            self.others.setdefault(event.index, event)
        elif isinstance(event, End):
            if event.error or event.out_of_memory or self._in_full:
                self.others[event.index] = event
            else:
                self.others.pop(event.index, None)
                self.well.append(event.index)
        elif isinstance(event, Over):
            self.over = event
        elif isinstance(event, Claim):
            self.owner = event.owner
        elif isinstance(event, Isolation):
            self.isolation = event
        elif isinstance(event, Notice) and len(self.notices) < MOST_NOTICES:
            self.notices.setdefault(event.text)

    def events(self) -> List[Event]:
        """Return events that come to the same, but for the jobs that ended well."""
        claim: Event = Claim(VERSION, self.owner)
        single = [event for event in (self.isolation, self.over) if event is not None]
        return [claim, *self.others.values(), *map(Notice, self.notices), *single]
