import threading
import time

import pytest

from sandbox.errors import Overloaded
from sandbox.pool.slots import Slots


def test_each_holder_has_a_number_of_its_own() -> None:
    slots = Slots(3, 1)
    with slots.claim() as one, slots.claim() as two, slots.claim() as three:
        assert {one, two, three} == {0, 1, 2}


def test_one_claim_too_many_is_refused_with_a_time_to_retry_after() -> None:
    slots = Slots(2, timeout_seconds=2.5)

    def wait_for_a_slot() -> None:
        with slots.claim():
            pass

    waiting = [threading.Thread(target=wait_for_a_slot) for _ in range(slots.capacity - 2)]
    with slots.claim(), slots.claim():
        for thread in waiting:
            thread.start()
        deadline = time.monotonic() + 5
        while slots.admitted < slots.capacity:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        with pytest.raises(Overloaded) as refused, slots.claim():
            pass
    assert refused.value.retry_after_seconds == 3
    for thread in waiting:
        thread.join()
    assert slots.admitted == 0


def test_a_slot_is_free_again_after_an_error() -> None:
    slots = Slots(1, 1)
    for _ in range(5):
        with pytest.raises(ValueError, match="boom"), slots.claim():
            raise ValueError("boom")
    with slots.claim() as number:
        assert number == 0
