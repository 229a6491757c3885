"""What the command line's exit codes mean."""

DONE = 0
FAILED = 1  # unexpected failure
USAGE = 2  # wrong usage or configuration
FINDING = 3  # a finding at or above --fail-on
REFUSED = 4  # input refused, or more of it quarantined than allowed
DIFFERENT = 5  # verify or reproduce found a difference
