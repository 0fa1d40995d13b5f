"""The ways in which a netting set has value on a date: their inputs from claims, and one kernel for all."""
