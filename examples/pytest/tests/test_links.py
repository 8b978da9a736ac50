"""Pages point at pages that exist."""

from shop import work


def test_footer_links():
    work(0.1)
