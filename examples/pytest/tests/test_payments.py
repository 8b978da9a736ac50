"""Incoming payments."""

from shop import work


def test_card_is_charged_once():
    work(1.3)


def test_declined_card_keeps_the_basket():
    work(0.9)


class TestInvoice:
    def test_is_sent_to_companies(self):
        work(0.7)
