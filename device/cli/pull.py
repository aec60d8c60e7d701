"""``edgevision pull``: the images that a device collected, by ssh."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.options import PATH, json_option, quiet_option
from edgevision.cli.terminal import say, say_json

if TYPE_CHECKING:
    from ..pull.pull import PullResult

MAX_FILES = 2000
MAX_NAMED = 5
"""Refused files that are named; --json has all."""


@click.command()
@click.argument("device", metavar="USER@HOST[:PATH]")
@click.option("--output", "-o", type=PATH, metavar="FOLDER", help="Folder for the images.  [default: pulled/HOST]")
@click.option(
    "--max-size",
    default="500MB",
    show_default=True,
    metavar="SIZE",
    help="Size of all images to pull, such as 500MB or 2GB.",
)
@click.option(
    "--max-files", type=click.IntRange(1), default=MAX_FILES, show_default=True, metavar="N", help="Images to pull."
)
@click.option(
    "--first",
    type=click.Choice(("newest", "least-sure")),
    default="newest",
    show_default=True,
    help="Which images come first if not all fit: the newest, or those that the model was least sure of.",
)
@click.option(
    "--delete-pulled",
    is_flag=True,
    help="Delete images on the device once they are complete and recorded here.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be pulled and deleted; change nothing.")
@click.option(
    "--sudo", is_flag=True, help="Read the folder as root on the device (needs sudo without a password there)."
)
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="Port of its ssh.  [default: as in ~/.ssh/config]"
)
@click.option("--ssh-config", type=PATH, metavar="FILE", help="ssh configuration to use instead of ~/.ssh/config.")
@click.option(
    "--transport",
    type=click.Choice(("auto", "rsync", "sftp")),
    default="auto",
    show_default=True,
    help="auto: rsync if both machines have it, otherwise sftp.",
)
@json_option
@quiet_option
def pull(as_json: bool, quiet: bool, **values: Any) -> None:
    """Fetch the images that a device collected (edgevision run --collect, the live page) into FOLDER/LABEL.

    PATH is the folder on the device (/var/lib/edgevision/collected). The system's ssh is used, with your keys, its
    configuration and its known hosts; it asks no questions. Images that were pulled before are left out, nothing here is
    overwritten, and pulled.jsonl records where each image is from.
    """
    from edgevision.cli.terminal import bytes_bar, note

    from ..pull.pull import pull as run

    options = _options(values)
    with bytes_bar(quiet) as step:
        done = run(options, lambda ready, total: step("images", ready, total))
    for one in done.refused[:MAX_NAMED]:
        note(f"left on the device: {one.name}: {one.reason}", quiet)
    if len(done.refused) > MAX_NAMED:
        note(f"and {len(done.refused) - MAX_NAMED} more files that are not images", quiet)
    if as_json:
        say_json(done.to_json())
    else:
        for line in _lines(done):
            say(line)
    if done.error is not None:
        raise done.error


def _options(values: dict[str, Any]) -> Any:
    from edgevision.byte_sizes import parse_bytes
    from edgevision.input_file import require_file

    from ..pull.address import parse
    from ..pull.pull import PullOptions
    from ..pull.ssh import Login

    remote = parse(values["device"])
    try:
        max_bytes = parse_bytes(values["max_size"])
    except ValueError:
        raise click.BadParameter(f"expected a size such as 500MB or 2GB, got {values['max_size']!r}") from None
    config = values["ssh_config"]
    if config is not None:
        require_file(config, "ssh configuration")
    folder = values["output"] or Path("pulled") / remote.host.strip("[]").replace("%", "-")
    return PullOptions(
        login=Login(remote, config, values["port"], values["sudo"]),
        folder=folder,
        max_bytes=max_bytes,
        max_files=values["max_files"],
        first=values["first"],
        delete=values["delete_pulled"],
        dry_run=values["dry_run"],
        transport=values["transport"],
    )


def _lines(done: PullResult) -> list[str]:
    """Return the summary and the next command."""
    remote, folder = done.options.login.remote, done.options.folder
    verb = "would pull" if done.options.dry_run else "pulled"
    parts = [f"{verb} {len(done.pulled)} images ({done.bytes / 1e6:.1f} MB) from {remote} to {folder}"]
    parts += [f"{done.before} were pulled before"] if done.before else []
    parts += [f"{done.left} stay there for the quota; raise --max-size or --max-files"] if done.left else []
    parts += [f"{done.deleted} deleted on the device"] if done.deleted else []
    lines = ["; ".join(parts)]
    if done.pulled and not done.options.dry_run:
        from edgevision.next_command import command

        lines.append(f"next: {command('label', folder)}")
    return lines
