from sandbox.pool.uids import UidPool


def test_no_number_is_had_twice_however_long_one_is_kept() -> None:
    uids = UidPool(5)
    kept = [uids.take(), uids.take()]
    for _ in range(20):
        number = uids.take()
        assert number in range(5)
        assert number not in kept
        uids.give_back(number)


def test_a_number_is_taken_again_after_all_others() -> None:
    uids = UidPool(3)
    taken = []
    for _ in range(6):
        taken.append(uids.take())
        uids.give_back(taken[-1])
    assert sorted(taken[:3]) == [0, 1, 2]
    assert taken[3:] == taken[:3]


def test_two_services_on_a_host_begin_at_different_user_ids() -> None:
    assert len({UidPool(50_000).take() for _ in range(10)}) > 5
