"""The ways in which a netting set has value on a date: a file for each, the contract in `part`, the list in `registry`.

`netting_set` makes them from claims, `kernel` adds them up.
"""
