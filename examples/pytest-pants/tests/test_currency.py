"""Foreign currencies."""

from shop import work


def test_euro_has_two_decimals():
    work(0.1)


def test_yen_has_no_decimals():
    # Always fails: to be muted until it is fixed.
    work(0.1)
    assert format(1234.5, ".0f") == "1,235"
