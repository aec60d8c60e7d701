"""A benchmark in the arm64 userland: it works, and reports that the machine is emulated."""

from __future__ import annotations

from pathlib import Path

from documents import parse

from .userland import Userland


def test_benchmark_reports_that_the_machine_is_emulated(userland: Userland, place: Path) -> None:
    runs = place / f"runs-{userland.name}"
    code = (
        "import sys\nfrom edgevision.cli.main import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit as end: sys.exit(0 if end.code in (0, 3) else 1)\n"
    )
    options = ("--threads", "1", "--seconds", "1", "--source", "test:@fast", "--json")
    model = userland.inside(place / "model.tflite")
    done = userland.run("-c", code, "bench", model, *options, "--runs", userland.inside(runs))
    found = parse(done.stdout, "bench")
    machine = found["machine"]
    assert machine["arch"] == "aarch64"
    assert "qemu" in machine["emulated"]
    runtime = "tflite-runtime" if userland.name == "tflite-runtime" else "ai-edge-litert"
    assert runtime in machine["runtimes"]
    (result,) = found["results"]
    assert result["predict_ms"]["n"] > 0
    assert result["memory_mb"]["peak"] > 0
    page = next(runs.glob("bench-*/bench.html")).read_text(encoding="utf-8")
    assert "emulated" in page
