"""Prices."""

import pytest
from shop import work


@pytest.mark.parametrize(
    "offer",
    ["plain", "half price [50 %]", "2 for 1", "gift::wrap", "it's \"free\""],
)
def test_offer_is_applied(offer):
    # The names are odd on purpose: retries must pass them on the command line unchanged.
    work(0.12)
    assert offer


def test_price_is_never_negative():
    work(0.2)
