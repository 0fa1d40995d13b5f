"""Differential-ML surrogates of values that would need nested Monte Carlo, each with a certificate of its error.

``regression``: what learns values and slopes together. ``labels``: cash flows and their derivatives along paths.
``certificate``: a surrogate against fresh nested values. ``registry``: kept ones, by what they are of. ``training``: from a
trade on its market to a certified surrogate. ``book``: runs, stress and allocation of books that have some. ``chebyshev``: in
several dimensions, to a threshold. ``durable``: JSON that is the same bytes for the same content, files whole or absent.
"""
