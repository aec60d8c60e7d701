"""XML from outside as a tree of elements: no entities, no external files, limited size and depth."""

from __future__ import annotations

from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ...errors import BadInput

MAX_BYTES = 512 * 2**20
MAX_DEPTH = 64
"""Deepest nesting of elements; annotation formats have less than 10."""


def parse_xml(data: bytes, what: str) -> Element:
    """Return the root of an XML document. Raises BadInput, whose message starts with ``what``."""
    if len(data) > MAX_BYTES:
        raise BadInput(f"{what} is too large: {len(data) / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are allowed")
    builder = TreeBuilder()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise BadInput(f"{what} is nested too deeply: at most {MAX_DEPTH} levels are allowed")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse(*_: object) -> NoReturn:
        raise BadInput(f"{what} declares entities, which can be malicious; export it again without a DOCTYPE")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = parser.UnparsedEntityDeclHandler = parser.ExternalEntityRefHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
        return builder.close()
    except expat.ExpatError as error:
        raise BadInput(f"{what} is not valid XML: {error}") from None
    except (ValueError, LookupError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{what} is not valid XML: {error}") from None  # an unknown encoding
