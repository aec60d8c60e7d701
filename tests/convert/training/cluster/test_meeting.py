"""Machines of a training: what TF_CONFIG may say, and how they meet."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from edgevision.convert.training.cluster import meeting
from edgevision.convert.training.cluster.meeting import meet
from edgevision.convert.training.cluster.tf_config import Cluster, named_cluster, require_one_machine
from hypothesis import given
from hypothesis import strategies as st
from locations import ROOT
from ports import free_port

from edgevision.errors import BadInput, EdgeVisionError, RemoteUnreachable

FACTS = {"edgevision": "0.1.0", "photos:": "40 images"}


def config(cluster: Any, job: Any = "worker", index: Any = 0) -> dict[str, str]:
    """Return an environment with this TF_CONFIG."""
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": job, "index": index}})}


def test_the_chief_comes_first() -> None:
    found = named_cluster(config({"worker": ["b:1", "[::1]:2"], "chief": ["a:4000"]}, index=1))
    assert found == Cluster(("a:4000", "b:1", "[::1]:2"), 2, True)
    assert found.chief == ("a", 4000) and found.port == 2
    assert named_cluster(config({"worker": ["a:1", "b:1"]})) == Cluster(("a:1", "b:1"), 0)


@pytest.mark.parametrize("environ", [{}, {"TF_CONFIG": ""}, {"TF_CONFIG": "{}"}, config({"worker": ["a:1"]})])
def test_one_machine_is_no_cluster(environ: dict[str, str]) -> None:
    assert named_cluster(environ) is None


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"TF_CONFIG": "{"}, "not valid JSON"),
        (config({"worker": ["a:1", "b"]}), "expected HOST:PORT, got 'b'"),
        (config({"worker": ["a:1", "a:1"]}), "a different HOST:PORT"),
        (config({"worker": ["a:1", 3]}), "worker: expected text, got 3"),
        (config({"worker": ["a:1", "b:1"]}, index=2), "task.index"),
        (config({"worker": ["a:1", "b:1"]}, job="ps"), "task.type: expected worker, got 'ps'"),
        (config({"worker": ["a:1"], "ps": ["b:1"]}), "expected chief and worker only, got ps"),
        (config({"chief": ["a:1", "b:1"]}, job="chief"), "chief: expected one machine, got 2"),
    ],
)
def test_an_invalid_cluster_is_one_line(environ: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        named_cluster(environ)
    assert said in str(caught.value)


@given(st.text(max_size=60) | st.recursive(st.none() | st.integers() | st.text(max_size=8), st.lists).map(json.dumps))
def test_any_text_gives_a_cluster_or_one_line(text: str) -> None:
    with suppress(EdgeVisionError):
        named_cluster({"TF_CONFIG": text})


def test_what_needs_one_machine_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", config({"worker": ["a:1", "b:1"]})["TF_CONFIG"])
    with pytest.raises(BadInput, match="names 2 machines, but --teacher needs one machine"):
        require_one_machine("--teacher")


def test_the_manifest_of_the_guide_starts_one_chief_and_one_worker() -> None:
    guide = (ROOT / "docs/guides/several-machines.md").read_text(encoding="utf-8")
    text = re.search(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert text is not None
    service, policy, job = yaml.safe_load_all(text[1])
    name = {"job-name": job["metadata"]["name"]}
    assert service["spec"]["selector"] == policy["spec"]["podSelector"]["matchLabels"] == name
    pod = job["spec"]["template"]["spec"]
    assert pod["subdomain"] == service["metadata"]["name"]
    (container,) = pod["containers"]
    script = container["args"][0].replace("exec edgevision", "echo $TF_CONFIG #")
    for index in range(job["spec"]["completions"]):
        environ = {"JOB_COMPLETION_INDEX": str(index), "PATH": "/usr/bin:/bin"}
        said = subprocess.run([*container["command"], script], env=environ, capture_output=True, text=True, check=True)
        found = named_cluster({"TF_CONFIG": said.stdout})
        assert found is not None and found.rank == index
        assert found.port == container["ports"][0]["containerPort"] == policy["spec"]["ingress"][0]["ports"][0]["port"]
        assert len(found.addresses) == job["spec"]["completions"]


def test_the_slurm_script_of_the_guide_names_all_machines(tmp_path: Path) -> None:
    guide = (ROOT / "docs/guides/several-machines.md").read_text(encoding="utf-8")
    text = re.search(r"```bash\n(#!/bin/bash.*?)```", guide, re.DOTALL)
    assert text is not None
    for name, body in {"scontrol": "printf 'n1\\nn2\\nn3\\n'", "srun": 'shift; exec "$@"'}.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    script = text[1].replace("exec edgevision", "echo $TF_CONFIG #")
    environ = {"SLURM_PROCID": "2", "SLURM_JOB_NODELIST": "n[1-3]", "PATH": f"{tmp_path}:/usr/bin:/bin"}
    said = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert named_cluster({"TF_CONFIG": said.stdout}) == Cluster(("n1:4000", "n2:4000", "n3:4000"), 2)


def _met(facts: list[dict[str, str] | None], wait_s: float = 120.0) -> tuple[list[str], list[str]]:
    """Let machines with these facts meet, None for one that does not come; return how each ended, and the addresses."""
    addresses = tuple(f"127.0.0.1:{free_port()}" for _ in facts)

    def one(rank: int) -> str:
        own = facts[rank]
        if own is None:
            return "absent"
        try:
            meet(Cluster(addresses, rank), own, lambda text: None, wait_s)
            return "met"
        except EdgeVisionError as error:
            return f"{type(error).__name__}: {error}"

    with ThreadPoolExecutor(len(facts)) as pool:
        return list(pool.map(one, range(len(facts)))), list(addresses)


def test_machines_with_the_same_facts_meet() -> None:
    assert _met([FACTS, FACTS, FACTS])[0] == ["met"] * 3


def test_a_machine_that_differs_is_named_on_all() -> None:
    ended, addresses = _met([FACTS, FACTS, {**FACTS, "photos:": "39 images"}])
    said = f"machine 3 of 3 ({addresses[2]}) has photos: 39 images, but the chief {addresses[0]} has 40 images"
    assert all(said in one and one.startswith("BadInput") for one in ended)


def test_absent_machines_are_named() -> None:
    ended, addresses = _met([FACTS, None], wait_s=0.3)
    assert ended[0].startswith(f"RemoteUnreachable: not there in time: machine 2 of 2 ({addresses[1]})")
    ended, addresses = _met([None, FACTS], wait_s=0.3)
    assert ended[1].startswith(f"RemoteUnreachable: the chief {addresses[0]}")


def test_a_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(BadInput, match=f"port {port} of this machine"):
            meet(Cluster((f"127.0.0.1:{port}", "127.0.0.1:9"), 0), FACTS, lambda text: None)


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"\n", b'{"rank": 7, "facts": {}}\n', b"[" * 200_000, b""])
def test_other_connections_are_ignored(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "LINE_S", 0.3)
    addresses = tuple(f"127.0.0.1:{free_port()}" for _ in range(2))
    with ThreadPoolExecutor(2) as pool:
        chief = pool.submit(meet, Cluster(addresses, 0), FACTS, lambda text: None, 120.0)
        stranger = _connected(addresses[0])
        with suppress(OSError):
            stranger.sendall(sent)
        worker = pool.submit(meet, Cluster(addresses, 1), FACTS, lambda text: None, 120.0)
        assert chief.result() is None and worker.result() is None
        stranger.close()


def test_a_machine_that_left_again_does_not_count() -> None:
    addresses = tuple(f"127.0.0.1:{free_port()}" for _ in range(3))
    now = [0.0]
    with ThreadPoolExecutor(1) as pool:
        chief = pool.submit(meet, Cluster(addresses, 0), FACTS, lambda text: None, 60.0, lambda: now[0])
        with _connected(addresses[0]) as left:
            left.sendall(_hello(1))
        with _connected(addresses[0]) as stays:
            stays.sendall(_hello(2))
            with _connected(addresses[0]) as last:  # connections are answered in order: this one after the other two
                last.sendall(b"\n")
                assert last.recv(1) == b""
            now[0] = 61.0
            with pytest.raises(RemoteUnreachable, match=r"not there in time: machine 2 of 3 \([^,]*;"):
                chief.result()


def _hello(rank: int) -> bytes:
    return json.dumps({"rank": rank, "facts": FACTS}).encode() + b"\n"


def _connected(address: str) -> socket.socket:
    """Return a connection to a machine that may still have to start listening."""
    host, port = address.split(":")
    while True:
        try:
            return socket.create_connection((host, int(port)), 120)
        except ConnectionRefusedError:
            continue
