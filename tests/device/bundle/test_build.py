"""Tests of ``edgevision bundle`` and ``install.pyz``, with small stand-ins for the library wheels."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import command_line
import pytest
from click.testing import CliRunner
from documents import parse
from edgevision.device.bundle import keys, own_wheel
from edgevision.device.bundle.target import PYTHONS
from edgevision.device.bundle.wheelhouse import requirements, requirements_of
from locations import TESTS
from prepared_card import FAKE_PIP

from edgevision import default_model
from edgevision.errors import MissingDependency

HERE = ".".join(map(str, sys.version_info[:2]))
ARCH = platform.machine()
OTHER, ITS_SYSTEM = ("3.11", "Bookworm") if HERE == "3.13" else ("3.13", "Trixie")
"""Another Python version than this machine's, and the Raspberry Pi OS release that has it."""
PROVE = (
    "import sys\nfrom pathlib import Path\nsys.exit(0 if Path(sys.argv[1]).stat().st_size > 100000 else 'too small')\n"
)
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def edgevision(*arguments: object, code: int = 0) -> str:
    """Run the command line and return stdout and stderr."""
    done = command_line.edgevision(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def stand_in(folder: Path, name: str, version: str, files: dict[str, str] | None = None) -> Path:
    """Write an almost empty wheel that pip accepts."""
    file = name.replace("-", "_")
    info = f"{file}-{version}.dist-info"
    content = files or {f"{file}.py": ""}
    content |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    content[f"{info}/RECORD"] = "".join(f"{one},,\n" for one in [*content, f"{info}/RECORD"])
    path = folder / f"{file}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for one, text in content.items():
            archive.writestr(one, text)
    return path


def make_wheels(folder: Path) -> Path:
    """Write stand-ins for the requirements of edgevision, except pip."""
    for one in requirements():
        name, _, version = one.partition(">=")
        stand_in(folder, name, f"{version}.0")
    return folder


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-ins for the requirements of edgevision, and a pip that only unpacks: the real one takes seconds per command."""
    folder = make_wheels(tmp_path_factory.mktemp("wheels"))
    stand_in(folder, "pip", "1.0", {"pip/__init__.py": "", "pip/__main__.py": FAKE_PIP.decode()})
    return folder


@pytest.fixture
def wheels_with_real_pip(tmp_path: Path) -> Path:
    """Stand-ins for the requirements of edgevision, and this machine's pip."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    make_wheels(folder)
    import pip

    base = Path(pip.__file__).parent
    stand_in(folder, "pip", pip.__version__, {f"pip/{p.relative_to(base)}": p.read_text() for p in base.rglob("*.py")})
    with zipfile.ZipFile(folder / f"pip-{pip.__version__}-py3-none-any.whl", "a") as archive:
        for path in base.rglob("*"):  # data files that pip reads
            if path.is_file() and path.suffix in (".txt", ".pem", ".json"):
                archive.write(path, f"pip/{path.relative_to(base)}")
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-in for the edgevision wheel that holds only the model check, without requirements."""
    package = {f"{'/'.join(('edgevision', 'device', 'bundle')[:n])}/__init__.py": "" for n in (1, 2, 3)}
    folder = tmp_path_factory.mktemp("own")
    return stand_in(folder, "edgevision", "0.1.0", package | {"edgevision/device/bundle/verify_model.py": PROVE})


def make_bundle(wheels: Path, own: Path, path: Path, camera: str = "test:") -> Path:
    """Create a bundle for this machine."""
    if HERE not in PYTHONS or ARCH not in ("x86_64", "aarch64"):
        pytest.skip(f"bundles are only for Python {' and '.join(PYTHONS)} on x86_64 and aarch64")
    options = ("--python", HERE, "--arch", ARCH, "--wheels", wheels, "--wheel", own, "--camera", camera)
    edgevision("bundle", default_model.path(), *options, "-o", path)
    return path


@pytest.fixture(scope="module")
def bundle(wheels: Path, own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for this machine."""
    return make_bundle(wheels, own, tmp_path_factory.mktemp("bundle") / "b.tar.xz")


@pytest.fixture(scope="module")
def foreign(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for another Raspberry Pi OS release, with the real wheel of edgevision."""
    return make_foreign(wheels, tmp_path_factory.mktemp("foreign"))


def make_foreign(wheels: Path, folder: Path) -> Path:
    path = folder / "b.tar.xz"
    options = ("--python", OTHER, "--wheels", wheels, "--camera", "0", "--json", "--quiet")
    made = parse(edgevision("bundle", default_model.path(), *options, "-o", path), "bundle_made")
    assert (made["path"], made["bytes"], made["signed"]) == (str(path), path.stat().st_size, False)
    return path


def run_installer(bundle: Path, root: Path, *options: object, code: int = 0) -> str:
    """Run install.pyz from the bundle as on a device, with a Python that cannot import edgevision."""
    folder = root.parent / "taken"
    folder.mkdir(exist_ok=True)
    subprocess.run(["tar", "xf", bundle, "-C", folder, "install.pyz"], check=True)
    command = [sys.executable, "-I", folder / "install.pyz", bundle, "--root", root, *options]
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


# ----------------------------------------------------------------------------------------------------------- building


def test_bundle_is_reproducible(foreign: Path, wheels: Path, tmp_path: Path) -> None:
    again = make_foreign(wheels, tmp_path)
    assert again.read_bytes() == foreign.read_bytes()
    found = parse(edgevision("bundle", "verify", again, "--json"), "bundle_check")
    assert (found["python"], found["arch"], found["signed"]) == (OTHER, "aarch64", False)
    assert found["bytes"] == again.stat().st_size


def test_own_wheel_holds_what_a_device_imports(tmp_path: Path) -> None:
    with zipfile.ZipFile(own_wheel.build(tmp_path)) as wheel:
        names = wheel.namelist()
        wheel.extractall(tmp_path / "site")
    assert not [name for name in names if name.startswith("edgevision/convert/") or name.endswith(".pyc")]
    # -S hides the checkout and all installed packages.
    code = "import edgevision.device.installer.release.install, edgevision; print(edgevision.__file__)"
    run = [sys.executable, "-S", "-c", code]
    environment = {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(run, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert {"edgevision/default_model/default.tflite", "edgevision/device/bundle/bookworm.txt"} <= set(names)


def test_requirements_are_those_of_a_64_bit_device() -> None:
    names = {one.partition(">")[0] for one in requirements()}
    assert {"numpy", "ai-edge-litert", "click"} <= names
    assert not {"tensorflow", "tflite-runtime", "pytest"} & names


def test_bundle_takes_along_the_libraries_and_permissions_of_outputs(wheels: Path, own: Path, tmp_path: Path) -> None:
    there = tmp_path / "wheels"
    there.mkdir()
    for wheel in wheels.iterdir():
        (there / wheel.name).symlink_to(wheel)
    for one in requirements_of(["metrics", "gpio"]):
        stand_in(there, re.split("[<>=]", one)[0], "0.21" if one.startswith("prometheus") else "2.2")
    config = tmp_path / "run.toml"
    config.write_text('[[outputs]]\nspec = "metrics:9100"\n[[outputs]]\nspec = "gpio:gpiochip0/17=cat"\n')
    options = ("--wheels", there, "--wheel", own, "--config", config, "--json", "--quiet")
    made = parse(edgevision("bundle", default_model.path(), *options, "-o", tmp_path / "b.tar.xz"), "bundle_made")
    names = " ".join(made["files"])
    assert "prometheus_client-0.21" in names and "gpiod-2.2" in names
    assert made["device_files"] == []
    with tarfile.open(tmp_path / "b.tar.xz") as archive:
        unit = archive.extractfile("edgevision.service").read().decode()  # type: ignore[union-attr]
        toml = archive.extractfile("run.toml").read().decode()  # type: ignore[union-attr]
    assert "DeviceAllow=/dev/gpiochip0 rw" in unit and "IPAddressAllow=localhost" in unit and " gpio" in unit
    assert "metrics:9100" in toml


def test_bundle_takes_along_the_second_model(wheels: Path, own: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(f'then = "{default_model.path()}"\nof = ["bird"]\n')
    options = ("--wheels", wheels, "--wheel", own, "--config", config, "--quiet")
    edgevision("bundle", default_model.path(), *options, "-o", tmp_path / "b.tar.xz")
    with tarfile.open(tmp_path / "b.tar.xz") as archive:
        assert archive.extractfile("then.tflite").read() == default_model.path().read_bytes()  # type: ignore[union-attr]
        toml = archive.extractfile("run.toml").read().decode()  # type: ignore[union-attr]
    assert '\nthen = "then.tflite"\nof = ["bird"]\n' in re.sub(r"\n(#.*)?(?=\n)", "", toml).replace("\n\n", "\n")


def test_extra_that_the_installation_does_not_know_is_one_line() -> None:
    with pytest.raises(MissingDependency, match=r"does not know its extra nonsense; run: pip install -U"):
        requirements_of(["nonsense"])


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ('[[outputs]]\nspec = "jsonl:log.jsonl"\n', "the service can only write below /var/lib/edgevision"),
        ("limit = 5\n", "would end the service"),
        ('summary = "/home/me/s.json"\n', "can only write below /var/lib/edgevision"),
        ("\nthreshhold = 0.5\n", "run.toml:2: unknown option 'threshhold'; did you mean 'threshold'"),
        ('camera = "0"\nsource = "rtsp://x/"\n', "both camera and source are set"),
    ],
)
def test_bundle_rejects_configuration_unfit_for_a_device(config: str, match: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(config)
    said = edgevision("bundle", default_model.path(), "--config", path, "-o", tmp_path / "b.tar.xz", code=1)
    assert match in said
    assert [one.name for one in tmp_path.iterdir()] == ["run.toml"]


def test_bundle_errors_are_one_line(wheels: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    model, output = default_model.path(), ("-o", tmp_path / "b.tar.xz")
    for arguments, match in (
        ((tmp_path / "no.tflite",), "model not found"),
        ((model, "--wheels", empty), "cannot get the libraries for Python 3.11 on aarch64"),
        ((model, "--wheels", tmp_path / "none"), "--wheels: not a folder"),
        ((model, "--wheels", wheels, "--wheel", model), "--wheel: expected edgevision-"),
        ((model, "--sign", model), "is not a PEM key"),
    ):
        said = edgevision("bundle", *arguments, *output, code=1)
        assert match in said
        assert said.count("\n") == 1
    assert not (tmp_path / "b.tar.xz").exists()


@needs_openssl
def test_bundle_does_not_overwrite_its_inputs(tmp_path: Path) -> None:
    model, key = tmp_path / "model.tflite", tmp_path / "key.pem"
    model.write_bytes(default_model.path().read_bytes())
    public = keys.new(key)
    # The key is checked before anything is downloaded.
    assert "is a public key" in edgevision("bundle", model, "--sign", public, "--wheels", tmp_path / "none", code=1)
    for output in (model, key):
        before = output.read_bytes()
        said = edgevision("bundle", model, "--sign", key, "-o", output, "--overwrite", code=1)
        assert said == f"edgevision: error: {output} is an input of the bundle; give another name with -o\n"
        assert output.read_bytes() == before


def test_bundle_help_lists_both_subcommands() -> None:
    from edgevision.device.cli.bundle import bundle as command

    said = CliRunner().invoke(command, ["--help"]).output
    assert "create" in said
    assert "verify" in said
    assert "Missing argument 'MODEL'" in edgevision("bundle", code=2)


# --------------------------------------------------------------------------------------------------------- installing


def test_pip_of_the_bundle_installs_its_wheels(wheels_with_real_pip: Path, own: Path, tmp_path: Path) -> None:
    release = run_and_find(make_bundle(wheels_with_real_pip, own, tmp_path / "b.tar.xz"), tmp_path / "root")
    (site,) = (release / "venv/lib").glob("python*/site-packages")
    installed = {path.name.partition("-")[0] for path in site.glob("*.dist-info")}
    assert installed == {"edgevision", *(one.partition(">")[0].replace("-", "_") for one in requirements())}
    assert (site / "edgevision/device/bundle/verify_model.py").read_text() == PROVE


def test_install_makes_the_release_current(bundle: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "group").write_text("root:x:0:\nvideo:x:44:\n")
    status_file = tmp_path / "edgevision" / "status.json"
    told = run_installer(bundle, root, "--status", status_file, "-vv")
    assert "edgevision.installer: 0 trusted keys; current release: none\n" in told
    assert "edgevision.installer: running " in told and " -m venv --without-pip " in told
    home = root / "opt" / "edgevision"
    release = home / os.readlink(home / "current")
    assert release.parent == home / "releases"
    assert (release / "model.tflite").read_bytes() == default_model.path().read_bytes()
    assert (release / "installed.json").exists()
    assert not (release / "wheels").exists()
    unit = (root / "etc/systemd/system/edgevision.service").read_text()
    assert "SupplementaryGroups=video\n" in unit
    assert "ExecStart=/opt/edgevision/current/venv/bin/python -m edgevision run" in unit
    link = root / "etc/systemd/system/multi-user.target.wants/edgevision.service"
    assert link.resolve() == (root / "etc/systemd/system/edgevision.service").resolve()
    status = parse(status_file.read_text(), "install_status")
    assert (status["state"], status["release"]) == ("ok", release.name)
    # Installing again builds nothing.
    again = run_installer(bundle, root)
    assert "environment" not in again and "edgevision.installer" not in again
    # An interrupted installation is built again.
    (release / "installed.json").unlink()
    (release / "model.tflite").write_bytes(b"half")
    assert "environment" in run_installer(bundle, root)
    assert (release / "model.tflite").read_bytes() == default_model.path().read_bytes()


def test_camera_password_of_a_bundle_is_for_root_and_the_service_only(
    wheels: Path, own: Path, bundle: Path, tmp_path: Path
) -> None:
    camera = "rtsp://me:hush@10.0.0.9/s"
    release = run_and_find(make_bundle(wheels, own, tmp_path / "b.tar.xz", camera), tmp_path / "root")
    config, unit = release / "run.toml", (release / "edgevision.service").read_text()
    assert camera in config.read_text() and "hush" not in unit
    assert 'model = "/opt/edgevision/current/model.tflite"' in config.read_text()
    assert "\nLoadCredential=run.toml:/opt/edgevision/current/run.toml\n" in unit
    assert {path.name for path in release.iterdir() if path.stat().st_mode & 0o777 == 0o600} == {"run.toml"}
    config.write_text("changed")
    run_installer(tmp_path / "b.tar.xz", tmp_path / "root")
    assert camera in config.read_text() and config.stat().st_mode & 0o777 == 0o600
    without = run_and_find(bundle, tmp_path / "other")
    assert (without / "run.toml").stat().st_mode & 0o777 == 0o644


def test_failed_install_keeps_the_current_release(bundle: Path, wheels: Path, own: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    release = run_and_find(bundle, root)
    small = TESTS / "data" / "tiny.tflite"  # the stand-in's check expects a larger model
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    edgevision("card", small, "--resize", "stretch", "--labels", tmp_path / "labels.txt", "-o", tmp_path / "m.tflite")
    options = ("--python", HERE, "--arch", ARCH, "--wheels", wheels, "--wheel", own, "-o", tmp_path / "bad.tar.xz")
    edgevision("bundle", tmp_path / "m.tflite", *options)
    said = run_installer(tmp_path / "bad.tar.xz", root, "--status", tmp_path / "status.json", code=1)
    assert "self-test failed (exit 1): too small" in said
    assert [one.name for one in release.parent.iterdir()] == [release.name]
    assert (root / "opt/edgevision/current").resolve() == release.resolve()
    status = parse((tmp_path / "status.json").read_text(), "install_status")
    assert (status["state"], status["step"]) == ("failed", "prove")


def run_and_find(bundle: Path, root: Path) -> Path:
    run_installer(bundle, root)
    return (root / "opt/edgevision/current").resolve()


def test_install_rejects_bundle_for_another_system(foreign: Path, tmp_path: Path) -> None:
    assert f"is for Python {OTHER} (Raspberry Pi OS {ITS_SYSTEM}), but this machine has" in run_installer(
        foreign, tmp_path / "root", code=1
    )
    assert not (tmp_path / "root/opt/edgevision/current").exists()
    assert not (tmp_path / "root/etc").exists()


# ------------------------------------------------------------------------------------------------------------ signing


@needs_openssl
def test_new_keys_are_pairs_with_a_protected_private_key(tmp_path: Path) -> None:
    edgevision("keys", "new", tmp_path / "k.pem")
    private, public = tmp_path / "k.pem", tmp_path / "k.pub.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    said = [edgevision("keys", "show", one) for one in (private, public)]
    assert "private" in said[0]
    assert "public" in said[1]
    assert said[0].split("sha256:")[1] == said[1].split("sha256:")[1]
    assert "already exists, and keys are never overwritten; choose another name" in edgevision(
        "keys", "new", private, code=1
    )
    assert "is not a PEM key" in edgevision("keys", "show", default_model.path(), code=1)


@needs_openssl
def test_device_with_keys_accepts_only_bundles_they_signed(
    wheels: Path, own: Path, bundle: Path, tmp_path: Path
) -> None:
    for name in ("mine", "other"):
        edgevision("keys", "new", tmp_path / f"{name}.pem")
    options = ("--python", HERE, "--arch", ARCH, "--wheels", wheels, "--wheel", own, "--camera", "test:")
    signed = {name: tmp_path / f"{name}.tar.xz" for name in ("mine", "other")}
    for name, path in signed.items():
        edgevision("bundle", default_model.path(), *options, "--sign", tmp_path / f"{name}.pem", "-o", path)
    trusted = tmp_path / "mine.pub.pem"
    assert f"signed by {trusted}" in edgevision("bundle", "verify", signed["mine"], "--key", trusted)
    assert "none of the trusted keys" in edgevision("bundle", "verify", signed["other"], "--key", trusted, code=1)
    assert "not signed" in edgevision("bundle", "verify", bundle, "--key", trusted, code=1)

    assert "is a private key" in edgevision("bundle", "verify", bundle, "--key", tmp_path / "mine.pem", code=1)

    root = tmp_path / "root"
    assert "not signed" in run_installer(bundle, root, "--trust", trusted, code=1)
    for other in (tmp_path / "mine.pem", default_model.path()):
        said = run_installer(signed["mine"], root, "--trust", trusted, "--trust", other, code=1)
        assert f"{other} is not a public key in PEM format" in said
    assert not (root / "etc").exists()
    run_installer(signed["mine"], root, "--trust", trusted)
    before = os.readlink(root / "opt/edgevision/current")
    # The keys are now trusted without --trust.
    assert "not signed" in run_installer(bundle, root, code=1)
    assert "none of the trusted keys" in run_installer(signed["other"], root, code=1)
    assert os.readlink(root / "opt/edgevision/current") == before
