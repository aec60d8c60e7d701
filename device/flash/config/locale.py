"""Country, time zone, locale and keyboard layout, by the names that Raspberry Pi OS uses."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from edgevision.errors import BadInput, nearest

COUNTRIES = frozenset(
    # ISO 3166-1 alpha-2, as in the time zone database; the radio regulations are looked up by these.
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA "
    "CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA "
    "GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP "
    "KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS "
    "MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS "
    "RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW "
    "TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW".split()
)
KEYBOARDS = frozenset(
    # Layouts of xkeyboard-config that keyboard-configuration accepts.
    "af al am ara at au az ba bd be bg br brai bt bw by ca cd ch cm cn cz de dk dz ee epo es et fi fo fr gb ge gh gn gr "
    "hr hu id ie il in iq ir is it jp jv ke kg kh kr kz la latam lk lt lv ma mao md me mk ml mm mn mt mv my ng nl no np "
    "nz ph pk pl pt ro rs ru se si sk sn sy tg th tj tm tr tw tz ua us uz vn za".split()
)
MEANT = {"UK": "GB", "EN": "GB", "EL": "GR", "JA": "JP", "DA": "DK", "SV": "SE", "CS": "CZ", "KO": "KR", "ZH": "CN"}
"""Common mistakes -> country code, such as a language instead of a country."""
_LOCALE = re.compile(r"[a-z]{2,3}_([A-Z]{2})\.UTF-8")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_WITHOUT_PLACE = re.compile(r"UTC|Etc/(UTC|GMT([+-]\d{1,2})?)")


def check_country(text: str) -> str:
    """Return a valid ISO 3166-1 country code. Raises BadInput."""
    if text in COUNTRIES:
        return text
    meant = MEANT.get(text.upper(), text.upper())
    hint = f"; did you mean {meant!r}?" if meant in COUNTRIES else "; use two capital letters, such as 'DE' or 'US'"
    raise BadInput(f"unknown country {text!r}{hint}")


def check_timezone(text: str) -> str:
    """Return a valid time zone, such as Europe/Berlin; checked against this machine's if it has any. Raises BadInput."""
    if not _ZONE.fullmatch(text):
        raise BadInput(f"invalid time zone {text!r}; use a name such as 'Europe/Berlin' or 'UTC'")
    known = _zones()
    if _WITHOUT_PLACE.fullmatch(text) or text in known or not known:
        return text
    if text in zoneinfo.available_timezones():
        hint = f"; use {_links()[text]!r}" if text in _links() else nearest(text, sorted(known))
        raise BadInput(f"the time zone name {text!r} is obsolete and missing on some systems{hint}")
    raise BadInput(f"unknown time zone {text!r}{_near_zone(text, known)}")


def country_of_zone(zone: str) -> str:
    """Return the country code of a time zone; empty if unknown on this machine."""
    rows = (line.split("\t") for line in _lines("zone.tab") if not line.startswith("#"))
    return next((row[0] for row in rows if len(row) > 2 and row[2] == zone), "")


def check_locale(text: str) -> str:
    """Return a valid locale, such as de_DE.UTF-8 or C.UTF-8. Raises BadInput."""
    match = _LOCALE.fullmatch(text)
    if text == "C.UTF-8" or (match and match[1] in COUNTRIES):
        return text
    language, _, place = re.sub(r"[.@].*", "", text).replace("-", "_").partition("_")
    country = (place or language).upper()
    meant = f"{language.lower()}_{MEANT.get(country, country)}.UTF-8"
    found = _LOCALE.fullmatch(meant)
    hint = f"; did you mean {meant!r}?" if found and found[1] in COUNTRIES else "; use a name such as 'de_DE.UTF-8'"
    raise BadInput(f"unsupported locale {text!r}{hint}")


def check_keyboard(text: str) -> str:
    """Return a valid keyboard layout, such as de. Raises BadInput."""
    if text in KEYBOARDS:
        return text
    meant = {"uk": "gb", "en": "us"}.get(text.lower(), MEANT.get(text.upper(), text).lower())
    hint = f"; did you mean {meant!r}?" if meant in KEYBOARDS else nearest(text.lower(), sorted(KEYBOARDS))
    raise BadInput(
        f"unknown keyboard layout {text!r}{hint or '; use a name such as ' + repr('de') + ' or ' + repr('us')}"
    )


def _near_zone(text: str, known: frozenset[str]) -> str:
    """Return a hint with the zone of this city or with a similar spelling."""
    city = text.rpartition("/")[2].lower()
    named = sorted(zone for zone in known if zone.rpartition("/")[2].lower() == city)
    return (
        f"; did you mean {named[0]!r}?"
        if named
        else nearest(text, sorted(known)) or "; use a name such as 'Europe/Berlin'"
    )


@cache
def _zones() -> frozenset[str]:
    """Return the time zones of zone.tab, which every system has; others moved to separate packages (tzdata-legacy)."""
    rows = (line.split("\t") for line in _lines("zone.tab") if not line.startswith("#"))
    return frozenset(row[2] for row in rows if len(row) > 2) or frozenset(zoneinfo.available_timezones())


@cache
def _links() -> dict[str, str]:
    """Return obsolete name -> current name."""
    rows = (line.split() for line in _lines("tzdata.zi") if line.startswith("L "))
    return {row[2]: row[1] for row in rows if len(row) == 3}


def _lines(name: str) -> Iterator[str]:
    """Yield the lines of a table of the time zone database, if this machine has it."""
    for folder in zoneinfo.TZPATH:
        path = Path(folder) / name
        if path.is_file():
            yield from path.read_text(encoding="utf-8", errors="replace").splitlines()
            return
