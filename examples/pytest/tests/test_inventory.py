"""Stock in the warehouse."""

from shop import work


def test_sale_lowers_the_stock():
    work(1.0)


def test_return_raises_the_stock():
    work(1.0)


def test_last_item_is_sold_once():
    work(1.2)
