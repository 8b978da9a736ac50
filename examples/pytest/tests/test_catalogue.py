"""The product catalogue."""

from shop import work


def test_search_finds_by_name():
    work(0.3)


def test_search_finds_nothing_for_noise():
    work(0.2)
