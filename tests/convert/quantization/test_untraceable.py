"""A model that runs but cannot be traced as a graph is one line."""

from __future__ import annotations

from typing import Any

import pytest
from edgevision.convert.quantization import ptq

from edgevision.errors import BadModel


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ValueError("Exception encountered.\n\n'a b' is not a valid scope name."),
            "the name of a layer has characters",
        ),
        (TypeError("unhashable\nArguments received"), "graph: unhashable$"),
    ],
)
def test_untraceable_model_is_refused(error: Exception, said: str) -> None:
    class Model:
        def concrete(self) -> Any:
            raise error

    with pytest.raises(BadModel, match=said) as caught:
        ptq.to_float(Model())  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
