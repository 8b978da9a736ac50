"""Reviews by customers."""

import pytest
from shop import work


def test_review_needs_a_purchase():
    work(0.5)


def test_stars_are_averaged():
    work(0.4)


@pytest.mark.skip(reason="pictures are switched off this season")
def test_review_with_a_picture():
    work(1)
