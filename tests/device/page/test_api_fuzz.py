"""The API of the live page against requests generated from its OpenAPI document by schemathesis."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("schemathesis")
from edgevision.device.page.access import load_tokens
from page_server import served, showing

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth,"
    "unsupported_method"
)
ENDLESS = "^/api/(stream|events|collected.zip)$"


@pytest.mark.slow()
def test_generated_requests_get_documented_answers_and_the_loop_goes_on(tmp_path: Path) -> None:
    with served(tmp_path, "0.0.0.0") as page:
        page.show(0)
        token = load_tokens(tmp_path / "state").admin
        base = f"http://127.0.0.1:{page.live.port}"
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{base}/api/openapi.json", "--url", base]
        command += ["-H", f"Authorization: Bearer {token}", "--checks", CHECKS, "--exclude-path-regex", ENDLESS]
        command += ["--phases", "examples,coverage,fuzzing", "--max-examples", "40", "--seed", "1", "--no-color"]
        with showing(page):
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert page.live.problem is None
        assert page.get("/healthz").status == 200
