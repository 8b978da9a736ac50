"""The shopping basket."""

from shop import work


class TestBasket:
    def test_adds_an_item(self):
        work(0.8)

    def test_removes_an_item(self):
        work(0.6)

    def test_survives_a_new_session(self):
        work(1.0)
