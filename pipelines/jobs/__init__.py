"""From a job file and its tables to a checked job; every problem of all files at once."""
