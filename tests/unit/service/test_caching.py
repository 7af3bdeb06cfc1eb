from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from service.caching import Cache, Turns
from service.patience import ClientGoneError
from service.types import BusyError


def test_what_was_used_the_longest_ago_goes_first() -> None:
    looks: list[bool] = []
    cache: Cache[str, int] = Cache(2, looks.append)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    assert looks == [True, True, False, True]
    assert len(cache) == 2


def test_a_cache_of_none_keeps_none() -> None:
    cache: Cache[str, int] = Cache(0)
    assert [cache.made("a", lambda: 1), cache.made("a", lambda: 2)] == [1, 2]
    assert len(cache) == 0


def test_only_what_is_missing_is_made_each_once() -> None:
    cache: Cache[str, str] = Cache(10)
    made: list[list[str]] = []

    def make(keys: list[str]) -> list[str]:
        made.append(keys)
        return [key.upper() for key in keys]

    assert cache.completed(["a", "b", "a"], make) == ["A", "B", "A"]
    assert cache.completed(["b", "c"], make) == ["B", "C"]
    assert cache.completed(["c", "a"], make) == ["C", "A"]
    assert made == [["a", "b"], ["c"]]


def test_more_than_fits_is_still_complete() -> None:
    cache: Cache[int, int] = Cache(2)
    assert cache.completed(list(range(5)), lambda keys: [-key for key in keys]) == [
        0,
        -1,
        -2,
        -3,
        -4,
    ]


def test_threads_share_a_cache() -> None:
    cache: Cache[int, int] = Cache(50)

    def use(number: int) -> int:
        return cache.made(number % 100, lambda: number % 100)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(use, range(5000))) == [n % 100 for n in range(5000)]
    assert len(cache) == 50


def test_the_same_thing_is_made_once_by_those_who_want_it_together() -> None:
    turns: Turns[str] = Turns(2)
    cache: Cache[str, int] = Cache(4)
    began, go, made = Event(), Event(), []

    def make() -> int:
        made.append(1)
        began.set()
        assert go.wait(30)
        return 7

    def want() -> int:
        with turns.taken("a", lambda: None):
            return cache.made("a", make)

    with ThreadPoolExecutor(3) as threads:
        wanted = [threads.submit(want) for _ in range(3)]
        assert began.wait(30)
        with turns.taken("b", lambda: None):
            pass  # another thing waits for nobody
        go.set()
        assert [future.result(30) for future in wanted] == [7, 7, 7]
    assert made == [1]
    assert turns._locks == {}


def test_who_gives_up_waiting_leaves_the_others_be() -> None:
    turns: Turns[str] = Turns(2)

    def check() -> None:
        raise ClientGoneError

    def try_it() -> None:
        with turns.taken("a", check, every=0.001):
            pytest.fail("it is taken")

    with turns.taken("a", check):
        thread = ThreadPoolExecutor(1)
        with pytest.raises(ClientGoneError):
            thread.submit(try_it).result(30)
        thread.shutdown()
    with turns.taken("a", check):
        pass  # it is free again
    assert turns._locks == {}


def test_no_more_than_so_many_wait() -> None:
    turns: Turns[str] = Turns(1)
    go = Event()

    def take(key: str) -> None:
        with turns.taken(key, lambda: None):
            assert go.wait(30)

    with ThreadPoolExecutor(4) as threads:
        taken = [threads.submit(take, key) for key in "aab"]
        while sum(users for _, users in turns._locks.values()) < 3:
            pass
        for key in "ab":  # one waits already, if for another thing
            with pytest.raises(BusyError, match="Try again soon"), turns.taken(key, lambda: None):
                pytest.fail("too many wait")
        with turns.taken("c", lambda: None):
            pass  # nobody has it
        go.set()
        for one in taken:
            one.result(30)
    assert turns._locks == {}
