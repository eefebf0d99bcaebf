import threading
import time

import pytest

from sandbox import Overloaded
from service.admission import SPARE_THREADS, Admission, Busy, PrioritySemaphore

SCRIPTS = 2
LONG = 2**20


@pytest.fixture
def admission() -> Admission:
    return Admission(SCRIPTS, timeout_seconds=2.5)


def wait_for(semaphore: PrioritySemaphore, waiting: int) -> None:
    while len(semaphore._waiting) < waiting:
        time.sleep(0.001)


def test_the_lowest_priority_number_comes_first_and_then_who_came_first() -> None:
    semaphore = PrioritySemaphore(1)
    assert semaphore.acquire(0, 0)
    served: list[str] = []

    def serve(priority: int, name: str) -> None:
        assert semaphore.acquire(priority, 5)
        served.append(name)
        semaphore.release()

    threads = []
    for priority, name in ((9, "long"), (1, "first short"), (1, "second short"), (5, "middle")):
        threads.append(threading.Thread(target=serve, args=(priority, name)))
        threads[-1].start()
        wait_for(semaphore, len(threads))
    semaphore.release()
    for thread in threads:
        thread.join()
    assert served == ["first short", "second short", "middle", "long"]


def test_a_wait_that_is_too_long_ends_and_leaves_nothing_behind() -> None:
    semaphore = PrioritySemaphore(1)
    assert semaphore.acquire(0, 0)
    assert not semaphore.acquire(0, 0.01)
    semaphore.release()
    assert semaphore.acquire(0, 0)
    assert not semaphore._waiting


def test_requests_beyond_the_gate_are_refused_until_one_ends(admission: Admission) -> None:
    allowed = SCRIPTS + SPARE_THREADS // 2
    assert allowed < admission.threads == SCRIPTS + SPARE_THREADS
    gates = [admission.executing() for _ in range(allowed)]
    for gate in gates:
        gate.__enter__()
    with pytest.raises(Overloaded) as caught, admission.executing():
        pass
    assert caught.value.retry_after_seconds == 3
    gates[0].__exit__(None, None, None)
    with admission.executing():
        pass


def test_a_gate_behind_it_that_is_busy_is_an_overload(admission: Admission) -> None:
    with pytest.raises(Overloaded), admission.executing():
        raise Busy
    with admission.executing():
        pass


def test_one_long_body_is_parsed_at_a_time_and_short_ones_beside_it(admission: Admission) -> None:
    parsing = 0
    most = 0

    def parse() -> None:
        nonlocal parsing, most
        with admission.parsing(LONG):
            parsing += 1
            most = max(most, parsing)
            time.sleep(0.01)
            parsing -= 1

    threads = [threading.Thread(target=parse) for _ in range(8)]
    with admission.parsing(LONG):
        for thread in threads:
            thread.start()
        with admission.parsing(1):
            assert most == 0
    for thread in threads:
        thread.join()
    assert most == 1


def test_long_bodies_beyond_the_gate_are_refused(admission: Admission) -> None:
    over = threading.Event()

    def hold() -> None:
        with admission.parsing(LONG):
            over.wait(5)

    threads = [threading.Thread(target=hold) for _ in range(SPARE_THREADS // 4)]
    for thread in threads:
        thread.start()
    while admission._long_bodies._value:
        time.sleep(0.001)
    with pytest.raises(Overloaded), admission.parsing(LONG):
        pass
    over.set()
    for thread in threads:
        thread.join()
