"""Tests of ``edgevision service``: the unit file, the installation and the status."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import command_line
import pytest
from click.testing import CliRunner
from documents import parse
from edgevision.device.cli.run import run as run_command
from edgevision.device.installer.base.loop import Loop
from edgevision.device.loop import config_file
from edgevision.device.outputs.credentials import credential_name
from edgevision.device.outputs.kind import Kind, Needs
from edgevision.device.service.access import Access
from edgevision.device.service.install import ServiceOptions, enable, prepare, remove
from edgevision.device.service.places import Places
from edgevision.device.service.status import status
from edgevision.device.service.systemctl import CommandResult, Manager, require_root, require_systemd
from edgevision.device.service.unit import CONFIG, MODEL, SECOND_MODEL, UNIT, UnitPlan, hidden, quoted, unit_text
from hypothesis import given
from hypothesis import strategies as st

from edgevision import default_model
from edgevision.errors import BadInput, EdgeVisionError, MissingDependency, MissingFile, OutputExists, UsageError
from edgevision.records import record
from edgevision.settings import setting as declare

MAX_EXPOSURE = 2.5
PLANS = [
    UnitPlan(PurePosixPath(sys.executable)),
    UnitPlan(
        PurePosixPath(sys.executable), access=Access(network=True), groups=("video", "render", "plugdev"), user="daemon"
    ),
    UnitPlan(PurePosixPath(sys.executable), visible=(PurePosixPath("/home/pi/a b"), PurePosixPath("/root/100%"))),
    UnitPlan(PurePosixPath(sys.executable), groups=(), config=PurePosixPath("/etc/edge vision/run.toml")),
    UnitPlan(PurePosixPath(sys.executable), config=PurePosixPath("/etc/100% mine/run.toml"), secret=True),
    UnitPlan(
        PurePosixPath(sys.executable),
        access=Access(
            loopback=True,
            devices=("/dev/gpiochip0",),
            groups=("gpio",),
            credentials=(("output-0123456789abcdef", PurePosixPath("/etc/edgevision/mqtt.password")),),
        ),
    ),
    UnitPlan(PurePosixPath(sys.executable), loop=Loop("door"), config=Places(Loop("door")).config),
]


def analyze(*args: object) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here (Debian: apt install systemd)")
    command = ["systemd-analyze", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def unit_file(folder: Path, plan: UnitPlan) -> Path:
    path = folder / UNIT.name
    path.write_text(unit_text(plan))
    return path


def setting(text: str, name: str) -> list[str]:
    return re.findall(rf"(?m)^{name}=(.*)$", text)


# ------------------------------------------------------------------------------------------------------------ the unit


@pytest.mark.parametrize("plan", PLANS)
def test_systemd_accepts_the_unit(plan: UnitPlan, tmp_path: Path) -> None:
    done = analyze("verify", "--man=no", unit_file(tmp_path, plan))
    # It also verifies units of this machine; only messages about ours count.
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "edgevision" in line]
    assert ours == []


@pytest.mark.parametrize("plan", PLANS)
def test_security_exposure_is_low(plan: UnitPlan, tmp_path: Path) -> None:
    done = analyze("security", "--offline=true", unit_file(tmp_path, plan))
    if "unrecognized option" in done.stderr or "Unknown" in done.stderr:
        pytest.skip("this systemd-analyze cannot check a file")
    found = re.search(r"Overall exposure level for \S+ (\d+\.\d+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MAX_EXPOSURE


def test_invalid_unit_is_detected(tmp_path: Path) -> None:
    path = unit_file(tmp_path, PLANS[0])
    path.write_text(path.read_text() + "\n[Service]\nWatchdogSecs=5\n")
    assert "WatchdogSecs" in analyze("verify", "--man=no", path).stderr


def test_restart_backoff_requires_newer_systemd() -> None:
    old, new = (unit_text(UnitPlan(PurePosixPath("/p"), systemd=version)) for version in (252, 257))
    assert setting(old, "RestartSteps") == []
    assert setting(new, "RestartMaxDelaySec") == ["300"]
    assert setting(old, "Restart") == setting(new, "Restart") == ["on-failure"]


@pytest.mark.parametrize("plan", PLANS)
def test_start_without_its_files_fails_and_is_repeated(plan: UnitPlan) -> None:
    text = unit_text(plan)
    assert not re.search("(?m)^(Condition|Assert|ExecCondition|RequiresMountsFor|Requires|BindsTo)", text), (
        "systemd skips such a start without a failure, and does not try again"
    )
    assert setting(text, "Restart") == ["on-failure"] and setting(text, "StartLimitIntervalSec") == ["0"]


def test_loop_without_its_configuration_ends_in_an_error_that_may_pass(tmp_path: Path) -> None:
    done = command_line.edgevision("run", "--config", tmp_path / "not mounted" / "run.toml")
    assert done.stderr.startswith("edgevision: error: config file not found")
    assert str(done.returncode) not in [*setting(unit_text(PLANS[0]), "RestartPreventExitStatus"), "0"]


def test_network_is_denied_unless_needed() -> None:
    assert setting(unit_text(PLANS[0]), "IPAddressDeny") == ["any"]
    assert setting(unit_text(PLANS[1]), "IPAddressDeny") == []
    assert "AF_INET " in setting(unit_text(PLANS[1]), "RestrictAddressFamilies")[0] + " "


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_quoted_paths_are_one_argument(name: str) -> None:
    """Parsed back according to systemd.syntax(7) and systemd.unit(5)."""
    path = PurePosixPath("/") / name.replace("/", "_")
    text = quoted(path)
    if text.startswith('"'):
        assert text.endswith('"')
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    else:
        assert not set(text) & set(" \t\"'\\;")
    assert text.replace("%%", "%") == str(path)


@pytest.mark.parametrize(
    ("python", "match"),
    [
        ("/opt/x\nExecStartPre=/bin/touch /tmp/pwned", "without control characters"),
        ("/opt/x\r", "without control characters"),
        ("/opt/\x85", "without control characters"),
        ("/opt/$HOME/python", r"\$ in its path"),
        ("/home/a:/etc/bin/python", ": in its path"),
        ("python", "absolute"),
    ],
)
def test_python_that_a_unit_cannot_hold_is_a_usage_error(python: str, match: str, root: Path) -> None:
    with pytest.raises(UsageError, match=match) as caught:
        install(root, model=default_model.path(), python=Path(python))
    assert "\n" not in str(caught.value)
    assert not at(root, UNIT).exists()


def test_percent_and_spaces_in_a_path_are_escaped(root: Path) -> None:
    text = install(root, model=default_model.path(), python=Path("/opt/100% mine;/bin/python"))
    assert setting(text, "ExecStart")[0].startswith('"/opt/100%% mine;/bin/python" -m edgevision run ')


def test_user_of_a_damaged_passwd_is_refused(root: Path) -> None:
    (root / "etc/passwd").write_text("a b%n:x:990:990::/:/bin/false\n")
    with pytest.raises(UsageError, match="expected the name of a user"):
        install(root, model=default_model.path(), user="a b%n")


def test_service_imports_nothing_from_its_working_directory(tmp_path: Path) -> None:
    for name in ("edgevision", "numpy", "click"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the working directory')\n")
    (line,) = setting(unit_text(PLANS[0]), "Environment")
    given = dict(one.split("=") for one in line.split())
    command = setting(unit_text(PLANS[0]), "ExecStart")[0].split()[:3]
    done = subprocess.run([*command, "--version"], env=given, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_hidden_paths() -> None:
    assert [hidden(PurePosixPath(p)) for p in ("/home/pi/x", "/root", "/tmp/a", "/homes", "/opt/x")] == [
        True, True, True, False, False
    ]  # fmt: skip


# -------------------------------------------------------------------------------------------------------- installation


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root file system of another machine."""
    place = tmp_path / "root"
    (place / "etc").mkdir(parents=True)
    (place / "etc" / "group").write_text("root:x:0:\nvideo:x:44:\nplugdev:x:46:\n")
    (place / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\ncam:x:990:990::/:/bin/false\n")
    library = place / "usr" / "lib" / "aarch64-linux-gnu" / "systemd"
    library.mkdir(parents=True)
    (library / "libsystemd-shared-257.so").write_bytes(b"")
    return place


def at(root: Path, path: PurePosixPath) -> Path:
    return root / path.relative_to("/")


def install(root: Path, **wish: object) -> str:
    made = prepare(ServiceOptions(root=root, **wish))  # type: ignore[arg-type]
    made.write()
    enable(root)
    return at(root, UNIT).read_text()


def test_install_writes_all_files(root: Path) -> None:
    text = install(root, model=default_model.path(), camera="0")
    assert at(root, MODEL).read_bytes() == default_model.path().read_bytes()
    assert setting(text, "SupplementaryGroups") == ["video plugdev"], "the machine has no group render"
    assert setting(text, "RestartSteps"), "its systemd is 257"
    assert setting(text, "ExecStart") == [
        "/opt/edgevision/venv/bin/python -m edgevision run --config /etc/edgevision/run.toml --no-json --no-events"
    ]
    link = root / "etc/systemd/system/multi-user.target.wants/edgevision.service"
    assert link.resolve() == at(root, UNIT)
    for path in (at(root, CONFIG), at(root, MODEL), at(root, UNIT)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_installed_configuration_runs(root: Path, tmp_path: Path) -> None:
    """With the unit's command line, except for the location of the root."""
    install(root, model=default_model.path(), camera="fake:ok*3")
    done = command_line.edgevision("run", "--config", at(root, CONFIG), "--no-json", "--no-events", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"model: {at(root, MODEL)}" in done.stderr
    assert "source: fake:ok*3" in done.stderr


def test_configuration_is_kept_or_amended_but_never_lost(root: Path, tmp_path: Path) -> None:
    given_file = tmp_path / "mine.toml"
    given_file.write_text(f'model = "{default_model.path()}"\ncamera = 1\nsmooth = 5\n')
    install(root, config=given_file)
    text = at(root, CONFIG).read_text()
    assert 'model = "model.tflite"' in text
    assert "smooth = 5" in text
    install(root)
    assert at(root, CONFIG).read_text() == text, "without options nothing changes"
    with pytest.raises(OutputExists, match="--overwrite"):
        install(root, camera="2")
    install(root, camera="2", overwrite=True)
    changed = at(root, CONFIG).read_text()
    assert 'camera = "2"' in changed
    assert "smooth = 5" in changed


def test_second_model_is_copied_beside_the_first(root: Path, tmp_path: Path) -> None:
    given_file = tmp_path / "mine.toml"
    given_file.write_text(f'model = "{default_model.path()}"\nthen = "{default_model.path()}"\n')
    install(root, config=given_file)
    assert at(root, SECOND_MODEL).read_bytes() == default_model.path().read_bytes()
    assert '\nthen = "then.tflite"\n' in at(root, CONFIG).read_text()
    given_file.write_text('then = "missing.tflite"\n')
    with pytest.raises(MissingFile, match="missing"):
        install(root, config=given_file, overwrite=True)


def test_configuration_may_name_a_model_in_its_own_root(root: Path) -> None:
    install(root, model=default_model.path())
    release = root / "opt" / "release" / "m.tflite"
    release.parent.mkdir(parents=True)
    at(root, MODEL).rename(release)
    at(root, CONFIG).write_text('model = "/opt/release/m.tflite"\n')
    install(root)
    assert at(root, CONFIG).read_text() == 'model = "/opt/release/m.tflite"\n'
    release.unlink()
    with pytest.raises(MissingFile, match="/opt/release/m"):
        install(root)


def test_network_is_allowed_for_a_network_camera(root: Path) -> None:
    assert setting(install(root, model=default_model.path(), camera="rtsp://10.0.0.9/s"), "IPAddressDeny") == []
    assert setting(install(root, camera="0", overwrite=True), "IPAddressDeny") == ["any"]


# ------------------------------------------------------------------------------------------------------------- outputs


def configured(root: Path, tmp_path: Path, *tables: str) -> str:
    """Install with these outputs and return the unit."""
    given_file = tmp_path / "outputs.toml"
    given_file.write_text("".join(f"[[outputs]]\n{table}\n" for table in tables))
    return install(root, model=default_model.path(), config=given_file)


@pytest.mark.parametrize(
    ("spec", "families", "denied", "allowed"),
    [
        ("jsonl:/var/lib/edgevision/a.jsonl", "AF_UNIX AF_NETLINK", ["any"], []),
        ("metrics:9100", "AF_UNIX AF_NETLINK AF_INET AF_INET6", ["any"], ["localhost"]),
        ("metrics:0.0.0.0:9100", "AF_UNIX AF_NETLINK AF_INET AF_INET6", [], []),
    ],
)
def test_unit_opens_the_network_that_an_output_needs(
    spec: str, families: str, denied: list[str], allowed: list[str], root: Path, tmp_path: Path
) -> None:
    text = configured(root, tmp_path, f'spec = "{spec}"')
    assert setting(text, "RestrictAddressFamilies") == [families]
    assert setting(text, "IPAddressDeny") == denied
    assert setting(text, "IPAddressAllow") == allowed
    assert config_file.read(at(root, CONFIG))["outputs"][0].spec == spec


@pytest.mark.parametrize(("page", "allowed", "denied"), [("8080", ["localhost"], ["any"]), ("0.0.0.0:8080", [], [])])
def test_unit_opens_the_address_of_the_page(
    page: str, allowed: list[str], denied: list[str], root: Path, tmp_path: Path
) -> None:
    given_file = tmp_path / "page.toml"
    given_file.write_text(f'page = "{page}"\npage_tls = "/etc/edgevision/page.pem"\n')
    text = install(root, model=default_model.path(), config=given_file)
    assert (setting(text, "IPAddressAllow"), setting(text, "IPAddressDeny")) == (allowed, denied)
    name = credential_name(Path("/etc/edgevision/page.pem"))
    assert setting(text, "LoadCredential") == [f"{name}:/etc/edgevision/page.pem"]
    given_file.write_text(f'page = "{page}"\npage_tls = "page.pem"\n')
    with pytest.raises(BadInput, match="use the absolute path on the device, or auto"):
        install(root, config=given_file, overwrite=True)


def test_unit_opens_the_gpio_chip_and_its_group(root: Path, tmp_path: Path) -> None:
    tables = ('spec = "gpio:gpiochip4/17=cat"', 'spec = "gpio:gpiochip4/18=dog"')
    text = configured(root, tmp_path, *tables)
    assert [one for one in setting(text, "DeviceAllow") if "gpio" in one] == ["/dev/gpiochip4 rw"]
    assert setting(text, "SupplementaryGroups") == ["video plugdev"], "the machine has no group gpio"
    (root / "etc/group").write_text("video:x:44:\ngpio:x:997:\n")
    assert setting(install(root), "SupplementaryGroups") == ["video gpio"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("jsonl:log.jsonl", "the service can only write below /var/lib/edgevision; use a path such as"),
        ("csv:/var/lib/edgevision/../x.csv", "the service can only write below /var/lib/edgevision"),
        ("exec:notify.sh --fast", "give the program's absolute path on the device, such as /usr/local/bin/notify.sh"),
        ("exec:/home/pi/notify.sh", "the service cannot read home directories or /tmp; move the program"),
        ("exec:/usr/../tmp/notify.sh", "the service cannot read home directories or /tmp; move the program"),
    ],
)
def test_output_that_a_service_cannot_use_is_refused(spec: str, said: str, root: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=re.escape(said)) as caught:
        configured(root, tmp_path, f'spec = "{spec}"')
    assert "\n" not in str(caught.value)
    assert not at(root, UNIT).exists()


@record
class WithFile:
    """Settings of an output that reads a password from a file."""

    password_file: Path | None = declare(None, "path", "File with the password.")


@pytest.fixture
def secret_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``exec`` have a password file, and a target that is secret."""
    kind = Kind(
        lambda config, context: pytest.fail("not opened"),
        settings=WithFile,
        needs=lambda config: Needs(network=True, secret="token" in config.target),
        shown=lambda config: "exec:***" if "token" in config.target else config.spec,
    )
    monkeypatch.setattr("edgevision.device.outputs.child_program.KIND", kind)


@pytest.mark.usefixtures("secret_kind")
def test_password_file_of_an_output_is_a_credential(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = PurePosixPath("/etc/edgevision/100% mine.password")
    text = configured(root, tmp_path, f'spec = "exec:x"\npassword_file = "{file}"')
    name = credential_name(Path(file))
    assert setting(text, "LoadCredential") == [f"{name}:/etc/edgevision/100%% mine.password"]
    assert setting(text, "SetCredential") == [f"{name}:\\n"], "systemd must start the loop without the file, too"
    (tmp_path / UNIT.name).write_text(text)
    done = analyze("verify", "--man=no", tmp_path / UNIT.name)
    assert [line for line in (done.stdout + done.stderr).splitlines() if "redential" in line] == []

    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    for content, read_from in (("hush\n", tmp_path / name), ("\n", Path(file))):
        (tmp_path / name).write_text(content)
        (output,) = config_file.read(at(root, CONFIG))["outputs"]
        assert output.settings.password_file == read_from


def test_secrets_that_no_file_is_given_for_are_optional_credentials(root: Path, tmp_path: Path) -> None:
    specs = ("webhook:https://example.org/x", "mqtt://pi@broker/home", "mqtt://broker/home")
    text = configured(root, tmp_path, *(f'spec = "{spec}"' for spec in specs))
    wanted = ["webhook_secret:edgevision.webhook_secret", "mqtt_password:edgevision.mqtt_password"]
    assert setting(text, "LoadCredential") == ["run.toml:/etc/edgevision/run.toml", *wanted]
    assert setting(text, "SetCredential") == []
    (tmp_path / UNIT.name).write_text(text)
    done = analyze("verify", "--man=no", tmp_path / UNIT.name)
    assert [line for line in (done.stdout + done.stderr).splitlines() if "redential" in line] == []


def test_secrets_with_a_file_need_no_other_credential(root: Path, tmp_path: Path) -> None:
    webhook = "spec = 'webhook:https://example.org/x'\nsecret_file = '/etc/edgevision/a'"
    mqtt = "spec = 'mqtt://pi@broker/home'\npassword_file = '/etc/edgevision/b'"
    text = configured(root, tmp_path, webhook, mqtt)
    assert not any(":edgevision." in line for line in setting(text, "LoadCredential"))


@pytest.mark.usefixtures("secret_kind")
def test_configuration_with_a_token_in_an_output_is_private(root: Path, tmp_path: Path) -> None:
    text = configured(root, tmp_path, 'spec = "exec:token-1"')
    assert stat.S_IMODE(at(root, CONFIG).stat().st_mode) == 0o600
    assert setting(text, "LoadCredential") == ["run.toml:/etc/edgevision/run.toml"]
    assert "token-1" not in text and "token-1" in at(root, CONFIG).read_text()


@pytest.mark.usefixtures("secret_kind")
def test_saved_configuration_with_a_token_is_private_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    done = CliRunner().invoke(run_command, ["--to", "exec:token-1", "--save-config", str(path)])
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "contains a password or a token; it is readable only by you" in done.output
    assert "token-1" not in done.output
    path.unlink()
    CliRunner().invoke(run_command, ["--to", "exec:/bin/cat", "--save-config", str(path)])
    assert stat.S_IMODE(path.stat().st_mode) != 0o600


SECRET = "rtsp://me:hush@10.0.0.9/s?token=hush"


def test_camera_password_is_for_root_and_the_service_only(root: Path) -> None:
    text = install(root, model=default_model.path(), camera=SECRET)
    assert stat.S_IMODE(at(root, CONFIG).stat().st_mode) == 0o600
    assert stat.S_IMODE(at(root, MODEL).stat().st_mode) == 0o644
    assert "hush" in at(root, CONFIG).read_text() and "hush" not in text
    assert 'model = "/etc/edgevision/model.tflite"' in at(root, CONFIG).read_text(), "the copy is in another folder"
    assert setting(text, "LoadCredential") == ["run.toml:/etc/edgevision/run.toml"]
    assert "--config ${CREDENTIALS_DIRECTORY}/run.toml " in setting(text, "ExecStart")[0]


def test_kept_configuration_with_a_password_becomes_private(root: Path) -> None:
    install(root, model=default_model.path())
    at(root, CONFIG).write_text(f'model = "model.tflite"\ncamera = "{SECRET}"\nsmooth = 5\n')
    text = install(root)
    written = at(root, CONFIG).read_text()
    assert stat.S_IMODE(at(root, CONFIG).stat().st_mode) == 0o600
    assert setting(text, "LoadCredential")
    assert 'model = "/etc/edgevision/model.tflite"' in written and "smooth = 5" in written
    text = install(root, camera="0", overwrite=True)
    assert stat.S_IMODE(at(root, CONFIG).stat().st_mode) == 0o644
    assert setting(text, "LoadCredential") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('collect = "/home/pi/images"', "can only write below /var/lib/edgevision"),
        ('collect = "relative"', "can only write below"),
        ('source = "/home/pi/film.avi"', "cannot read home directories"),
        ("limit = 5", "would end the service"),
        ("color = 5", "unknown option 'color'"),
        ('model = "absent.tflite"', "model not found"),
        ("camera = ", "mine.toml"),
    ],
)
def test_invalid_configuration_is_rejected_before_writing(root: Path, tmp_path: Path, line: str, said: str) -> None:
    given_file = tmp_path / "mine.toml"
    given_file.write_text(f"{line}\n")
    with pytest.raises(EdgeVisionError, match=re.escape(said)):
        install(root, config=given_file)
    assert not at(root, CONFIG).exists()
    assert not at(root, UNIT).exists()


def test_missing_user_python_or_model_is_rejected(root: Path, tmp_path: Path) -> None:
    assert setting(install(root, model=default_model.path(), user="cam"), "User") == ["cam"]
    with pytest.raises(BadInput, match="no user 'dave'"):
        install(root, user="dave")
    with pytest.raises(UsageError, match="absolute"):
        install(root, python=Path("python"))
    with pytest.raises(MissingFile):
        install(root, model=tmp_path / "none.tflite", overwrite=True)
    (tmp_path / "bad.tflite").write_bytes(b"hello")
    with pytest.raises(BadInput, match="not a TFLite model"):
        install(root, model=tmp_path / "bad.tflite", overwrite=True)


def test_uninstall_keeps_other_files(root: Path) -> None:
    install(root, model=default_model.path())
    (at(root, CONFIG).parent / "notes.txt").write_text("mine")
    assert [path.name for path in remove(root, purge=False)] == [UNIT.name, UNIT.name]
    assert at(root, CONFIG).exists()
    assert sorted(path.name for path in remove(root, purge=True)) == [MODEL.name, CONFIG.name]
    assert remove(root, purge=True) == []
    assert [path.name for path in at(root, CONFIG).parent.iterdir()] == ["notes.txt"]


# -------------------------------------------------------------------------------------------------------------- status


class FakeSystemd:
    """Fake systemctl and journalctl that record their commands."""

    def __init__(self, shown: str = "", journal: str = "", fails: str = "") -> None:
        self.shown, self.journal, self.fails = shown, journal, fails
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, command: Sequence[str]) -> CommandResult:
        self.asked.append(tuple(command))
        if self.fails and self.fails in command:
            return CommandResult(1, "", "Job for edgevision.service failed.\nSee more\n")
        return CommandResult(0, self.journal if command[0] == "journalctl" else self.shown)


RUNNING = """LoadState=loaded
UnitFileState=enabled
ActiveState=active
SubState=running
Result=success
NRestarts=2
StatusText=29.8 frames/s, 1200 frames
MainPID=812
MemoryCurrent=98304000
ActiveEnterTimestamp=@1763700000
InactiveEnterTimestamp=@1763690000
ExecMainStatus=0
"""
JOURNAL = """model: /etc/edgevision/model.tflite (cats, 2 labels), litert on the CPU, 4 threads
2026-11-21T04:00:01.250Z entered: cat 0.81
2026-11-21T04:00:09.000Z left: cat after 7.8 s
note: something else
"""


def test_status_of_a_running_service_as_text_and_json() -> None:
    found = status(Manager(FakeSystemd(RUNNING, JOURNAL)))
    lines = found.describe()
    assert lines[0] == "active (running) since 2025-11-21T04:40:00Z"
    assert "status: 29.8 frames/s, 1200 frames" in lines
    assert "memory: 98 MB" in lines
    assert "restarted 2 times by systemd" in lines
    assert "last event: left, 2026-11-21T04:00:09.000Z: cat after 7.8 s" in lines
    value = parse(json.dumps(found.to_json()), "service")
    assert value["schema"] == "edgevision.service/1"
    assert (value["active"], value["restarts"], value["pid"], value["memory_mb"]) == (True, 2, 812, 98.3)
    assert value["last_event"] == {"time": "2026-11-21T04:00:09.000Z", "event": "left", "detail": "cat after 7.8 s"}


@pytest.mark.parametrize(
    ("result", "said"),
    [("watchdog", "hung"), ("oom-kill", "memory limit"), ("exit-code", "ended with an error"), ("new", "new")],
)
def test_reason_of_the_last_failure_is_shown(result: str, said: str) -> None:
    shown = RUNNING.replace("Result=success", f"Result={result}").replace("ActiveState=active", "ActiveState=failed")
    found = status(Manager(FakeSystemd(shown, "edgevision: error: no camera\n")))
    lines = found.describe()
    assert not found.active
    assert any(said in line for line in lines)
    assert lines[-1] == "last line: edgevision: error: no camera"


@pytest.mark.parametrize(("state", "told"), [("activating", True), ("failed", True), ("inactive", False)])
def test_restart_loop_shows_the_last_line(state: str, told: bool) -> None:
    """Between two attempts systemd reports no failure, so only the last line explains it."""
    shown = RUNNING.replace("ActiveState=active", f"ActiveState={state}")
    lines = status(Manager(FakeSystemd(shown, "edgevision: error: no camera\n"))).describe()
    assert ("last line: edgevision: error: no camera" in lines) is told
    assert not any(line.startswith("status: ") for line in lines)


def test_unknown_values_are_null() -> None:
    shown = (
        RUNNING.replace("98304000", "[not set]")
        .replace("@1763700000", "")
        .replace("StatusText=29.8 frames/s, 1200", "x=")
    )
    found = status(Manager(FakeSystemd(shown)))
    assert (found.memory_mb, found.since, found.status, found.last_event) == (None, None, None, None)
    absent = status(Manager(FakeSystemd("LoadState=not-found\nActiveState=inactive\n")))
    assert not absent.installed
    assert "to install it" in absent.describe()[0]


def test_failed_start_shows_the_reason() -> None:
    fake = FakeSystemd(journal="edgevision: error: no camera is there\n", fails="restart")
    with pytest.raises(EdgeVisionError, match="did not start: no camera is there; see edgevision service logs"):
        Manager(fake).start()
    assert [command[1] for command in fake.asked if command[0] == "systemctl"] == ["daemon-reload", "enable", "restart"]
    with pytest.raises(EdgeVisionError, match="systemctl show failed: Job for"):
        Manager(FakeSystemd(fails="edgevision.service")).show()


def test_missing_systemd_or_root_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match="--root DIR"):
        require_systemd(tmp_path / "nothing")
    require_systemd(tmp_path)
    with pytest.raises(EdgeVisionError, match=r"sudo .* service install"):
        require_root("install", user=1000)
    require_root("install", user=0)


def edgevision(*args: object) -> subprocess.CompletedProcess[str]:
    return command_line.edgevision("service", *args)


def test_install_and_uninstall_commands(root: Path) -> None:
    shown = edgevision("install", default_model.path(), "--root", root, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "[Service]" in shown.stdout
    assert not at(root, UNIT).exists()
    done = edgevision("install", default_model.path(), "--root", root)
    assert done.returncode == 0, done.stderr
    assert at(root, UNIT).read_text() == shown.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["wrote"] * 4
    again = edgevision("install", default_model.path(), "--root", root)
    assert again.returncode == 1
    assert again.stderr.startswith("edgevision: error: ")
    assert len(again.stderr.splitlines()) == 1
    gone = edgevision("uninstall", "--root", root)
    assert gone.returncode == 0
    assert not at(root, UNIT).exists()
    assert at(root, CONFIG).exists()


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="this machine runs systemd")
@pytest.mark.parametrize("verb", ["install", "status", "logs", "uninstall"])
def test_commands_without_systemd_fail_with_one_line(verb: str) -> None:
    done = edgevision(verb)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "this machine does not run systemd" in line
