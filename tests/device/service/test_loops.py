"""Several loops on one machine: names, files, shares, and what two of them cannot both have."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from documents import parse
from edgevision.device.cli.service import service as service_command
from edgevision.device.installer.base.errors import Refused
from edgevision.device.installer.base.loop import UNNAMED, Loop, loop_of_unit, named
from edgevision.device.loop import config_file
from edgevision.device.loop.release_file import state_file
from edgevision.device.service.diagnosis import section
from edgevision.device.service.install import ServiceOptions, enable, prepare, remove
from edgevision.device.service.loops import installed_loops, options_of
from edgevision.device.service.places import places_of
from edgevision.device.service.status import describe_all, status
from edgevision.device.service.systemctl import CommandResult, Manager
from hypothesis import given
from hypothesis import strategies as st

from edgevision import default_model
from edgevision.errors import BadInput, UsageError

Install = Callable[..., str]
SHOWN = "LoadState=loaded\nActiveState={}\nSubState=running\nResult=success\nNRestarts=0\nMainPID=8\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root file system of another machine."""
    made = tmp_path / "root"
    (made / "etc").mkdir(parents=True)
    (made / "etc/group").write_text("video:x:44:\n")
    return made


@pytest.fixture
def install(root: Path, tmp_path: Path) -> Install:
    """Installs a service and returns the text of its unit."""

    def made(name: str | None = None, *lines: str, camera: str | None = None) -> str:
        config = tmp_path / "given.toml"
        config.write_text("\n".join(lines) + "\n")
        wish = ServiceOptions(
            default_model.path(), camera, config if lines else None, root=root, name=name, overwrite=True
        )
        written = prepare(wish)
        written.write()
        enable(root, written.places)
        return written.unit

    return made


def setting(text: str, name: str) -> list[str]:
    return re.findall(rf"(?m)^{name}=(.*)$", text)


def test_named_loop_has_files_state_and_health_of_its_own(root: Path, install: Install) -> None:
    install(camera="0")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    text = install("door", camera="1")
    assert {path: path.read_bytes() for path in before} == before, "the first loop stays as it is"
    folder = root / "etc/edgevision/loops/door"
    assert config_file.read(folder / "run.toml")["camera"] == "1"
    assert (folder / "model.tflite").read_bytes() == default_model.path().read_bytes()
    assert "--config /etc/edgevision/loops/door/run.toml " in setting(text, "ExecStart")[0]
    for name in ("User", "StateDirectory", "RuntimeDirectory", "SyslogIdentifier"):
        assert setting(text, name) == ["edgevision-door"]
    assert setting(text, "WorkingDirectory") == ["/var/lib/edgevision-door"]
    assert setting(text, "CPUWeight") == ["100"] and setting(text, "Slice") == ["system.slice"]
    link = root / "etc/systemd/system/multi-user.target.wants/edgevision@door.service"
    assert link.resolve() == root / "etc/systemd/system/edgevision@door.service"
    assert installed_loops(root) == [UNNAMED, Loop("door")]
    assert options_of(root, Loop("door"))["camera"] == "1"


def test_loop_without_a_name_is_as_it_was(install: Install) -> None:
    text = install(camera="0")
    assert not re.search("CPUWeight|Slice|EDGEVISION_LOOP|loops", text)
    assert state_file({}) == Path("/opt/edgevision/state.json")
    assert state_file({"EDGEVISION_LOOP": "door"}) == Path("/opt/edgevision/loops/door/state.json")


def test_loop_can_write_only_to_its_own_folder(install: Install) -> None:
    install("door", 'collect = "/var/lib/edgevision-door/images"', 'camera = "1"')
    with pytest.raises(BadInput, match=re.escape("can only write below /var/lib/edgevision-door; use a path such as")):
        install("door", 'collect = "/var/lib/edgevision/images"')
    with pytest.raises(BadInput, match="can only write below /var/lib/edgevision-yard"):
        install("yard", '[[outputs]]\nspec = "jsonl:/var/lib/edgevision-door/x.jsonl"')


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ('camera = "1"', 'camera = "01"', "camera 01 is used by the loop edgevision; choose another one with --camera"),
        ('camera = "/dev/video2"', 'camera = "v4l2:2"', "camera v4l2:2 is used by the loop edgevision"),
        ('camera = "picamera:0"', 'camera = "0"', "camera 0 is used by the loop edgevision"),
        ('camera = "usb:Logi"', 'source = "usb:Logi"', "camera usb:Logi is used"),
        ("smooth = 3", "smooth = 4", "camera 0 is used by the loop edgevision"),
        (
            'camera = "0"\npage = "0.0.0.0:8080"',
            'camera = "1"\npage = 8080',
            "port 8080 (page) is used by the loop edgevision (page); choose another port",
        ),
        (
            'camera = "0"\npage = "9100"',
            'camera = "1"\n[[outputs]]\nspec = "metrics:localhost:9100"',
            "port 9100 (metrics:localhost:9100) is used by the loop edgevision (page)",
        ),
    ],
)
def test_two_loops_cannot_have_one_camera_or_port(
    first: str, second: str, said: str, root: Path, install: Install
) -> None:
    install(None, first)
    with pytest.raises(BadInput, match=re.escape(said)) as caught:
        install("door", second)
    assert "\n" not in str(caught.value)
    assert installed_loops(root) == [UNNAMED]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('camera = "0"', 'camera = "1"'),
        ('camera = "rtsp://10.0.0.9/a"', 'camera = "rtsp://10.0.0.9/a"'),
        ('camera = "0"\npage = "127.0.0.1:8080"', 'camera = "1"\npage = "127.0.0.2:8080"'),
        ('camera = "test:"', 'camera = "test:"'),
    ],
)
def test_loops_share_what_several_can_use(first: str, second: str, root: Path, install: Install) -> None:
    install(None, first)
    install("door", second)
    install(None, first)  # again, beside the other one
    found = section(root)
    assert found is not None
    assert [(check.name, check.ok) for check in found.checks] == [("edgevision", True), ("edgevision@door", True)]


def test_doctor_names_loops_that_were_changed_by_hand(root: Path, install: Install) -> None:
    install(None, 'camera = "rtsp://me:hush@10.0.0.9/a"', "page = 8080")
    assert section(root) is None, "one loop needs no section"
    install("door", 'camera = "1"', "page = 8081")
    path = root / "etc/edgevision/loops/door/run.toml"
    path.write_text(path.read_text().replace("8081", "8080"))
    found = section(root)
    assert found is not None
    assert found.checks[0].ok and "hush" not in found.checks[0].found and "port 8080" in found.checks[0].found
    assert found.checks[1].broken and "port 8080 (page) is used by the loop edgevision" in found.checks[1].found
    path.write_text("nonsense = 1\n")
    assert (section(root) or found).checks[1].ok is None


def test_settings_of_a_drop_in_count(root: Path, install: Install) -> None:
    """As the device's own settings of an SD card."""
    install(camera="0")
    (root / "etc/edgevision/device.toml").write_text('camera = "3"\n')
    drop_in = root / "etc/systemd/system/edgevision.service.d/device.conf"
    drop_in.parent.mkdir()
    handed = "LoadCredential=device.toml:/etc/edgevision/device.toml\nExecStart=\n"
    start = (
        "ExecStart=/p -m edgevision run --config /etc/edgevision/run.toml --config ${CREDENTIALS_DIRECTORY}/device.toml"
    )
    drop_in.write_text(f"[Service]\n{handed}{start} --no-json\n")
    install("door", camera="0")
    with pytest.raises(BadInput, match="camera 3 is used"):
        install("yard", camera="3")


def test_uninstall_removes_one_loop(root: Path, install: Install) -> None:
    install(camera="0")
    install("door", camera="1")
    places = places_of("door")
    assert [path.name for path in remove(root, purge=False, places=places)] == ["edgevision@door.service"] * 2
    assert (root / "etc/edgevision/loops/door/run.toml").exists()
    remove(root, purge=True, places=places)
    assert not (root / "etc/edgevision/loops").exists()
    assert installed_loops(root) == [UNNAMED]


def test_status_shows_all_loops() -> None:
    asked: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...]) -> CommandResult:
        asked.append(tuple(command))
        failed = any("door" in one for one in command)
        return CommandResult(0, SHOWN.format("failed" if failed else "active") if command[0] == "systemctl" else "")

    first, door = (status(Manager(run, loop)) for loop in (UNNAMED, Loop("door")))
    assert any("edgevision@door.service" in command for command in asked)
    lines = describe_all([first, door])
    assert lines[0] == "edgevision:" and "edgevision@door:" in lines
    assert lines[1].startswith("  active (running)")
    value = parse(json.dumps(first.to_json([door])), "service")
    assert (value["name"], value["active"]) == (None, True)
    assert (value["loops"][0]["name"], value["loops"][0]["active"]) == ("door", False)
    assert status(Manager(lambda _: CommandResult(0, "LoadState=not-found\n"), Loop("x"))).describe() == [
        "not installed; to install it: sudo edgevision service install MODEL --camera 0 --name x"
    ]


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a b", "../x", "a@b", "ä", "a\n", "%i", "a" * 21])
def test_wrong_name_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(Refused, match="not the name of a loop"):
        named(name)
    with pytest.raises(UsageError, match="--name: not the name of a loop"):
        places_of(name)
    done = CliRunner().invoke(service_command, ["install", "--dry-run", "--name", name])
    assert done.exit_code != 0 and isinstance(done.exception, UsageError)


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?", fullmatch=True))
def test_name_is_found_again_in_its_unit(name: str) -> None:
    assert loop_of_unit(named(name).unit) == Loop(name)


@given(st.text(max_size=40))
def test_other_files_are_no_loops(text: str) -> None:
    found = loop_of_unit(text)
    assert found is None or found.unit == text
