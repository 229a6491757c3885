"""Variance components of scores: the engines under reliability and rater measures."""
