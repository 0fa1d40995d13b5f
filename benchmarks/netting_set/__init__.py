"""Learning a netting set as a whole, or trade by trade with hedged labels: what `equity_book.py` measures.

Runs learn trades one by one (`surrogates.training`), each with its certificate; nothing in the packages uses this.
"""
