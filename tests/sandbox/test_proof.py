"""One try answers everybody who asks at the same time whether jails hold."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.self_test import proof
from sandbox.self_test.proof import Proof

AT_ONCE = 48


class Tries:
    """Counts the tries and how many run at once; each try takes `seconds` and returns what `answer` returns."""

    def __init__(self, answer: Callable[[], str | None], seconds: float = 0.3) -> None:
        self.count = self.running = self.most_at_once = 0
        self.answer = answer
        self._seconds = seconds

    def __call__(self) -> str | None:
        self.count += 1
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        time.sleep(self._seconds)
        self.running -= 1
        return self.answer()


def ask_at_once(tried: Proof) -> set[str | None]:
    together = threading.Barrier(AT_ONCE)

    def ask(_: int) -> str | None:
        together.wait()
        return tried.refusal()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return set(pool.map(ask, range(AT_ONCE)))


@pytest.mark.parametrize("answer", [None, "no"])
def test_all_who_ask_at_once_get_the_result_of_one_try(answer: str | None) -> None:
    tries = Tries(lambda: answer)
    tried = Proof(tries)
    tried.failed()
    assert ask_at_once(tried) == {answer}
    assert tries.count == 1
    assert tried.due == (answer is not None)


def test_a_result_counts_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_FRESH_SECONDS", 0.2)
    tries = Tries(lambda: "no", seconds=0)
    tried = Proof(tries)
    assert [tried.refusal(), tried.refusal(), tries.count] == ["no", "no", 1]
    time.sleep(0.25)
    assert [tried.refusal(), tries.count] == ["no", 2]


def test_that_jails_held_does_not_count_after_one_has_failed() -> None:
    tries = Tries(lambda: None, seconds=0)
    tried = Proof(tries)
    assert tried.refusal() is None
    tried.failed()
    tries.answer = lambda: "no"
    assert [tried.refusal(), tries.count] == ["no", 2]
    # The refusal still counts for whoever asks, however many jails fail meanwhile.
    tried.failed()
    assert [tried.refusal(), tries.count] == ["no", 2]


def test_a_script_that_was_run_ends_the_doubt() -> None:
    tried = Proof(Tries(lambda: None, seconds=0))
    assert not tried.due
    tried.failed()
    assert tried.due
    tried.held()
    assert not tried.due


def test_nobody_waits_for_ever_and_only_one_try_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_WAIT_SECONDS", 0.1)
    tries = Tries(lambda: None, seconds=1)
    tried = Proof(tries)
    started = time.monotonic()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(tried.refusal)
        time.sleep(0.1)
        assert tried.refusal() == proof._STILL_TRYING
        assert time.monotonic() - started < 0.8
        assert first.result() is None
    assert tries.most_at_once == 1


def test_a_try_that_raises_gives_no_result() -> None:
    def broken() -> str | None:
        raise BrokenPipeError

    tried = Proof(Tries(broken, seconds=0))
    for _ in range(2):
        with pytest.raises(BrokenPipeError):
            tried.refusal()
