"""Money in other countries."""

from shop import work


def test_euro_has_two_decimals():
    work(0.1)


def test_yen_has_no_decimals():
    # Fails always: somebody is to repair it, and meanwhile it is to be muted.
    work(0.1)
    assert format(1234.5, ".0f") == "1,235"
