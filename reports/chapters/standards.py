"""Chapter 7: where standards are answered, how numbers are made, what words mean, where it all comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reports import marks, view
from reports.blocks import Chapter, heading, points, table, text

Entry = Mapping[str, Any]
TITLES = {
    "went-in": "What went in",
    "agree": "Do interviewers agree?",
    "raters": "Who scores how?",
    "predict": "Does it predict?",
    "groups": "Alike for groups?",
    "tested": "What was tested",
}
CROSS = " × "
# What may answer a requirement: the chapter, and the measure that must be in the report (empty: none in particular).
ANSWERS = {
    "reliability": ("agree", "g_coefficient"),
    "validity": ("predict", "pearson"),
    "prediction": ("groups", "differential_prediction"),
    "selection": ("groups", "impact_ratio"),
    "scores": ("groups", "standardized_difference"),
    "scoring_rate": ("groups", "scoring_rate"),
    "crossed": ("groups", "crossed_rates"),
    "unknown": ("groups", "group_coverage"),
    "item_bias": ("groups", "dif_mantel_haenszel"),
    "panels": ("groups", "panel_assignment"),
    "alternatives": ("groups", "selection_tradeoff"),
    "monitoring": ("groups", "group_monitor"),
    "bottom_line": ("groups", "impact_ratio"),
    "records": ("went-in", ""),
    "tested": ("tested", ""),
    "disclosure": ("groups", ""),
    "published": ("groups", ""),
}


METHODS = (
    (
        "Reliability: variance components by restricted maximum likelihood; G(q,k) after Putka and "
        "others; intraclass correlations after McGraw & Wong."
    ),
    "Severity: predictions of interviewer effects in the crossed model (BLUP), positive is harsher.",
    (
        "Common scale: many-facet Rasch model (Linacre 1989), conditional maximum likelihood where it can be had; its scale "
        "puts candidates, interviewers, competencies and score steps side by side."
    ),
    (
        "Habits and drift: each interviewer's forms against what the candidates' other interviewers make one expect; "
        "jackknife errors, partial pooling, false-discovery control for each habit."
    ),
    (
        "Contrasts: paired differences between stages and between roles; correlations freed from interviewers' disagreement. "
        "Pairings: the further scores that lower the error of severity differences most."
    ),
    (
        "Self-test: scores drawn from the estimated components in the design of the data, with one thing wrong of a known "
        "size; Clopper–Pearson intervals over draws."
    ),
    (
        "Validity: Fisher z intervals; applicant-pool correlation by maximum likelihood under missing at "
        "random given the scores."
    ),
    (
        "Selection: Koopman's score interval of the ratio; exact tests; Mantel–Haenszel within requisitions; crossed groups "
        "with partial pooling."
    ),
    (
        "Where a gap arises: shares of competencies by Fieller; panels by generalized least squares; "
        "interviewers' own gaps by "
        "best predictions; competencies by Mantel–Haenszel on the delta scale; time by sums that may be "
        "looked at every period."
    ),
    (
        "Findings: an interval must lie on one side of the policy's threshold, or a test must speak; "
        "otherwise these data cannot tell."
    ),
    (
        "Disclosure: figures that rest on cells under the minimum, and figures that would give them away, "
        "are withheld before anything is written."
    ),
)
GLOSSARY = (
    (
        "G(q,k)",
        (
            "share of the variance of candidates' mean scores that goes with candidates, for panels that "
            "overlap (q) and have k members"
        ),
    ),
    ("Impact ratio", "a group's selection rate divided by that of the reference group"),
    ("Mark", ""),
    ("Crossed groups", "people by two attributes at once, such as women of one ethnic group"),
    (
        "Delta",
        "how much harder a competency is for a group among people of the same standing; −2.35 times the log odds",
    ),
    ("Shrunken", "leaning on the others the more, the fewer people a figure rests on"),
    ("Interval", "the values consistent with these data, at the stated confidence"),
    ("Hedges' g", "difference of two means in standard deviations, corrected for small samples"),
    ("Severity", "how much lower an interviewer scores than others would score the same candidates"),
    ("Form", "one interviewer's scores of one candidate"),
    ("Flag", "an interviewer's scores differ from the usual by more than chance explains; not that they are wrong"),
    ("Halo", "a general impression that makes an interviewer's scores of different competencies alike"),
    ("Drift", "severity that changes over time, against colleagues of the same candidates"),
    ("Logit", "the unit of the Rasch scale: log odds of one score against the one below"),
    ("Adjusted average", "the score expected where candidates, and all else but the interviewer, are average"),
    ("Separation reliability", "share of the spread of measured severities that is true difference, not chance"),
    ("Wright map", "candidates, interviewers, competencies and score steps on one scale"),
    ("Part of the design", "interviewers tied together by candidates in common; nothing compares them across parts"),
    ("Gwet's AC2", "agreement beyond chance with ordered scores, where near misses count in part"),
    ("Self-test", "how often this audit's own measures see an effect planted in the design of the data"),
    ("Applicant pool", "everyone who was interviewed, hired or not"),
    ("p, q", "how rarely chance alone gives such a difference: for one test, and allowing for all tests of the report"),
    ("Pseudonym", "a keyed code in place of a name; only the workspace's key leads back"),
)


def chapter(report: Entry, present: set[str]) -> Chapter:
    manifest = report["manifest"]
    return Chapter(
        id="standards",
        title="Standards, methods, glossary, references, manifest",
        question="Where is each standard answered, and from what can every number be recomputed?",
        blocks=[
            text(_profile(report)),
            table(
                "Standards index",
                ("Provision", "Requirement", "Answered in", "Needs"),
                _standards(report, present),
                words=(1, 2, 3),
            ),
            heading("Methods"),
            points(*METHODS),
            heading("Glossary"),
            table("Words of this report", ("Word", "Meaning"), _glossary(report), words=(1,), folded=True),
            heading("References"),
            {"kind": "details", "summary": "Sources of the methods used", "items": _references(report)},
            heading("Manifest"),
            table("What this report was made from", ("Fact", "Value"), _manifest(manifest), words=(1,)),
            {
                "kind": "code",
                "summary": "Configuration and policy",
                "text": json.dumps(_told(report["policy"]), indent=1, sort_keys=True, ensure_ascii=False),
            },
            table(
                "Input files",
                ("Batch", "SHA-256"),
                [(k, v) for k, v in sorted(manifest["inputs"].items())],
                words=(1,),
                folded=True,
            ),
        ],
        computed=(
            "The report's identity follows from its inputs, configuration and code: the same give the "
            "same report, byte for byte. The ledger of the "
            "workspace chains the hashes of every report."
        ),
        command=f"fairpanel verify {report['report_id']}",
    )


def _told(value: Any) -> Any:
    """Configuration as it was, but for names longer than a line."""
    if isinstance(value, Mapping):
        return {view.label(name, 120): _told(found) for name, found in value.items()}
    if isinstance(value, list):
        return [_told(found) for found in value]
    return view.label(value, 120) if isinstance(value, str) else value


def _glossary(report: Entry) -> list[tuple[str, str]]:
    name = view.sentence(marks.mark(report).removeprefix("the "))
    return [(name, marks.below(report)) if word == "Mark" else (word, meaning) for word, meaning in GLOSSARY]


def _profile(report: Entry) -> str:
    profile = report["policy"]["profile"]
    about = view.label(profile["about"], 600)
    return (
        f"Policy profile: {view.label(profile['title'], 120)}. {about} This index says where the report "
        f"answers a provision or "
        "what data it would need; it is no legal advice."
    )


def _standards(report: Entry, present: set[str]) -> list[tuple[str, str, str, str]]:
    """Each requirement of the profile with the chapter that answers it, or what is missing."""
    rows = []
    for each in report["policy"]["profile"]["requirement"]:
        kind, _, attribute = each["answered"].partition(":")
        chapter_id, measure = ANSWERS.get(kind, ("", ""))
        there = chapter_id in present and (not measure or _measured(report, kind, measure, attribute))
        if kind == "published":
            there = there and bool(report["policy"]["disclosure"]["public_edition"])
        told = [view.label(each[name], 300) for name in ("provision", "text", "needs")]
        rows.append((told[0], told[1], TITLES[chapter_id] if there else "not available", "" if there else told[2]))
    return rows


def _measured(report: Entry, kind: str, measure: str, attribute: str) -> bool:
    found = [e for e in report["estimates"] if e["measure"] == measure and (e["value"] is not None or e["detail"])]
    if attribute:
        found = [e for e in found if attribute in str(e["subject"]["attribute"]).split(CROSS)]
    if kind == "bottom_line":
        found = [e for e in found if e["subject"]["stage"] is None]
    return bool(found)


def _references(report: Entry) -> list[str]:
    return sorted(
        {view.label(reference, 400) for estimate in report["estimates"] for reference in estimate["reference"]}
    )


def _manifest(manifest: Entry) -> list[tuple[str, str]]:
    scope = manifest["scope"]
    where = ", ".join(f"{view.label(k)} = {view.label(v)}" for k, v in scope["where"].items()) or "everything"
    versions = ", ".join(f"{name} {version}" for name, version in sorted(manifest["table_versions"].items()))
    return [
        ("Report", str(manifest["report_id"])),
        ("Period asked for", f"{scope['from'] or 'the beginning'} to {scope['to'] or 'the end'}"),
        ("Scope", where),
        ("Fingerprint of the material", str(manifest["content"])),
        ("Code", str(manifest["code"])),
        ("Seed", str(manifest["seed"])),
        ("Table versions", versions),
    ]
