"""Refunds."""

from shop import work


def test_full_refund():
    work(1.4)


def test_partial_refund():
    work(0.9)
