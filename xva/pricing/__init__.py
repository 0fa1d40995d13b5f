"""Values of claims: closed forms, linear flows given the state, nested Monte Carlo (`nested`), early exercise (`exercise`)."""
