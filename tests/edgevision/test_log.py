"""The loggers of the library: nothing is imported until someone listens, and users can choose what they see."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from edgevision import default_model, log
from edgevision.model import open_model

LOG = log.Log("edgevision.test")


def test_records_carry_the_name_the_level_and_the_line_that_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "edgevision"):
        LOG.debug("a %s", "detail")
        LOG.info("took %.1f s", 0.25)
        LOG.warning("plain text with 100 %")
    assert [(one.name, one.levelname, one.getMessage()) for one in caplog.records] == [
        ("edgevision.test", "DEBUG", "a detail"),
        ("edgevision.test", "INFO", "took 0.2 s"),
        ("edgevision.test", "WARNING", "plain text with 100 %"),
    ]
    assert {one.filename for one in caplog.records} == {Path(__file__).name}


def test_quiet_records_do_not_import_logging_but_warnings_do() -> None:
    code = (
        "import sys\nfrom edgevision.log import Log\nlog = Log('edgevision.test')\n"
        "log.debug('a')\nlog.info('b')\nassert 'logging' not in sys.modules\n"
        "log.warning('look at this')\nassert 'logging' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "look at this\n"


def test_preparation_runs_once_before_the_first_record(caplog: pytest.LogCaptureFixture) -> None:
    called = []
    log.before_first(lambda: called.append(len(caplog.records)))
    with caplog.at_level("INFO", "edgevision"):
        LOG.info("first")
        LOG.info("second")
    assert called == [0]
    assert len(caplog.records) == 2


def test_opening_a_model_is_logged_with_engine_and_preprocessing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "edgevision"), open_model(default_model.path(), engine="auto"):
        pass
    text = "\n".join(f"{one.name}: {one.getMessage()}" for one in caplog.records)
    assert "edgevision.engines: auto: not on edgetpu: " in text
    assert "edgevision.engines: engine cpu: " in text
    assert "edgevision.model: preprocessing: 96x96 RGB" in text and "(from the model card)" in text
