from sandbox.numbers import Numbers


def test_no_number_is_had_twice_however_long_one_is_kept() -> None:
    numbers = Numbers(5)
    kept = [numbers.take(), numbers.take()]
    for _ in range(20):
        number = numbers.take()
        assert number in range(5)
        assert number not in kept
        numbers.give_back(number)


def test_a_number_comes_back_after_all_others() -> None:
    numbers = Numbers(3)
    taken = []
    for _ in range(6):
        taken.append(numbers.take())
        numbers.give_back(taken[-1])
    assert taken == [0, 1, 2, 0, 1, 2]
