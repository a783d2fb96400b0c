"""Keys: hard to guess, easy to recognise, and not to be had from what is kept."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from service.access.key import digest_of, id_in, is_key, new_key


def test_a_key_proves_itself_and_no_other() -> None:
    mine, other = new_key(), new_key()
    assert is_key(mine.key, mine.digest)
    assert not is_key(other.key, mine.digest)
    assert id_in(mine.key) == mine.id


def test_a_key_has_at_least_128_random_bits() -> None:
    keys = [new_key().key for _ in range(200)]
    secrets = [key.rpartition("_")[2] for key in keys]
    assert len(set(secrets)) == len(keys)
    assert all(len(bytes.fromhex(secret)) * 8 >= 128 for secret in secrets)
    # Every place takes every digit: nothing of it is a counter or a time.
    assert all(len(set(place)) > 8 for place in zip(*secrets, strict=True))


def test_what_is_kept_and_what_is_printed_do_not_hold_the_key() -> None:
    made = new_key()
    assert made.digest == hashlib.sha256(made.key.encode()).digest()
    assert made.key not in repr(made)


@given(st.text())
def test_any_text_can_be_asked_for(text: str) -> None:
    assert not is_key(text, bytes(32))
    assert digest_of(text) is not None
    assert id_in(text) is None or text.startswith("s2s_")
