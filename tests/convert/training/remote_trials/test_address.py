"""Address of a Ray cluster, and the parts of its machines that run trials."""

from __future__ import annotations

from typing import Any

import pytest
from edgevision.convert.training.remote_trials import address
from edgevision.convert.training.remote_trials.slots import slots_of
from hypothesis import given
from hypothesis import strategies as st
from ports import free_port

from edgevision.errors import BadInput, RemoteUnreachable


def test_address_has_host_and_port() -> None:
    assert address.parse("10.0.0.5:6379") == ("10.0.0.5", 6379)
    assert address.parse("[::1]:6379") == ("::1", 6379)
    assert address.parse("local") is None


@given(st.text(max_size=30))
def test_any_other_address_is_refused_by_name(text: str) -> None:
    try:
        found = address.parse(text)
    except BadInput as error:
        assert "--ray: expected the address of a Ray cluster" in str(error)
    else:
        assert found is None or (found[0] and 0 < found[1] < 65536)


@pytest.mark.parametrize("text", ["ray://10.0.0.5:10001", "10.0.0.5", ":6379", "host:0", "host:65536", "a b:1", "auto"])
def test_address_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="HOST:PORT, such as 127"):
        address.parse(text)


def test_loopback_is_told_from_a_network() -> None:
    assert all(map(address.is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(address.is_loopback, ("10.0.0.5", "localhost.example.com", "0.0.0.0")))


def test_nothing_at_the_address_is_one_line() -> None:
    port = free_port()
    with pytest.raises(RemoteUnreachable, match=f"no Ray cluster at 127.0.0.1:{port} .*refused.*ray start --head"):
        address.require_cluster(f"127.0.0.1:{port}", ("127.0.0.1", port))


def _node(host: str, cpus: float, gpus: float = 0, alive: bool = True) -> dict[str, Any]:
    resources = {"CPU": cpus, "GPU": gpus, "memory": 1e9}
    return {
        "NodeID": host * 3,
        "Alive": alive,
        "NodeManagerHostname": host,
        "NodeManagerAddress": "10.0.0.5",
        "Resources": {name: value for name, value in resources.items() if value},
    }


def test_slots_are_gpus_or_groups_of_cores() -> None:
    found = slots_of([_node("a", 2), _node("b", 16), _node("c", 16, 2), _node("d", 0), _node("e", 8, alive=False)])
    assert [(slot.name, slot.cpus, slot.gpus) for slot in found] == [
        ("a (10.0.0.5)", 2, 0),
        *((f"b (10.0.0.5) #{n}", 4, 0) for n in (1, 2, 3, 4)),
        *((f"c (10.0.0.5) #{n}", 8, 1) for n in (1, 2)),
    ]
    assert found[0].node == "aaa"


def test_name_of_a_machine_is_used() -> None:
    assert slots_of([{**_node("a", 1), "NodeName": "left"}])[0].name == "a (left)"


def test_two_machines_of_one_name_are_numbered() -> None:
    assert [slot.name for slot in slots_of([_node("a", 1), _node("a", 1)])] == ["a (10.0.0.5) #1", "a (10.0.0.5) #2"]
