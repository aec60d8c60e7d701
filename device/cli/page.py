"""``edgevision page``: the loop with a live page, to try a model on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from edgevision.cli.setting_options import PATH, GroupedCommand, headings, setting_options

from ..loop.options import Options
from .run import options_of, start

PORT = 8080


@click.command(
    cls=GroupedCommand, groups=headings(Options, Output=("link", "verbose"), Configuration=("config", "help"))
)
@setting_options(Options)
@click.option("--config", type=PATH, multiple=True, metavar="FILE", help="Read options from this TOML file.")
@click.option(
    "--link", is_flag=True, help="Only show the link of the page, with the token of this device, and its QR code."
)
@click.pass_context
def page(ctx: click.Context, /, config: tuple[Path, ...], link: bool, **given: Any) -> int:
    """Run a model and show what it sees on a live page.

    The same as edgevision run --page 8080, with all its options.
    """
    options = options_of(ctx, config, given)
    if options.page is None:
        from ..page.address import LOOPBACK, PageAddress

        options = replace(options, page=PageAddress(LOOPBACK, PORT))
    return _show(options) if link else start(options, config)


def _show(options: Options) -> int:
    from edgevision.cli.terminal import say

    from ..loop.page import address_lines, page_options

    assert options.page is not None
    for line in address_lines(page_options(options), options.page.port, secret=True):
        say(line)
    return 0
