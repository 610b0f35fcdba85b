"""Passwords: who does not exist is told apart from nobody."""

import pytest
from argon2 import extract_parameters
from argon2.exceptions import VerifyMismatchError

from serve.people import secrets


def test_a_user_who_is_not_there_fits_no_password_and_costs_as_much_as_one_who_is():
    assert not secrets.password_fits(None, "")
    assert not secrets.password_fits(None, "correct horse battery")
    kept = secrets.hash_password("correct horse battery")
    assert secrets.password_fits(kept, "correct horse battery")
    # The costs say how long a verification takes; a hash that is refused unread would take none.
    assert extract_parameters(secrets._NOBODY) == extract_parameters(kept)


def test_nobodys_hash_is_verified_in_full():
    # Not InvalidHashError: that is raised before anything is computed.
    with pytest.raises(VerifyMismatchError):
        secrets._hasher.verify(secrets._NOBODY, "correct horse battery")
