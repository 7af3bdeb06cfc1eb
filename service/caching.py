"""What is kept so that no model computes the same thing twice: bounded, and safe to share."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from service.admission import TOO_MANY
from service.metrics import Metrics
from service.types import BusyError

if TYPE_CHECKING:
    from index.hybrid import Question
    from models.contracts import FloatArray, Span
    from service.reading import Retrieved

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_SENTENCES = 5
"""How many sentences' vectors are kept for each question that is remembered."""


class Cache(Generic[K, V]):
    """Keeps the `most` values that were used last. Safe to use from several threads.

    `looked_up(hit)` is told of every look.
    """

    def __init__(self, most: int, looked_up: Callable[[bool], None] = lambda _: None) -> None:
        """Begin empty; one of 0 stays so."""
        self._most = most
        self._looked_up = looked_up
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._turn = Lock()

    def __len__(self) -> int:
        """Return how many values are kept."""
        return len(self._kept)

    def get(self, key: K) -> V | None:
        """Return what is kept of `key`, None where nothing is."""
        with self._turn:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
        self._looked_up(found is not None)
        return found

    def peek(self, key: K) -> V | None:
        """Return what `get` would, without using it or counting a look."""
        return self._kept.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value; the one that was used the longest ago may go for it."""
        with self._turn:
            self._kept[key] = value
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def made(self, key: K, make: Callable[[], V]) -> V:
        """Return what is kept of `key`; where nothing is, make it, and keep it."""
        found = self.get(key)
        if found is None:
            found = make()
            self.put(key, found)
        return found

    def completed(self, keys: Sequence[K], make: Callable[[list[K]], Sequence[V]]) -> list[V]:
        """Return what is kept of each key; `make` the values of all that are missing, at once.

        `make` returns one value a key, in order.
        """
        found = {key: self.get(key) for key in dict.fromkeys(keys)}
        missing = [key for key, value in found.items() if value is None]
        made = dict(zip(missing, make(missing), strict=True)) if missing else {}
        for key, value in made.items():
            self.put(key, value)
        return [made[key] if key in made else cast("V", found[key]) for key in keys]


class Kept:
    """What is remembered of the last `questions` questions, each of `passages` passages.

    It is of one version of an index and one set of models: another one has its own.
    """

    def __init__(self, questions: int, passages: int, metrics: Metrics) -> None:
        """Begin empty."""
        self.questions: Cache[str, Question] = Cache(questions, metrics.lookups("questions"))
        self.retrievals: Cache[Hashable, Retrieved] = Cache(
            questions, metrics.lookups("retrievals")
        )
        self.spans: Cache[tuple[str, int], Span] = Cache(
            questions * passages, metrics.lookups("spans")
        )
        self.sentences: Cache[str, FloatArray] = Cache(
            questions * _SENTENCES, metrics.lookups("sentences")
        )

    def has(self, question: str, retrieval: Hashable) -> bool:
        """Tell whether both are kept, without counting a look."""
        encoded, retrieved = self.questions.peek(question), self.retrievals.peek(retrieval)
        return encoded is not None and retrieved is not None


class Turns(Generic[K]):
    """Lets those who want the same thing at the same time take turns: the first one makes it.

    The others then find it in a cache. At most `most` wait.
    """

    def __init__(self, most: int) -> None:
        """Begin with nobody waiting."""
        self._most = most
        self._locks: dict[K, tuple[Lock, int]] = {}
        self._turn = Lock()

    @contextmanager
    def taken(self, key: K, check: Callable[[], None], *, every: float = 0.1) -> Iterator[None]:
        """Be the only one with `key`. While waiting, `check` is called and may raise.

        Raises BusyError where too many wait.
        """
        with self._turn:
            lock, users = self._locks.get(key, (Lock(), 0))
            waiting = sum(others - 1 for _, others in self._locks.values())
            if users and waiting >= self._most:
                raise BusyError(TOO_MANY)
            self._locks[key] = lock, users + 1
        try:
            while not lock.acquire(timeout=every):
                check()
            try:
                yield
            finally:
                lock.release()
        finally:
            with self._turn:
                lock, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = lock, users - 1
