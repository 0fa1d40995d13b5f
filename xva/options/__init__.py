"""Single options beside the exposure chain: `greeks` of any price, by simulation (`monte_carlo`), on trees (`lattice`)."""
