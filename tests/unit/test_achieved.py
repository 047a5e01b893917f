"""The gate `off_target`."""

from __future__ import annotations

import pytest

from mixcore.mixing.achieved import Achieved, check_achieved
from mixcore.runtime.errors import ContractError


@pytest.mark.parametrize(
    ("strata", "limit"),
    [
        ([], 0.0),
        ([Achieved("web", 1000, 1000, 0)], 0.0),
        ([Achieved("web", 1000, 1050, 100)], 0.001),  # half a boundary document
        ([Achieved("web/a", 1000, 1080, 100), Achieved("web/b", 1000, 960, 100)], 0.0),
        ([Achieved("web", 1000, 1090, 100)], 0.1),  # within the limit
    ],
)
def test_on_target(strata: list[Achieved], limit: float) -> None:
    check_achieved(strata, limit)


@pytest.mark.parametrize(
    ("strata", "limit", "parts"),
    [
        ([Achieved("web", 1000, 1200, 100)], 1.0, ["web: target 1,000, achieved 1,200", "(100)"]),
        ([Achieved("web", 1000, 999, 0)], 0.5, ["off by more than one document"]),
        ([Achieved("web", 1000, 1060, 100)], 0.01, ["web: target", "off by 6.0000%", "the whole"]),
    ],
)
def test_off_target(strata: list[Achieved], limit: float, parts: list[str]) -> None:
    with pytest.raises(ContractError) as caught:
        check_achieved(strata, limit)
    assert all(part in str(caught.value) for part in parts), str(caught.value)
