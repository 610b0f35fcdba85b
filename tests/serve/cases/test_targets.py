"""The targets file: what it may say, and what messages say of it."""

import pytest
import yaml

from serve.cases.targets import target_named, targets_of
from serve.errors import NotFound
from tests.serve.conftest import settings_for
from vision.errors import InputError

GOOD = {
    "name": "city", "adapter": "webhook", "url": "https://cases.example/drafts",
    "secret_env": "CITY_SECRET",
}  # fmt: skip


def written(folder, *targets, text=None):
    file = folder / "targets.yaml"
    file.write_text(text if text is not None else yaml.safe_dump({"targets": list(targets)}))
    return settings_for(folder, targets_file=file)


def test_no_file_is_no_target(tmp_path):
    assert targets_of(settings_for(tmp_path)) == ()


def test_a_target_with_its_secret_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CITY_SECRET", "0123456789abcdef")
    target = target_named("city", written(tmp_path, GOOD))
    assert target.secret.get_secret_value() == "0123456789abcdef"
    assert "0123456789abcdef" not in repr(target)
    with pytest.raises(NotFound):
        target_named("other", written(tmp_path, GOOD))


def test_an_edited_file_counts_at_once(tmp_path):
    settings = written(tmp_path, GOOD)
    assert [target.name for target in targets_of(settings)] == ["city"]
    written(tmp_path, {**GOOD, "name": "another-city"})
    assert [target.name for target in targets_of(settings)] == ["another-city"]


@pytest.mark.parametrize("secret", [None, "", "short"])
def test_a_missing_or_short_secret_is_told_by_its_variable(tmp_path, monkeypatch, secret):
    monkeypatch.delenv("CITY_SECRET", raising=False)
    if secret is not None:
        monkeypatch.setenv("CITY_SECRET", secret)
    with pytest.raises(InputError, match="CITY_SECRET"):
        _ = target_named("city", written(tmp_path, GOOD)).secret


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"url": "http://cases.example/drafts"}, "http:// is refused"),
        ({"url": "http://cases.example/drafts", "allow_plain_http": True}, "public address"),
        ({"url": "http://8.8.8.8/drafts", "allow_plain_http": True}, "public address"),
        ({"url": "ftp://cases.example/"}, "write https"),
        ({"url": "https:///drafts"}, "write https"),
        ({"url": "https://user:word@cases.example/"}, "no user, password"),
        ({"secret_file": "x"}, "either secret_env or secret_file"),
        ({"secret_env": None}, "either secret_env or secret_file"),
        ({"name": "City Hall"}, "name"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["jaywalking"]}, "kinds"),
        ({"auto_post": {"illegal_parking": 0.3}}, "below a score of 0.5"),
        ({"adapter": "open311", "coordinates": "cgcs2000_gk"}, "degrees only"),
        ({"states": {"x": "lost"}}, "states"),
        ({"retry": {"attempts": 0}}, "attempts"),
        ({"polling": 5}, "polling"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, change, wrong):
    with pytest.raises(InputError, match=wrong) as told:
        targets_of(written(tmp_path, {**GOOD, **change}))
    assert "targets.yaml" in str(told.value)
    assert "word" not in str(told.value).replace("password", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.1.2.3", "casehost", "cases.internal"])
def test_plain_http_is_allowed_on_private_networks_when_said(tmp_path, host):
    target = {**GOOD, "url": f"http://{host}:8400/drafts", "allow_plain_http": True}
    assert len(targets_of(written(tmp_path, target))) == 1


@pytest.mark.parametrize(
    "text", ["targets: [", "- a", "targets: 5", "\x00", "targets: !!python/x {}"]
)
def test_a_file_that_is_none_is_told(tmp_path, text):
    with pytest.raises(InputError, match=r"targets\.yaml"):
        targets_of(written(tmp_path, text=text))


def test_names_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="same name: city"):
        targets_of(written(tmp_path, GOOD, GOOD))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        targets_of(settings_for(tmp_path, targets_file=tmp_path / "none.yaml"))
