"""Delivery addresses."""

from shop import work


def test_post_code_is_checked():
    work(0.2)


def test_country_defaults_to_the_shop():
    work(0.1)
