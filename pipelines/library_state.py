"""What libraries keep globally, set as a run needs it: a number must not depend on the caller's session.

Other numbers of threads inside an operation give other last bits, another default dtype other tensors, no gradient mode
no sensitivities. Calendars and dates need nothing: `xva.dates` never asks for QuantLib's evaluation date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any


def settle_process(threads: int = 1) -> None:
    """Set what torch keeps for the whole process; on a worker it stays so."""
    import torch

    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float32)
    # the deterministic kernels give other last bits; to set it where it is off already takes a second
    if torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")
    if torch.get_default_device().type != "cpu":
        torch.set_default_device(None)


@contextmanager
def settled_thread() -> Iterator[None]:
    """Set what torch, numpy and xarray keep by thread or context, inside the block."""
    import numpy as np
    import torch

    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
        ExitStack() as more,
    ):
        xarray: Any = sys.modules.get("xarray")
        if xarray is not None:  # slow to load; and what is not loaded yet, nobody has set
            more.enter_context(xarray.set_options(keep_attrs="default", arithmetic_join="inner"))
        yield


@contextmanager
def own_library_state(threads: int = 1) -> Iterator[None]:
    """Both, inside the block; afterwards everything is as the caller had it."""
    import torch

    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with ExitStack() as after:
        after.callback(torch.set_num_threads, torch.get_num_threads())
        after.callback(torch.set_default_dtype, torch.get_default_dtype())
        if deterministic:
            after.callback(torch.use_deterministic_algorithms, True, warn_only=warn_only)
        after.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        device: Any = torch.get_default_device()
        if device.type != "cpu":
            after.callback(torch.set_default_device, device)
        settle_process(threads)
        with settled_thread():
            yield
