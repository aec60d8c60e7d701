"""The device's own configuration: who can read it after the installation."""

from __future__ import annotations

from pathlib import Path

import pytest
from edgevision.device.installer.boot.boot_partition import Device
from edgevision.device.installer.boot.service_overrides import PLACES, place_extras


@pytest.mark.parametrize(
    ("drop_in", "mode"),
    [
        ("[Service]\nLoadCredential=device.toml:/etc/edgevision/run.toml\n", 0o600),
        ("[Service]\nLoadCredential=run.toml:/opt/edgevision/current/run.toml\n", 0o644),
        ("[Service]\nExecStart=\n", 0o644),
    ],
)
def test_configuration_is_private_if_it_is_a_credential(drop_in: str, mode: int, tmp_path: Path) -> None:
    card, root = tmp_path / "card", tmp_path / "root"
    card.mkdir()
    root.mkdir()
    (card / "run.toml").write_text("top = 1\n")
    (card / "service.conf").write_text(drop_in)
    device = Device("instance", "release", "bookworm", (), None, True)
    assert place_extras(card, device, root) == list(PLACES)
    assert (root / PLACES["run.toml"]).stat().st_mode & 0o777 == mode
    assert (root / PLACES["service.conf"]).stat().st_mode & 0o777 == 0o644
