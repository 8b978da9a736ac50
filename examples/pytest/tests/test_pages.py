"""Static pages."""

from shop import work


def test_imprint():
    work(0.2)


def test_terms():
    work(0.2)
