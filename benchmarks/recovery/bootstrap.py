"""Do the bootstrap intervals of G(q,k) hold the truth? 200 draws each, so that a setting takes a minute a hundred."""

from __future__ import annotations

from functools import partial

from benchmarks.recovery.reliability import g_truth, simulate_panels, skewed_variances
from benchmarks.recovery.setting import Setting
from fairpanel.measures.catalogue import measure

VARIANCES = (0.5, 0.15, 0.6)
DESIGN = (100, 20, (2, 3, 4))
FEW_RATERS = (200, 40, (1, 2, 3))

SETTINGS = [
    Setting(
        name=f"g_coefficient {interval}/{name}",
        kind="coverage",
        describe=describe,
        simulate=partial(simulate_panels, design=design, variances=VARIANCES, skewed=skewed),
        estimate=partial(measure, "g_coefficient", interval=interval, replicates=200),
        truth=g_truth(design, skewed_variances(VARIANCES) if skewed else VARIANCES),
    )
    for interval in ("bootstrap", "cluster_bootstrap")
    for name, describe, design, skewed in (
        ("normal", "100 candidates, 2 to 4 of 20 raters", DESIGN, False),
        ("skewed five-point", "200 candidates, 1 to 3 of 40 raters, nearly half of all scores 5", FEW_RATERS, True),
    )
]
