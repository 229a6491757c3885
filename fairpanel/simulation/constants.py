"""What every part of a simulated organisation agrees on."""

from __future__ import annotations

ELEMENTS = ("technical", "team_compatibility", "role_specific")
GENDERS = ("women", "men", "nonbinary")
RACES = ("White", "Asian", "Black", "Hispanic or Latino", "Two or more")
SPREAD = 0.9
"""SD of ability in points of a five-point scale."""
MIDDLE = 3.2
