from __future__ import annotations

import numpy as np
import torch

from xva.market.correlation import correlation_matrix, correlation_problems


def quoted(**pairs: float) -> dict[tuple[str, str], torch.Tensor]:
    """``A__B=0.5`` is the correlation of A and B."""
    return {
        (k.split("__")[0], k.split("__")[1]): torch.tensor(v, dtype=torch.float64, requires_grad=True)
        for k, v in pairs.items()
    }


def test_matrix_in_the_order_asked_for_with_zeros_for_unquoted_pairs() -> None:
    correlations = quoted(A__B=0.5, C__A=-0.3, D__E=0.1)
    matrix = correlation_matrix(correlations, ["C", "B", "A", "F"])
    expected = np.eye(4)
    expected[0, 2] = expected[2, 0] = -0.3
    expected[1, 2] = expected[2, 1] = 0.5
    np.testing.assert_array_equal(matrix.detach().numpy(), expected)
    (slope,) = torch.autograd.grad(matrix.sum(), correlations["A", "B"])
    assert float(slope) == 2.0
    assert correlation_matrix({}, ["A", "B"]).equal(torch.eye(2, dtype=torch.float64))


def test_a_valid_matrix_has_no_problems() -> None:
    assert correlation_problems(quoted(A__B=0.5, B__C=0.5, A__C=-0.4)) == []
    assert correlation_problems(quoted(A__B=1.0)) == []
    assert correlation_problems({}) == []


def test_a_negative_eigenvalue_is_named_with_the_quotes_that_cause_it() -> None:
    (problem,) = correlation_problems(quoted(A__B=0.9, B__C=0.9, A__C=-0.9, A__D=0.01))
    matrix = np.array([[1, 0.9, -0.9, 0.01], [0.9, 1, 0.9, 0], [-0.9, 0.9, 1, 0], [0.01, 0, 0, 1]])
    lowest = np.linalg.eigvalsh(matrix)[0]
    assert problem.got == f"{lowest:.6g}"
    assert "positive semi-definite" in problem.expected
    assert "CORRELATION/A/B" in problem.fix
    assert "CORRELATION/A/D" not in problem.fix


def test_a_pair_quoted_twice_or_with_itself_is_a_problem() -> None:
    problems = correlation_problems(quoted(A__B=0.5, B__A=0.5, C__C=1.0))
    assert [p.where for p in problems] == [
        "quote CORRELATION/A/B",
        "quote CORRELATION/B/A",
        "quote CORRELATION/C/C",
    ]
    assert problems[0].got == "also CORRELATION/B/A"
