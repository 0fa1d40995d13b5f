"""The verbs of ``xva``, one file each."""
