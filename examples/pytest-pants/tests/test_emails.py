"""Emails to customers."""

from shop import work


def test_order_confirmation():
    work(0.4)


def test_password_reset():
    work(0.2)
