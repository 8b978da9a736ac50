"""Signing up and signing in."""

from shop import work


class TestSignUp:
    def test_accepts_a_new_customer(self):
        work(0.9)

    def test_refuses_a_taken_name(self):
        work(0.7)


def test_sign_in_with_a_password():
    work(1.0)
