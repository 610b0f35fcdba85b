import pytest
from pydantic import SecretStr

from serve.sealing import SecretChanged, seal, signing_key, unseal
from tests.serve.conftest import settings_for

ADDRESS = "rtsp://admin:过街@10.0.0.8:554/stream"


def settings_with(folder, secret):
    return settings_for(folder, secret=SecretStr(secret))


@pytest.mark.parametrize("text", ["", "a", ADDRESS, "x" * 10_000])
def test_what_was_sealed_is_opened(tmp_path, text):
    settings = settings_with(tmp_path, "s" * 40)
    sealed = seal(settings, "camera address", text)
    assert unseal(settings, "camera address", sealed) == text
    # A single letter may be among the bytes by chance.
    assert len(text) < 2 or text.encode() not in sealed


def test_sealing_the_same_twice_gives_other_bytes(tmp_path):
    settings = settings_with(tmp_path, "s" * 40)
    assert seal(settings, "p", ADDRESS) != seal(settings, "p", ADDRESS)


@pytest.mark.parametrize("spoil", range(-1, 30, 6))
def test_a_changed_byte_is_noticed(tmp_path, spoil):
    settings = settings_with(tmp_path, "s" * 40)
    sealed = bytearray(seal(settings, "p", ADDRESS))
    sealed[spoil] ^= 1
    with pytest.raises(SecretChanged):
        unseal(settings, "p", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + b"0" * 12, b"\x02" + b"0" * 60])
def test_what_is_nothing_sealed_is_refused(tmp_path, sealed):
    with pytest.raises(SecretChanged, match="CITYEYE_SECRET"):
        unseal(settings_with(tmp_path, "s" * 40), "p", sealed)


def test_another_purpose_or_secret_cannot_open(tmp_path):
    settings = settings_with(tmp_path, "s" * 40)
    sealed = seal(settings, "camera address", ADDRESS)
    with pytest.raises(SecretChanged):
        unseal(settings, "callback", sealed)
    with pytest.raises(SecretChanged) as told:
        unseal(settings_with(tmp_path, "t" * 40), "camera address", sealed)
    assert "admin" not in str(told.value)


def test_keys_are_of_their_purpose(tmp_path):
    settings = settings_with(tmp_path, "s" * 40)
    keys = {signing_key(settings, purpose) for purpose in ("a", "b", "seal a")}
    assert len(keys) == 3
    assert all(len(key) == 32 for key in keys)
    assert signing_key(settings, "a") == signing_key(settings_with(tmp_path, "s" * 40), "a")
