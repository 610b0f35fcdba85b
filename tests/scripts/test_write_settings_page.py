"""The page of settings says what the settings are."""

from scripts.write_settings_page import PAGE, page
from serve.settings import DEFAULT_SECRET, Settings


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "settings changed: run python scripts/write_settings_page.py and commit docs/settings.md"
    )


def test_every_setting_is_on_it_with_words():
    written = page()
    for name, field in Settings.model_fields.items():
        assert f"`CITYEYE_{name.upper()}" in written
        assert field.description, name
    for line in written.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert len(cells) == 3, line
            assert all(cells), line
    assert DEFAULT_SECRET not in written
