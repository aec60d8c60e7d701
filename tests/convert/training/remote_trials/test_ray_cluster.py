"""Trials on a real Ray cluster of two processes on this machine, each a machine of its own, with a token."""

from __future__ import annotations

import csv
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from ports import free_port
from small_training import noisy_photos

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]
pytest.importorskip("ray")
OPTIONS = (
    "--quality=best", "--backbone=cnn", "--weights=none", "--image-size=16", "--cnn-filters=8", "--cnn-dense=8",
    "--learning-rate=0.01", "--augment=none",
)  # fmt: skip
START_S = 180.0
TRAIN_S = 900.0
STARTS = 4
"""Starts of a machine: Ray gives each 30 seconds, which is too little where the processor is busy."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster."""

    address: str
    environ: dict[str, str]
    head: subprocess.Popen[str]
    worker: subprocess.Popen[str]

    def train(self, *options: str | Path) -> subprocess.Popen[str]:
        """Start a training on it."""
        command = [sys.executable, "-m", "edgevision", "train", *map(str, options), f"--ray={self.address}"]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.environ, stdout=pipe, stderr=pipe, text=True)


@contextmanager
def _cluster() -> Iterator[Cluster]:
    """Yield a cluster of two machines with a processor each; ends only the processes that it started."""
    # Not pytest's folder: Ray's sockets are below it, and their paths may have 107 characters.
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    address = f"127.0.0.1:{free_port()}"
    environ = {
        **os.environ,
        "RAY_TMPDIR": folder,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONUNBUFFERED": "1",
    }
    started = list[subprocess.Popen[str]]()
    try:
        head = ("--head", f"--port={address.rpartition(':')[2]}", "--include-dashboard=false", "--node-name=first")
        for options in (head, (f"--address={address}", "--node-name=second")):
            started.append(_start(environ, *options))
        yield Cluster(address, environ, *started)
    finally:
        for one in reversed(started):
            one.terminate()  # it ends its own children
        for one in started:
            one.wait(120)
        shutil.rmtree(folder, ignore_errors=True)


def _start(environ: dict[str, str], *options: str) -> subprocess.Popen[str]:
    """Start a machine and wait until it is there."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", *options]
    command += ["--num-cpus=1", "--num-gpus=0", "--object-store-memory=80000000", "--block"]
    said = ""
    for _ in range(STARTS):
        one = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert one.stdout is not None
        for line in one.stdout:
            said += line
            if "--block" in line:
                return one
    raise AssertionError(f"ray start ended: {said}")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return photos that no network learns without a mistake, so that no trial ends early."""
    return noisy_photos(tmp_path_factory.mktemp("photos") / "two", 20)


def _tried(folder: Path) -> list[dict[str, str]]:
    with (folder / "tried.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_trials_on_a_cluster_equal_those_on_one_machine_and_survive_a_lost_one(photos: Path, tmp_path: Path) -> None:
    with _cluster() as cluster:
        training = cluster.train(photos, *OPTIONS, "--epochs=40", "--patience=100", "-o", tmp_path / "both")
        try:
            said = _lose_the_worker(training, cluster)
            training.wait(TRAIN_S)
        finally:
            training.kill()
        assert training.returncode == 0, said
    assert "2 machines, 2 trials at once" in said
    assert "lost its machine" in said and "begins again on another" in said
    assert "without a token" not in said
    alone = [sys.executable, "-m", "edgevision", "train", str(photos), *OPTIONS, "--epochs=40", "--patience=100"]
    subprocess.run([*alone, "-o", str(tmp_path / "alone")], check=True, capture_output=True, timeout=TRAIN_S)
    found, wanted = _tried(tmp_path / "both"), _tried(tmp_path / "alone")
    # Which trials are stopped depends on which came first; one that ran to its end has the same loss in both.
    assert [row["learning_rate"] for row in found] == [row["learning_rate"] for row in wanted]
    for one, other in zip(found, wanted, strict=True):
        if one["epochs"] == other["epochs"]:
            assert float(one["val_calibrated_loss"]) == pytest.approx(float(other["val_calibrated_loss"]), rel=1e-2)
    assert [row["epochs"] == "40" for row in found].count(True) >= 1


def _lose_the_worker(training: subprocess.Popen[str], cluster: Cluster) -> str:
    """Kill the machine that joined the head, once it runs a trial; return all that the training said on stderr."""
    assert training.stderr is not None
    said, lost = "", False
    for line in training.stderr:
        said += line
        if not lost and line.startswith("trial ") and "(second)" in line:
            lost = True
            _kill_children(cluster.worker.pid)
    return said


def _kill_children(parent: int) -> None:
    """Kill all processes below one, as a power cut would."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    below = [parent]
    for one in below:
        below += [pid for pid, above in pairs if above == one]
    for pid in below[1:]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_lost_head_ends_the_training_with_one_line(photos: Path, tmp_path: Path) -> None:
    killed = set[int]()
    with _cluster() as cluster:
        training = cluster.train(photos, *OPTIONS, "--epochs=4000", "--patience=10000", "-o", tmp_path / "run")
        try:
            assert training.stderr is not None
            said = list[str]()
            for line in training.stderr:
                said.append(line)
                if line.startswith("trial ") and cluster.head.pid not in killed:
                    killed.add(cluster.head.pid)
                    _kill_children(cluster.head.pid)
            training.wait(TRAIN_S)
        finally:
            training.kill()
    assert training.returncode == 5, said
    assert "lost" in said[-1] and f"--resume {tmp_path / 'run'} --ray {cluster.address}" in said[-1]


def test_other_token_and_what_is_no_cluster_are_refused_in_one_line(photos: Path) -> None:
    with _cluster() as cluster, socket.create_server(("127.0.0.1", 0)) as silent:
        other = Cluster(cluster.address, {**cluster.environ, "RAY_AUTH_TOKEN": "0" * 32}, cluster.head, cluster.worker)
        deaf = Cluster(f"127.0.0.1:{silent.getsockname()[1]}", cluster.environ, cluster.head, cluster.worker)
        started = [one.train(photos, *OPTIONS) for one in (other, deaf)]
        try:
            said = [one.communicate(timeout=START_S)[1].splitlines() for one in started]
        finally:
            for one in started:
                one.kill()
    assert [one.returncode for one in started] == [5, 5]
    assert [len(lines) for lines in said] == [1, 1]
    assert "asks for its token" in said[0][0]
    assert "does not answer as a Ray cluster" in said[1][0]
    assert cluster.environ["RAY_AUTH_TOKEN"] not in said[0][0]
