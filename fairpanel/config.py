"""The workspace's configuration: frozen, unknown keys refused, every default documented where it stands."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fairpanel import __version__, storage
from fairpanel.profile import Profile, ProfileError, bundled, find
from schemas.vocabulary import Competency, ReviewType, Stage

FORMAT = 1
"""Of fairpanel.toml; the workspace has a format of its own (`fairpanel.migrations`)."""


class ConfigError(ValueError):
    """The configuration file cannot be used: names the file, the key and what was expected."""


class Section(BaseModel):
    """A table of fairpanel.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ScaleConfig(Section):
    """The scale of scores in canonical exports that do not state their own; never taken from the data."""

    minimum: float = 1.0
    maximum: float = 5.0
    higher_is_better: bool = True

    @model_validator(mode="after")
    def _in_order(self) -> ScaleConfig:
        if not self.minimum < self.maximum:
            raise ValueError("minimum must be below maximum (set higher_is_better = false where low is good)")
        return self


class IngestConfig(Section):
    """How files are taken in."""

    max_quarantine: float = Field(0.2, ge=0, le=1, description="Share of refused rows above which ingest exits with 4")
    batch_checks: bool = Field(True, description="Judge each batch as a whole with Great Expectations")


class GreenhouseConfig(Section):
    """What a Greenhouse account's own names mean; the first pattern that occurs in a name (any case) decides."""

    stages: dict[str, Stage] = Field(
        default={
            "recruiter": "hr",
            "hr ": "hr",
            "people": "hr",
            "behavioral": "hr",
            "phone screen": "hr",
            "application review": "other",
            "take home": "other",
            "user": "user",
            "technical": "user",
            "team": "user",
            "hiring manager": "user",
            "panel": "user",
            "onsite": "user",
        }
    )
    competencies: dict[str, Competency] = Field(
        default={
            "technical": "technical",
            "coding": "technical",
            "analytical": "technical",
            "problem solv": "technical",
            "team": "team_compatibility",
            "culture": "team_compatibility",
            "communication": "team_compatibility",
            "collaborat": "team_compatibility",
            "role": "role_specific",
            "job": "role_specific",
            "domain": "role_specific",
        }
    )


class AuditConfig(Section):
    """What an audit computes."""

    confidence: float = Field(0.95, gt=0.5, lt=1)
    seed: int = Field(20_260_101, ge=0, description="Seed of every resampling")
    minimum_candidates: int = Field(30, ge=2, description="Slices with fewer candidates are listed, not estimated")
    minimum_hired: int = Field(20, ge=3, description="Validity needs at least this many people with performance")
    minimum_candidates_per_rater: int = Field(10, ge=1, description="Interviewers below it are counted, not shown")
    false_discovery_rate: float = Field(0.05, gt=0, lt=0.5, description="Expected share of false flags of interviewers")
    self_test_replicates: int = Field(
        40, ge=0, le=1000, description="Draws per planted effect; 0 leaves the self-test out"
    )
    attributes: tuple[str, ...] = Field(("gender", "race"), description="Group attributes that are compared")
    categories: dict[str, dict[str, str]] = Field(
        default={}, description="By attribute, other names of a group: { gender = { Female = 'women' } }"
    )
    crossed: tuple[tuple[str, str], ...] = Field(
        (("gender", "race"),), description="Pairs of attributes whose groups are looked at crossed (women / Asian)"
    )
    reference_rule: Literal["highest", "largest"] = Field(
        "highest", description="Reference of selection rates: the highest rate, or the largest group"
    )
    monitoring_period: Literal["month", "quarter"] = Field("quarter", description="Period by which gaps are watched")
    references: dict[str, str] = Field(
        default={}, description="Reference group by attribute; without one, the reference rule chooses"
    )
    minimum_share: float = Field(0.02, ge=0, lt=1, description="Smallest share of candidates for a benchmarked group")
    criterion_reliability: float | None = Field(
        0.52, gt=0, le=1, description="Assumed reliability of performance ratings (Viswesvaran, Ones & Schmidt 1996)"
    )
    chain_replicates: int = Field(2000, ge=50, le=100_000, description="Draws of the bootstrap of the validity chain")
    decision_replicates: int = Field(400, ge=50, le=100_000, description="Draws of the bootstrap of decision weights")
    retention_months: int = Field(12, ge=1, le=120, description="How long staying counts as having stayed")
    performance_sd_value: float | None = Field(
        None, gt=0, description="Money a year that one standard deviation of performance is worth; none: no utility"
    )
    cost_per_candidate: float = Field(0.0, ge=0, description="Money that interviewing one candidate costs")
    interview_structured: bool | None = Field(None, description="Whether the user interview is structured, if known")
    performance_dimension: str = Field("overall", description="The dimension that leads the validity chapter")
    review_types: tuple[ReviewType, ...] = ("manager",)

    @model_validator(mode="after")
    def _each_once(self) -> AuditConfig:
        if len(set(self.attributes)) < len(self.attributes):
            raise ValueError("attributes names one of them twice: its tests would count twice")
        if any(first == second for first, second in self.crossed):
            raise ValueError("crossed pairs an attribute with itself")
        if len({frozenset(pair) for pair in self.crossed}) < len(self.crossed):
            raise ValueError("crossed names a pair twice: its tests would count twice")
        return self


class PolicyConfig(Section):
    """Where a number becomes a finding. An alert is a concern beyond the second threshold."""

    reliability_acceptable: float = Field(0.70, gt=0, lt=1, description="G(q,k) that a selection decision should reach")
    reliability_alert: float = Field(0.50, gt=0, lt=1, description="An upper limit below this is an alert")
    validity_useful: float = Field(0.10, gt=0, lt=1, description="Applicant-pool correlation worth an interview")
    validity_of_interest: float = Field(0.30, gt=0, lt=1, description="Correlation an audit should be able to see")
    impact_ratio: float = Field(0.80, gt=0, lt=1, description="Mark of the smallest impact ratio (US: four fifths)")
    significance: float = Field(0.05, gt=0, lt=0.5)
    difference_of_interest: float = Field(0.20, gt=0, description="Standardized difference an audit should see")
    severity_spread: float = Field(
        0.50, gt=0, description="Yardstick drawn in the chapter on raters: SD of severity over SD of candidates"
    )


class DisclosureConfig(Section):
    """What a report may show: the internal edition, and the public one, which is coarser and names no interviewer."""

    minimum_cell: int = Field(5, ge=2)
    public_minimum_cell: int = Field(10, ge=2, description="Of the public edition; never under minimum_cell")
    public_edition: bool = Field(True, description="Write the public edition beside the internal one")


class StorageConfig(Section):
    """Where tables lie: an address as s3://bucket/prefix or an absolute folder; without one, the workspace."""

    lake: str | None = Field(None, description="Scores, decisions, performance, preparation, batches")
    restricted: str | None = Field(None, description="Demographics and quarantine: for fewer eyes")


class RetentionConfig(Section):
    """How long what is not needed for the next audit is kept; none: for good. 'fairpanel retention' removes the rest."""

    keep_quarantine_days: int | None = Field(None, ge=1, le=36_500, description="Refused rows, from their ingest")
    table_history_days: int | None = Field(
        None, ge=0, le=36_500, description="Table files that only earlier versions need, from when they were replaced"
    )


class Config(Section):
    """All of fairpanel.toml."""

    scale: ScaleConfig = ScaleConfig()
    ingest: IngestConfig = IngestConfig()
    greenhouse: GreenhouseConfig = GreenhouseConfig()
    audit: AuditConfig = AuditConfig()
    policy: PolicyConfig = PolicyConfig()
    disclosure: DisclosureConfig = DisclosureConfig()
    storage: StorageConfig = StorageConfig()
    retention: RetentionConfig = RetentionConfig()
    profile: Profile = Field(default_factory=lambda: bundled("plain"))
    format: Literal[1] = 1


def load(path: Path) -> Config:
    """The configuration in a file; the defaults where there is none. Raises ConfigError."""
    if not path.exists():
        return Config()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}") from error
    return parse(content, path.name, path.parent)


def parse(content: dict[str, Any], name: str, folder: Path | None = None) -> Config:
    """A configuration from plain values. Raises ConfigError naming the key, what came and what was expected.

    A profile's own defaults stand under what the file says; a profile in a file lies in `folder`.
    """
    wanted = content.get("format", FORMAT)
    if wanted != FORMAT:
        raise ConfigError(
            f"{name}: format = {str(wanted)[:20]} is none that Fairpanel {__version__} reads; it reads format = {FORMAT}. "
            "Install the version that the file was written for, or write it anew as 'fairpanel init' does."
        )
    content = _under_profile(content, name, folder)
    try:
        storage.places(content.get("storage", {}), name)
        return Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError("; ".join(explain(name, problem, Config) for problem in error.errors())) from error
    except storage.PlaceError as error:
        raise ConfigError(str(error)) from error


def _under_profile(content: dict[str, Any], name: str, folder: Path | None) -> dict[str, Any]:
    chosen = content.get("profile", "plain")
    if not isinstance(chosen, str):
        raise ConfigError(
            f"{name}: profile: expected the name of a profile or of a .toml file (got {str(chosen)[:60]!r})"
        )
    try:
        found = find(chosen, folder)
        Profile.model_validate(found)
    except ProfileError as error:
        raise ConfigError(f"{name}: profile: {error}") from error
    except ValidationError as error:
        told = "; ".join(explain(f"profile {chosen}", problem, Profile) for problem in error.errors())
        raise ConfigError(f"{name}: {told}") from error
    under = {
        section: found.get(section, {}) | given
        for section in ("audit", "policy")
        if isinstance(given := content.get(section, {}), dict)
    }
    return content | under | {"profile": found}


def explain(name: str, problem: Any, model: type[BaseModel]) -> str:
    """One validation problem as a sentence, with a near miss where a key is unknown."""
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        *sections, key = [str(part) for part in problem["loc"]]
        known = _keys(model, sections)
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else f" (known: {', '.join(known)})" if known else ""
        return f"{name}: unknown key {where!r}{hint}"
    return f"{name}: {where}: {problem['msg']} (got {str(problem['input'])[:60]!r})"


def _keys(model: type[BaseModel], sections: list[str]) -> list[str]:
    for section in sections:
        if section.isdigit():
            continue
        field = model.model_fields.get(section)
        annotation = None if field is None else field.annotation
        for candidate in (annotation, *getattr(annotation, "__args__", ())):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                model = candidate
                break
        else:
            return []
    return sorted(model.model_fields)
