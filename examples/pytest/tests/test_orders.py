"""Placed orders."""

from shop import work


class TestHistory:
    def test_lists_newest_first(self):
        work(1.1)

    def test_hides_other_customers(self):
        work(0.8)


def test_order_can_be_cancelled():
    work(0.8)
