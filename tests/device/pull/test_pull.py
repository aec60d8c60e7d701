"""``edgevision pull`` against a real sshd on the loopback, by rsync and by sftp, and against devices that mean harm."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import edgevision
from documents import parse, parse_lines
from edgevision.device.collection.provenance import CollectedBy, with_provenance
from edgevision.device.pull import ssh
from ssh_server import SshServer, ssh_server

from edgevision.types import Label

BY = CollectedBy("Front door", "everyday", "ab" * 32)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("ssh")) as one:
        yield one


@pytest.fixture(scope="module")
def without_rsync(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("ssh"), rsync=False) as one:
        yield one


def _image(path: Path, seed: int = 0, *labels: tuple[str, float]) -> Path:
    """Write an image as a device collects it."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    named = [Label(0, name, score) for name, score in labels]
    path.write_bytes(with_provenance(jpeg, BY, named, 1_800_000_000.5) if labels else jpeg)
    return path


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """Return a folder as ``run --collect`` makes it, with awkward but harmless names."""
    folder = tmp_path / "on the device"
    _image(folder / "cat" / "000001-20261130T080000Z-0.91.jpg", 1, ("cat", 0.91), ("dog", 0.05))
    _image(folder / "_unsure" / "000002-20261130T080500Z-0.43.jpg", 2, ("dog", 0.43), ("cat", 0.41))
    _image(folder / "Tür [blau] #1 $(x)'" / "000003-20261130T080900Z.jpg", 3)
    return folder


def _pull(server: SshServer, device: Path, out: Path, *options: object) -> subprocess.CompletedProcess[str]:
    arguments = ("pull", f"{server.login}:{device}", "--ssh-config", server.config, "-o", out, *options)
    return edgevision(*arguments, cwd=out.parent)


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "pulled.jsonl"
    }


@pytest.mark.parametrize("transport", ["rsync", "sftp"])
def test_images_arrive_with_their_provenance(server: SshServer, device: Path, tmp_path: Path, transport: str) -> None:
    out = tmp_path / "pulled here"
    done = _pull(server, device, out, "--transport", transport, "--json")
    assert done.returncode == 0, done.stderr
    result = parse(done.stdout, "pull")
    assert (result["transport"], result["listed"], result["refused"]) == (transport, 3, [])
    assert _tree(out) == _tree(device)
    lines = {line["remote_path"]: line for line in parse_lines((out / "pulled.jsonl").read_text(), "pulled")}
    known = lines["_unsure/000002-20261130T080500Z-0.43.jpg"]
    assert (known["host"], known["camera"], known["model"], known["model_sha256"]) == ("door.test", *BY)
    assert (known["score"], known["label"], known["time"]) == (0.43, "_unsure", "2027-01-15T08:00:00.500Z")
    assert [one["name"] for one in known["labels"]] == ["dog", "cat"]
    plain = lines["Tür [blau] #1 $(x)'/000003-20261130T080900Z.jpg"]
    assert (plain["camera"], plain["score"], plain["time"]) == (None, None, "2026-11-30T08:09:00Z")


def test_images_are_pulled_once_wherever_they_are_moved_here(server: SshServer, device: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert _pull(server, device, out).returncode == 0
    (out / "dog").mkdir()
    (out / "_unsure" / "000002-20261130T080500Z-0.43.jpg").rename(out / "dog" / "mine.jpg")
    _image(device / "cat" / "000004-20261130T081000Z-0.70.jpg", 4)
    log = (out / "pulled.jsonl").read_bytes()
    (out / "pulled.jsonl").write_bytes(log + b'{"schema": "edgevision.pu')  # a power loss while it was written
    done = _pull(server, device, out, "--json")
    result = parse(done.stdout, "pull")
    assert result["pulled"] == ["cat/000004-20261130T081000Z-0.70.jpg"] and result["pulled_before"] == 3
    assert len(parse_lines((out / "pulled.jsonl").read_text(), "pulled")) == 4
    assert not list((out / "_unsure").iterdir())


def test_nothing_here_is_overwritten(server: SshServer, device: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    mine = out / "cat" / "000001-20261130T080000Z-0.91.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert _pull(server, device, out).returncode == 0
    assert mine.read_text() == "mine"
    assert (out / "cat" / "000001-20261130T080000Z-0.91-2.jpg").read_bytes() == next(
        (device / "cat").iterdir()
    ).read_bytes()


@pytest.mark.parametrize(
    ("first", "options", "expected"),
    [
        ("newest", ("--max-files", 1), "000003"),
        ("least-sure", ("--max-files", 1), "000002"),
        ("newest", ("--max-size", "1B"), None),
    ],
)
def test_quota_leaves_images_on_the_device(
    server: SshServer, device: Path, tmp_path: Path, first: str, options: tuple[object, ...], expected: str | None
) -> None:
    done = _pull(server, device, tmp_path / "out", "--first", first, *options, "--json", "--dry-run")
    result = parse(done.stdout, "pull")
    assert [one.split("/")[1][:6] for one in result["pulled"]] == ([expected] if expected else [])
    assert result["left"] == 3 - len(result["pulled"])
    assert not (tmp_path / "out").exists()


def test_device_without_rsync_is_read_by_sftp(without_rsync: SshServer, device: Path, tmp_path: Path) -> None:
    done = _pull(without_rsync, device, tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    assert parse(done.stdout, "pull")["transport"] == "sftp"
    assert _tree(tmp_path / "out") == _tree(device)
    refused = _pull(without_rsync, device, tmp_path / "out", "--transport", "rsync")
    assert refused.returncode == 1 and refused.stderr == "edgevision: error: the device has no rsync\n"


def test_only_what_is_recorded_here_is_deleted_there(server: SshServer, device: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    broken = device / "cat" / "000009-20261130T090000Z-0.99.jpg"
    broken.write_bytes(b"\xff\xd8\xff no image")
    done = _pull(server, device, out, "--delete-pulled", "--max-files", 3, "--json")
    result = parse(done.stdout, "pull")
    assert done.returncode == 0, done.stderr
    assert [one["name"] for one in result["refused"]] == [f"cat/{broken.name}"]
    assert len(result["pulled"]) == result["deleted"] == 2
    left = sorted(path.name for path in device.rglob("*.jpg"))
    assert left == ["000001-20261130T080000Z-0.91.jpg", broken.name]  # one over the quota, one that is not an image


def test_sudo_runs_the_other_side_as_root(server: SshServer, device: Path, tmp_path: Path) -> None:
    for transport in ("rsync", "sftp"):
        done = _pull(server, device, tmp_path / transport, "--sudo", "--transport", transport)
        assert done.returncode == 0, done.stderr
        assert _tree(tmp_path / transport) == _tree(device)


def test_links_pipes_and_strange_names_stay_on_the_device(server: SshServer, device: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    _image(secret)
    (device / "cat" / "link.jpg").symlink_to(secret)
    (device / "linked").symlink_to(tmp_path)
    os.mkfifo(device / "cat" / "pipe.jpg")
    for name in ("new\nline.jpg", "back\\slash.jpg", 'quo"te.jpg', "program.sh", "-rf.jpg", ".hidden.jpg"):
        _image(device / "cat" / name)
    (device / "cat" / "huge.jpg").touch()
    os.truncate(device / "cat" / "huge.jpg", 10**12)
    _image(device / "cat" / "deeper" / "x.jpg")
    for transport in ("rsync", "sftp"):
        out = tmp_path / transport
        done = _pull(server, device, out, "--transport", transport, "--json")
        assert done.returncode == 0, done.stderr
        assert len(parse(done.stdout, "pull")["pulled"]) == 3
        assert {path.name for path in out.iterdir()} == {"cat", "_unsure", "Tür [blau] #1 $(x)'", "pulled.jsonl"}
        assert len(_tree(out)) == 3
        assert all(line.isprintable() for line in done.stderr.splitlines())


def test_changed_and_unknown_host_keys_are_refused(server: SshServer, device: Path, tmp_path: Path) -> None:
    known = server.known_hosts.read_text()
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    try:
        for text, said in (
            (f"[127.0.0.1]:{server.port} {Path(f'{other}.pub').read_text()}", "the host key of door.test has changed"),
            ("", "the host key of door.test is not known; run ssh"),
        ):
            server.known_hosts.write_text(text)
            for transport in ("rsync", "sftp"):
                done = _pull(server, device, tmp_path / "out", "--transport", transport)
                assert done.returncode == 1 and said in done.stderr and len(done.stderr.splitlines()) == 1
    finally:
        server.known_hosts.write_text(known)
    assert not (tmp_path / "out").exists()


def test_refused_keys_missing_folders_and_absent_devices_are_one_line(
    server: SshServer, device: Path, tmp_path: Path
) -> None:
    stranger = tmp_path / "ssh_config"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    stranger.write_text(server.config.read_text().replace(f"{server.folder}/user_key", str(tmp_path / "key")))
    away = tmp_path / "away"
    away.write_text(server.config.read_text().replace(f"Port {server.port}", "Port 1"))
    for config, path, code, said in (
        (stranger, device, 1, "accepts none of your keys; run ssh-copy-id"),
        (away, device, 5, "cannot reach door.test"),
        (server.config, device / "nowhere", 1, "nowhere does not exist; give the folder of run --collect"),
    ):
        for transport in ("rsync", "sftp"):
            done = edgevision(
                "pull", f"{server.login}:{path}", "--ssh-config", config, "-o", tmp_path / "out", "--transport", transport,
                cwd=tmp_path,
            )  # fmt: skip
            assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done.stderr
            assert said in done.stderr


def test_device_that_sends_more_than_it_listed_is_stopped(
    server: SshServer, device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file grows between the listing and the transfer."""
    from edgevision.device.pull import rsync, sftp

    monkeypatch.setattr(ssh, "POLL_S", 0.001)
    for module, transport in ((rsync, "rsync"), (sftp, "sftp")):
        monkeypatch.setattr(module, "batch_bytes", lambda images: 100)
        out = tmp_path / transport
        _image(device / "cat" / "000001-20261130T080000Z-0.91.jpg", 1)
        big = np.random.default_rng(5).integers(0, 256, 30_000_000, np.uint8).tobytes()
        (device / "cat" / "000001-20261130T080000Z-0.91.jpg").write_bytes(big)
        done = _pull(server, device, out, "--transport", transport)
        assert done.returncode == 1 and "sent more than it listed" in done.stderr
        assert not _tree(out)


def test_silent_device_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from edgevision.errors import RemoteUnreachable

    monkeypatch.setattr(ssh, "IDLE_S", 0.2)
    with pytest.raises(RemoteUnreachable, match=r"sent nothing for 0\.2 s"):
        ssh.run(["sleep", "60"])
