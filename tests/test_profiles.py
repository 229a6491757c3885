"""Policy profiles: data files that change thresholds, attributes, wording and index, and no statistic."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairpanel.config import Config, ConfigError, load, parse
from fairpanel.profile import BUNDLED, bundled
from reports.chapters.standards import ANSWERS


@pytest.mark.parametrize("name", BUNDLED)
def test_every_profile_stands_on_its_own(name: str) -> None:
    profile = bundled(name)
    assert profile.name == name
    assert profile.wording.below
    assert profile.requirement
    for each in profile.requirement:
        kind = each.answered.partition(":")[0]
        assert kind == "none" or kind in ANSWERS, each
        assert kind in ("reliability", "records", "disclosure") or each.needs, f"{each.provision}: what does it need?"
    used = parse({"profile": name}, "fairpanel.toml")
    assert used.profile == profile
    assert list(used.audit.attributes) == profile.audit["attributes"]


def test_the_default_belongs_to_no_place() -> None:
    assert Config().profile.name == "plain"
    assert parse({}, "fairpanel.toml") == Config()


def test_what_the_file_says_goes_over_the_profile() -> None:
    used = parse(
        {"profile": "eu", "audit": {"attributes": ["gender"]}, "policy": {"impact_ratio": 0.9}}, "fairpanel.toml"
    )
    assert used.audit.attributes == ("gender",)
    assert used.audit.reference_rule == "largest"
    assert used.policy.impact_ratio == 0.9


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(
        'name = "ours"\ntitle = "Ours"\n[policy]\nimpact_ratio = 0.9\n[wording]\nbelow = "Under {mark}: look."\n'
        'limit = "A yardstick."\nadviser = "The works council"\n',
        encoding="utf-8",
    )
    (tmp_path / "fairpanel.toml").write_text('profile = "ours.toml"\n', encoding="utf-8")
    used = load(tmp_path / "fairpanel.toml")
    assert used.profile.wording.adviser == "The works council"
    assert used.policy.impact_ratio == 0.9


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"profile": "usa"}, "there is no profile 'usa'; choose one of plain, us, nyc, eu, uk, id"),
        ({"profile": "nowhere.toml"}, "cannot be read"),
        ({"profile": 3}, "expected the name of a profile"),
        ({"profil": "us"}, "did you mean 'profile'"),
    ],
)
def test_a_wrong_profile_is_a_sentence(content: dict[str, object], told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=told.replace("(", r"\(")):
        parse(content, "fairpanel.toml", tmp_path)


def test_a_damaged_profile_names_the_key(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text('name = "ours"\ntitle = "Ours"\n[wordin]\nbelow = "x"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="wordin"):
        parse({"profile": "ours.toml"}, "fairpanel.toml", tmp_path)
    (tmp_path / "ours.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid TOML"):
        parse({"profile": "ours.toml"}, "fairpanel.toml", tmp_path)
