"""Policy profiles: what differs between places, as data. The statistics are the same under all of them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fairpanel.bundled import profiles

BUNDLED = ("plain", "us", "nyc", "eu", "uk", "id")
Answer = str
"""What answers a requirement: a key of reports.chapters.standards.ANSWERS, with ":attribute" where it is about one."""


class Part(BaseModel):
    """A table of a profile: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Wording(Part):
    """How a finding on selection is worded. {mark} stands for the threshold in words, {mark_sentence} begins a sentence."""

    mark: str = Field(
        "", description="The name of a threshold of 0.80, such as 'four fifths'; empty: its number is told"
    )
    below: str = Field(description="What a ratio below the threshold means here")
    limit: str = Field(description="What the threshold does not mean here")
    adviser: str = Field(description="Who can act on a finding on selection")
    minority: str = Field("", description="Why groups under the minimum share are not judged")


class Requirement(Part):
    """A line of the standards index."""

    provision: str
    text: str
    answered: Answer
    needs: str = ""


class Profile(Part):
    """A profile: defaults of [audit] and [policy], the wording, the standards index."""

    name: str = Field(max_length=40)
    title: str
    about: str = ""
    audit: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    wording: Wording
    requirement: tuple[Requirement, ...] = ()
    kind: Literal["profile"] = "profile"


class ProfileError(ValueError):
    """The profile is not known or cannot be read: names it and what is known."""


def find(name: str, beside: Path | None = None) -> dict[str, Any]:
    """The content of a bundled profile, or of a .toml file (relative to the folder `beside`). Raises ProfileError."""
    if name in BUNDLED:
        path = profiles() / f"{name}.toml"
    elif name.endswith(".toml"):
        path = (beside or Path()) / name
    else:
        raise ProfileError(
            f"there is no profile {name!r}; choose one of {', '.join(BUNDLED)}, or a file ending in .toml"
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ProfileError(f"the profile {name} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"the profile {name} is not valid TOML: {error}") from error


def bundled(name: str) -> Profile:
    """A profile that comes along."""
    return Profile.model_validate(find(name))
