"""Delivery of parcels."""

from shop import first_try_of_this_build, work


def test_parcel_is_weighed():
    work(1.3)


class TestTracking:
    def test_courier_answers_in_time(self):
        # Flaky: fails the first time that a build runs it, and passes when it is retried.
        work(0.3)
        assert not first_try_of_this_build("courier"), "the courier did not answer"

    def test_shows_the_last_stop(self):
        work(0.7)
