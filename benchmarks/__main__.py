"""All benchmarks, or with --smoke a small version of each that shows they still run.

python -m benchmarks [--smoke]
"""

from __future__ import annotations

import argparse
import subprocess
import sys

SMOKE = {
    "benchmarks.scale": ["--candidates", "2000"],
    "benchmarks.agreement": ["--ratings", "20000", "--repeats", "1"],
    "benchmarks.recovery": ["--replicates", "5", "--report-only"],
    "benchmarks.rasch": ["--ratings", "3000", "--repeats", "1"],
    "benchmarks.reml_facets": ["--candidates", "1200", "--interviewers", "450"],
    "benchmarks.validity_chain": ["--applicants", "2000", "--replicates", "200"],
    "benchmarks.ledger_level": ["--replicates", "1", "--power", "10", "--only", "gender alone"],
    "benchmarks.disclosure_attack": ["--reports", "5", "--rows", "1"],
    "benchmarks.recovery.chain": ["--data-sets", "4", "--replicates", "100", "--report-only"],
    "benchmarks.groups": ["--candidates", "5000", "--repeats", "1", "--report-only"],
    "benchmarks.monitor_delay": ["--replicates", "4"],
    "benchmarks.backfill": ["--scores", "6000", "--families", "2", "--months", "3"],
    "benchmarks.faults": ["--every", "9"],
    "benchmarks.writers": ["--batches", "12", "--rows", "30"],
    "benchmarks.verify_changes": ["--changes", "60"],
    "benchmarks.sizing": ["--candidates", "300", "--interviewers", "20", "--months", "2"],
}
FULL = {
    "benchmarks.scale": [],
    "benchmarks.recovery": ["--replicates", "1000"],
    "benchmarks.reml": [],
    "benchmarks.reml_facets": [],
    "benchmarks.rasch": [],
    "benchmarks.agreement": [],
    "benchmarks.validity_chain": [],
    "benchmarks.ledger_level": [],
    "benchmarks.disclosure_attack": [],
    "benchmarks.recovery.chain": [],
    "benchmarks.groups": [],
    "benchmarks.monitor_delay": [],
    "benchmarks.backfill": ["--prefect"],
    "benchmarks.faults": [],
    "benchmarks.writers": [],
    "benchmarks.verify_changes": [],
    "benchmarks.sizing": [],
}


def main() -> int:
    """Run them one after another; the first that fails ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="small versions, a minute or two in all")
    smoke = parser.parse_args().smoke
    for module, arguments in (SMOKE if smoke else FULL).items():
        print(f"\n## {module}\n", flush=True)
        done = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
