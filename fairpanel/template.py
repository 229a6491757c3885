"""The fairpanel.toml that a new workspace starts with: every key commented, at its default."""

import json

CONFIGURATION = """\
# Fairpanel workspace. Every line that begins with "# key =" shows a default; remove the "#" to change it.
# Unknown keys are refused.

format = 1

# Thresholds, attributes, wording and standards index of a place: plain (no jurisdiction), us, nyc, eu, uk, id, or the
# name of a .toml file beside this one (docs/profiles.md). What stands under [audit] and [policy] here goes over it.
# profile = "plain"

[scale]
# The scale of scores in canonical exports that do not state their own. It is never taken from the data.
# minimum = 1
# maximum = 5
# higher_is_better = true

[ingest]
# max_quarantine = 0.2        # above this share of refused rows 'fairpanel ingest' exits with 4
# batch_checks = true         # judge each batch as a whole with Great Expectations

[greenhouse]
# What your own names mean: the first pattern that occurs in a name (any case) decides.
# stages = { "recruiter" = "hr", "technical" = "user", "onsite" = "user" }
# competencies = { "coding" = "technical", "team" = "team_compatibility", "domain" = "role_specific" }

[audit]
# confidence = 0.95
# seed = 20260101
# minimum_candidates = 30             # smaller slices are listed, not estimated
# minimum_hired = 20                  # people with performance that validity needs
# minimum_candidates_per_rater = 10   # interviewers below it are counted, not shown
# false_discovery_rate = 0.05        # expected share of false flags among the flagged interviewers
# self_test_replicates = 40          # draws per planted effect; 0 leaves the audit's test of itself out
# attributes = ["gender", "race"]
# categories = { gender = { Female = "women" } }   # other names of a group, as exports spell it
# crossed = [["gender", "race"]]      # pairs of attributes whose groups are looked at crossed (women / Asian)
# references = { gender = "men" }     # without one, reference_rule chooses
# reference_rule = "highest"          # "highest" selection rate, or the "largest" group
# monitoring_period = "quarter"       # period by which gaps are watched: "month" or "quarter"
# minimum_share = 0.02                # smaller groups are shown, not benchmarked
# criterion_reliability = 0.52        # assumed for performance ratings (Viswesvaran, Ones & Schmidt 1996)
# chain_replicates = 2000             # draws of the bootstrap from observed to operational validity
# decision_replicates = 400           # draws of the bootstrap of what decides beside what predicts
# retention_months = 12               # how long staying counts as having stayed
# performance_sd_value = 20000        # money a year one SD of performance is worth; without it, no figure in money
# cost_per_candidate = 0
# interview_structured = true         # which published interviews to compare with first; unknown without it
# performance_dimension = "overall"
# review_types = ["manager"]

[policy]
# reliability_acceptable = 0.70
# reliability_alert = 0.50
# validity_useful = 0.10
# validity_of_interest = 0.30
# impact_ratio = 0.80
# significance = 0.05
# difference_of_interest = 0.20
# severity_spread = 0.50

[storage]
# Where tables lie, if not in the workspace: an address, or an absolute folder that several machines share
# (docs/storage.md). Who may read there is said by AWS_ACCESS_KEY_ID and so on in the environment, never here.
# lake = "s3://bucket/prefix"
# restricted = "s3://bucket/prefix-restricted"

[disclosure]
# minimum_cell = 5                    # smallest number of people a figure may rest on
# public_minimum_cell = 10            # the same in the public edition
# public_edition = true               # write public.html and public.json beside the internal edition

[retention]
# For 'fairpanel retention'; without a line everything is kept (docs/proof.md).
# keep_quarantine_days = 180          # refused rows, from their ingest
# table_history_days = 3650           # earlier versions of tables; without them older reports cannot be recomputed
"""


def with_profile(name: str | None) -> str:
    """The file, with a profile chosen where one is named."""
    if not name:
        return CONFIGURATION
    return CONFIGURATION.replace('# profile = "plain"', f"profile = {json.dumps(name)}")
