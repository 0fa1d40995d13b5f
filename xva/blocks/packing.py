"""Frozen dataclasses of tensors and arrays to (arrays, JSON) and back, without pickle.

Loading creates only the classes named by the type annotations of the class asked for, so a file cannot name code.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import StoreError

T = TypeVar("T")
Arrays = dict[str, NDArray[Any]]
_DAYS = "datetime64[D]"


def pack(value: Any, prefix: str = "") -> tuple[Arrays, Any]:
    """Arrays keyed by path and a JSON-clean description."""
    arrays: Arrays = {}
    return arrays, _pack(value, prefix, arrays)


def unpack(kind: type[T], arrays: Mapping[str, NDArray[Any]], meta: Any, prefix: str = "") -> T:
    """Rebuild a ``kind`` from what `pack` made, bit for bit.

    Raises
    ------
    StoreError
        The description does not fit the class.
    """
    try:
        return typing.cast(T, _unpack(kind, arrays, meta, prefix))
    except (KeyError, TypeError, IndexError) as error:
        raise StoreError(f"a stored {kind.__name__} does not fit this version: {error!r}") from error


def _pack(value: Any, path: str, arrays: Arrays) -> Any:
    if isinstance(value, Tensor):
        arrays[path] = value.detach().cpu().contiguous().numpy()
        return None
    if isinstance(value, np.ndarray):
        dates = value.dtype.kind == "M"  # which safetensors does not know: as days from 1970-01-01
        arrays[path] = np.ascontiguousarray(value.astype(_DAYS).astype(np.int64) if dates else value)
        return _DAYS if dates else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _pack(getattr(value, f.name), f"{path}/{f.name}", arrays)
            for f in dataclasses.fields(value)
        }
    if isinstance(value, dict):  # as pairs: JSON's objects have no order of their own
        return [[key, _pack(item, f"{path}/{k}", arrays)] for k, (key, item) in enumerate(value.items())]
    if isinstance(value, tuple):
        return [_pack(item, f"{path}/{k}", arrays) for k, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}  # JSON has no infinity
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    raise StoreError(f"cannot store a {type(value).__name__} at {path}")


def _unpack(kind: Any, arrays: Mapping[str, NDArray[Any]], meta: Any, path: str) -> Any:
    origin = typing.get_origin(kind)
    if kind is Tensor:
        return torch.from_numpy(np.array(arrays[path]))
    if kind is np.ndarray or origin is np.ndarray:
        return np.array(arrays[path]).astype(_DAYS) if meta == _DAYS else np.array(arrays[path])
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        values = {
            f.name: _unpack(hints[f.name], arrays, meta[f.name], f"{path}/{f.name}")
            for f in dataclasses.fields(kind)
        }
        return kind(**values)  # type: ignore[operator]
    if origin is dict:
        item = typing.get_args(kind)[1]
        return {key: _unpack(item, arrays, m, f"{path}/{k}") for k, (key, m) in enumerate(meta)}
    if origin is tuple:
        inner = typing.get_args(kind)
        item = [inner[0]] * len(meta) if inner[-1] is Ellipsis else inner
        return tuple(
            _unpack(i, arrays, m, f"{path}/{k}") for k, (i, m) in enumerate(zip(item, meta, strict=True))
        )
    if isinstance(meta, dict) and set(meta) == {"float"}:
        return float(meta["float"])
    if (
        origin in (typing.Union, types.UnionType)
        or origin is typing.Literal
        or kind in (str, int, float, bool)
    ):
        return meta
    raise TypeError(f"cannot load a {kind} at {path}")
