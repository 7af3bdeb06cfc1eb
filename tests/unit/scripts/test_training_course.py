"""How far a run is, and how fast it learns there."""

import pytest

from scripts.training_course import rate_after, rate_at, share_done


def test_the_rate_rises_and_falls() -> None:
    # a tenth of 100 steps to rise, 90 to fall
    assert [rate_at(step, 100) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert [rate_at(step, 100) for step in (10, 55, 99, 100)] == pytest.approx(
        [1.0, 0.5, 1 / 90, 0.0]
    )
    for steps in (1, 2, 3, 10, 11, 1_000):  # never 0 or above 1 while there are steps to do
        rates = [rate_at(step, steps) for step in range(steps)]
        assert all(0 < rate <= 1 for rate in rates)
        assert max(rates) == 1


def test_a_run_of_given_minutes_goes_by_what_ends_first() -> None:
    assert share_done(0.55, 1e9, None) == 0.55
    # 55 of 100 steps, or 66 of 120 seconds
    assert rate_after(share_done(0.55, 0, 2)) == pytest.approx(0.5)
    assert rate_after(share_done(0.0, 66, 2)) == pytest.approx(0.5)
    assert share_done(0.0, 120, 2) == 1
