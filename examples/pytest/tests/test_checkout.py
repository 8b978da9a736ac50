"""From basket to order."""

from shop import work


def test_guest_can_check_out():
    work(1.4)


class TestVoucher:
    def test_lowers_the_total(self):
        work(0.9)

    def test_is_used_only_once(self):
        work(0.7)
