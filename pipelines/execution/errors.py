"""What can go wrong between a driver and its workers."""

from __future__ import annotations

from xva.errors import XvaError


class ClusterError(XvaError):
    """The scheduler or all workers are gone, or cannot do what the run needs. The run can be resumed."""


class NoWorkersError(ClusterError):
    """No worker came, or none came back, within the time that a run waits for one."""


class InsecureClusterError(ClusterError):
    """A scheduler that anybody on the network could use to run code here."""


class MemoryPromiseError(ClusterError):
    """A block needs more memory than a worker has."""


class QuarantineError(XvaError):
    """Some blocks failed every attempt; all others are done and kept. ``ids`` are ``block 3`` and so on."""
