"""Plans that share arrays: each kept once, each plan given back as it was."""

from __future__ import annotations

from typing import Any

import numpy as np

from xva.scenarios.packed import PackedWorlds, Packer

Payload = tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]


def payloads() -> list[Payload]:
    curve, spots = np.linspace(0.0, 1.0, 5), np.array([1.1, 0.9])
    return [
        ({"curve": curve, "spots": spots}, {"n": 1}),
        ({"curve": curve + 0.01, "spots": spots.copy()}, {"n": 1}),
        ({"curve": curve, "other": spots, "spots": spots}, {"n": 2}),
    ]


def packed() -> tuple[PackedWorlds, list[int]]:
    packer = Packer()
    numbers = [packer.add(*payload) for payload in payloads()]
    return packer.packed(), numbers


def same(worlds: PackedWorlds, numbers: list[int]) -> None:
    for number, (arrays, meta) in zip(numbers, payloads(), strict=True):
        got, document = worlds.payload(number)
        assert list(got) == list(arrays)
        assert document == meta
        for name, array in arrays.items():
            assert got[name].dtype == array.dtype
            np.testing.assert_array_equal(got[name], array)
        assert worlds.bytes(number) == sum(a.nbytes for a in arrays.values())


def test_each_array_is_kept_once_and_each_plan_given_back() -> None:
    worlds, numbers = packed()
    assert len(worlds.arrays) == 3  # two curves, and the spots that all have
    assert numbers == [0, 1, 2]
    assert len(worlds) == 3
    same(worlds, numbers)


def test_the_same_plan_again_has_the_same_number() -> None:
    packer = Packer()
    first, *_, again = (packer.add(*p) for p in [*payloads(), payloads()[0]])
    assert first == again == 0


def test_equal_numbers_of_another_shape_or_type_are_other_arrays() -> None:
    packer = Packer()
    ones = [np.ones(4), np.ones((2, 2)), np.ones(4, dtype=np.float32), np.ones(4)[::2].repeat(2)]
    for array in ones:
        packer.add({"a": array}, {})
    assert len(packer.packed().arrays) == 3


def test_it_comes_back_from_its_store() -> None:
    worlds, numbers = packed()
    arrays, meta = worlds.store("worlds")
    same(PackedWorlds.load(arrays, meta, "worlds"), numbers)
