"""Links lead to existing pages."""

from shop import work


def test_footer_links():
    work(0.1)
