"""The mathematics, in the order in which a number is made; each room imports from those above it only.

================= ===========================================================================================
``numerics``      trees of tensors, implicit functions, Chebyshev series, normal tails, quadrature
``blocks``        what a run computes in blocks: the protocol between mathematics and whoever runs it
``profiles``      EPE, ENE, PFE and the rest from a cube; the rules that an exposure cube obeys
``market``        quotes to curves, volatilities and hazards, with adjoints; shocks of quotes
``models``        LGM per currency, FX and equity, calibration, exact paths; Heston and baskets
``trades``        terms only: one product per file, and what each pays
``pricing``       closed forms, linear flows given the state, nested Monte Carlo, early exercise
``adjustments``   CVA, DVA, FCA and FBA as weights on profiles
``exposure``      the engine: compiled netting sets, the state on a grid, parts of value, blocks of paths
``sensitivities`` one reverse pass to every quote; bumps; second order
``scenarios``     many markets on one run's paths
``allocation``    which trades an adjustment comes from; what if trades come or go
``hedging``       market instruments that take a sensitivity away
``results``       blocks' sums as labelled results
``explain``       what changed between two markets, days or books
``options``       single options beside the chain: Greeks, simulation, lattices (nothing in the chain imports it)
================= ===========================================================================================
"""
