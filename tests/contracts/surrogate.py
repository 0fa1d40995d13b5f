"""What every surrogate of one date must do; a kind's test class fits one and inherits the rest."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from surrogates.regression.kinds import KINDS, from_parameters
from surrogates.regression.surrogate import FrozenSurrogateError, Surrogate
from xva.errors import DomainError


class SurrogateContract(ABC):
    """Subclass, give a fitted surrogate and ``(sample, feature)`` states inside its domain."""

    @abstractmethod
    def surrogate(self) -> Surrogate: ...

    @abstractmethod
    def features(self) -> Tensor: ...

    def test_is_registered_under_its_kind(self) -> None:
        assert KINDS[type(self.surrogate()).kind] is type(self.surrogate())

    def test_shapes_and_types(self) -> None:
        features = self.features()
        value, gradient = self.surrogate().value_and_gradient(features)
        assert value.shape == (len(features),)
        assert gradient.shape == features.shape
        assert value.dtype == gradient.dtype == features.dtype
        assert bool(torch.isfinite(value).all() & torch.isfinite(gradient).all())
        assert float(value.std()) > 0.0

    def test_value_is_the_one_beside_the_gradient(self) -> None:
        surrogate, features = self.surrogate(), self.features()
        value, _ = surrogate.value_and_gradient(features)
        torch.testing.assert_close(surrogate.value(features), value, rtol=1e-12, atol=1e-12)

    def test_gradient_is_the_values_own(self) -> None:
        surrogate, features = self.surrogate(), self.features()
        _, gradient = surrogate.value_and_gradient(features)
        for column, spread in enumerate(features.std(0)):
            bump = torch.zeros(features.shape[1], dtype=features.dtype)
            bump[column] = 1e-4 * spread
            up, down = surrogate.value(features + bump), surrogate.value(features - bump)
            difference = (up - down) / (2.0 * bump[column])
            torch.testing.assert_close(
                gradient[:, column], difference, rtol=1e-5, atol=1e-6 * float(gradient.abs().max())
            )

    def test_a_row_does_not_depend_on_the_others(self) -> None:
        surrogate, features = self.surrogate(), self.features()
        whole, _ = surrogate.value_and_gradient(features)
        for k in (0, len(features) // 2, len(features) - 1):
            torch.testing.assert_close(
                surrogate.value(features[k : k + 1])[0], whole[k], rtol=1e-11, atol=1e-12
            )
        assert surrogate.value(features[:0]).shape == (0,)
        assert surrogate.value_and_gradient(features[:0])[1].shape == (0, features.shape[1])

    def test_parameters_go_through_a_file_bit_for_bit(self) -> None:
        surrogate, features = self.surrogate(), self.features()
        tensors, meta = surrogate.parameters()
        kept = load(save({name: tensor.contiguous() for name, tensor in tensors.items()}))
        again = from_parameters(surrogate.kind, kept, json.loads(json.dumps(meta, allow_nan=False)))
        assert again.names == surrogate.names
        for one, other in zip(surrogate.value_and_gradient(features), again.value_and_gradient(features)):
            assert torch.equal(one, other)

    def test_a_missing_parameter_is_named(self) -> None:
        surrogate = self.surrogate()
        tensors, meta = surrogate.parameters()
        for name in tensors:
            rest = {k: v for k, v in tensors.items() if k != name}
            with pytest.raises(DomainError, match=name.replace(".", r"\.")):
                from_parameters(surrogate.kind, rest, meta)

    def test_a_derivative_to_the_market_is_refused(self) -> None:
        features = self.features().requires_grad_()
        for ask in (self.surrogate().value, self.surrogate().value_and_gradient):
            with pytest.raises(
                FrozenSurrogateError, match="does not know how the price depends on the market"
            ):
                ask(features)

    def test_other_features_are_refused(self) -> None:
        with pytest.raises(DomainError, match="expected features"):
            self.surrogate().value(self.features()[:, 1:])
