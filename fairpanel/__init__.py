"""Fairpanel audits how interview panels score candidates."""

__version__ = "0.1.0"
