"""Numerical tools that know nothing of finance."""
