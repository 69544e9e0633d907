"""What workers, and those who look at many submissions, have to know of submission.json."""

# Without postponed annotations: what JSON may hold for a field is looked up by the field's type.
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Type

#: First and last of some indices.
IndexRange = Tuple[int, int]


class BatchSpec(NamedTuple):
    """How a submission is cut into array tasks: fields of jor.runs.submission.Batch, which tells more of them."""

    workers_per_task: int
    time_limit: Optional[int]
    warning: int
    requeue: Tuple[str, ...]


class RunSpec(NamedTuple):
    """A submission as it is executed: fields of jor.runs.submission.Submission, which tells more of them."""

    token: str
    jobmodule: str
    jobargs: str
    source_crc32: int
    path_prefix: str
    directory: str
    folder: str
    cpus_per_task: int
    isolation: str
    grace_period: float
    atomic_output: bool
    may_exist: bool
    empty: Tuple[str, ...]
    aside: Tuple[IndexRange, ...]
    unseen: Tuple[IndexRange, ...]
    listed: int
    names_crc32: int
    batch: Optional[BatchSpec]
    fsync: bool
    resumable: bool
    seed: int

    @classmethod
    def of(cls, content: Dict[str, Any]) -> "RunSpec":
        """Return the part of submission.json that is wanted. Raise ValueError with what is wrong."""
        batch = content.get("batch")
        if isinstance(batch, dict):
            content = {**content, "batch": BatchSpec._make(_values(BatchSpec, batch))}
        return cls._make(_values(cls, content))


#: What JSON has for a field of each type, in types and in words.
_JSON: Dict[object, Tuple[Tuple[type, ...], str]] = {
    str: ((str,), "a text"),
    int: ((int,), "an integer"),
    Optional[int]: ((int, type(None)), "an integer or null"),
    float: ((int, float), "a number"),
    bool: ((bool,), "true or false"),
    Tuple[str, ...]: ((list,), "a list of texts"),
    Tuple[IndexRange, ...]: ((list,), "a list of ranges"),
    Optional[BatchSpec]: ((BatchSpec, type(None)), "an object or null"),
}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_range(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and [*map(type, value)] == [int, int]


def _values(spec: Type[NamedTuple], content: Dict[str, Any]) -> List[Any]:
    """Return the values of the fields of `spec` in their order. Raise ValueError with the first that is wrong."""
    values = []
    for name, hint in spec.__annotations__.items():
        types, words = _JSON[hint]
        is_item = _is_range if hint == Tuple[IndexRange, ...] else _is_text
        value = content.get(name, ...)
        if value is ...:
            raise ValueError(f"{name} is missing")
        if not isinstance(value, types) or (isinstance(value, list) and not all(map(is_item, value))):
            raise ValueError(f"{name} is not {words}")
        if isinstance(value, list):
            value = tuple(map(tuple, value)) if is_item is _is_range else tuple(value)
        values.append(value)
    return values
