"""HTML report of a conversion: well-formed and self-contained, complete, and safe against hostile names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from documents import parse
from hypothesis import given
from hypothesis import strategies as st
from locations import TESTS

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import backend
from edgevision.convert.comparison.disagreements import SHOWN, TopDisagreements
from edgevision.convert.comparison.float_vs_converted import FidelityComparison
from edgevision.convert.pipeline import ConvertOptions, convert
from edgevision.convert.quantization.correction.result import LayerError, RepairResult, Step
from edgevision.convert.report.html import page, write_page
from edgevision.convert.report.html.preprocessing_text import in_words
from edgevision.convert.report.html.ranges import activation_ranges
from edgevision.convert.report.record import ConvertReport
from edgevision.convert.source_model.preprocessing_options import PreprocessingOptions

from edgevision.model_file import model_file
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.reporting import charts, html
from edgevision.types import Frame

DATA = TESTS / "data"
LABELS = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "&amp; 'tis", "</style><b>")
VOID = {"meta", "img", "br", "wbr"}
SECTIONS = [
    "Worth knowing", "Float and int8", "Disagreements", "Layers", "Compatibility", "Preprocessing", "Images",
    "Activation ranges", "Operators", "How it was made",
]  # fmt: skip


class Page(HTMLParser):
    """Parser that collects the elements of a page and mismatched end tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def sound(text: str) -> Page:
    """Return the parsed page; fail unless it is well-formed and loads nothing external."""
    found = Page(text)
    assert found.wrong == [] and found.open == []
    for tag, attributes in found.tags:
        assert tag not in ("script", "link", "iframe", "a", "base", "form")
        assert not any(name.startswith("on") or name in ("href", "srcset") for name in attributes)
        assert str(attributes.get("src", "data:")).startswith("data:image/" if "src" in attributes else "data:")
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style and "@import" not in style and "http" not in style
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> ConvertReport:
    """Report of an untrained network on non-square images with hostile names."""
    folder = tmp_path_factory.mktemp("report")
    keras = backend.keras()
    keras.utils.set_random_seed(5)
    layers = keras.layers
    body = [layers.Conv2D(6, 3, strides=2), layers.ReLU(6.0), layers.GlobalAveragePooling2D()]
    network = keras.Sequential(
        [keras.Input((20, 20, 3)), layers.Rescaling(1 / 127.5, -1.0), *body, layers.Dense(4, activation="softmax")]
    )
    network.save(folder / "m.keras")
    (folder / "labels.txt").write_text("\n".join(LABELS))
    chance = np.random.default_rng(1)
    (folder / "p").mkdir()
    for number in range(60):
        drawn = np.clip(chance.normal(chance.integers(40, 200, 3), 40, (30, 50, 3)), 0, 255).astype(np.uint8)
        (folder / "p" / f"<i>{number}.png").write_bytes(decode.encode_png(Frame(drawn)))
    options = ConvertOptions(
        folder / "m.keras", folder / "p", 30, labels=folder / "labels.txt", output=folder / "<b>m.tflite",
        preprocessing=PreprocessingOptions(resize="crop", crop_fraction=0.9), max_drop=50.0,
    )  # fmt: skip
    return convert(options)


def test_page_is_written_next_to_the_model(report: ConvertReport) -> None:
    assert report.page_path == report.path.with_name("<b>m.report.html")
    text = report.page_path.read_text(encoding="utf-8")
    found = sound(text)
    assert [one for one in SECTIONS if one not in found.headings] == []
    assert 'name="viewport"' in text
    assert not list(report.path.parent.glob(".*part"))


def test_names_are_escaped(report: ConvertReport) -> None:
    """Labels, file names and layer names are shown as text, whatever they contain."""
    hostile = LayerError('"><svg onload=alert(3)>', "CONV_2D", 3.0, float("inf"), "<u>none</u>")
    surest = TopDisagreements(report.card.preprocessing)
    scores = np.eye(4, dtype=np.float32)
    surest.consider(Path("p/<i>1.png"), frozenset({2}), np.zeros((20, 20, 3), np.uint8), scores[0], scores[1])
    result = replace(report.comparison, disagreements=tuple(surest.kept))
    repaired = RepairResult(b"", "normal", (Step("<s>", 1.0, float("nan"), "kl", True, 1.0),), (hostile,) * 12)
    changed = replace(report, repair=repaired, notes=("<em>note</em>",), preprocessing_from="<q>", comparison=result)
    found = sound(page(changed))
    assert {"u", "em", "q", "s", "i"} & {tag for tag, attributes in found.tags if not attributes} == set()
    said = "".join(found.text)
    for name in ("<b>m", '"><svg onload=alert(3)>', "<u>none</u>", "<em>note</em>", "<i>1.png", *LABELS[:3]):
        assert name in said


def test_page_reports_what_was_not_measured(report: ConvertReport) -> None:
    nothing = FidelityComparison(0, None, 0, None, None, None, None, ())
    bare = replace(report, comparison=nothing, repair=None, gate=None, notes=(), card=report.card.with_(labels=()))
    found = sound(page(bare))
    said = "".join(found.text)
    for words in (
        "not compared",
        "not known",
        "the images have no labels",
        "--effort none",
        "no labels",
        "No held-out set",
    ):
        assert words in said
    assert "Disagreements" not in found.headings
    dependent = replace(report, heldout=replace(report.heldout, independent=False))
    assert "No independent held-out set" in "".join(sound(page(dependent)).text)


def test_disagreements_show_both_answers(report: ConvertReport) -> None:
    surest = TopDisagreements(report.card.preprocessing)
    picture = np.full((20, 20, 3), 120, np.uint8)
    for number in range(SHOWN + 6):
        lead = 0.01 * number
        wanted, got = np.array([0.5 + lead, 0.4, 0, 0]), np.array([0.4, 0.5 + lead, 0, 0])
        surest.consider(Path(f"{number}.png"), frozenset({1}), picture, wanted.astype("f"), got.astype("f"))
        surest.consider(Path("same.png"), frozenset(), picture, wanted.astype("f"), wanted.astype("f"))
    names = [one.path.name for one in surest.kept]
    assert names == [f"{number}.png" for number in range(SHOWN + 5, 5, -1)]
    assert decode.decode(surest.kept[0].jpeg, "kept").pixels.shape == (20, 20, 3)
    labels = ("cat", "tabby, tabby cat, and then some", "c", "d")
    result = replace(report.comparison, disagreements=tuple(surest.kept))
    found = sound(page(replace(report, comparison=result, card=report.card.with_(labels=labels))))
    assert sum(tag == "img" for tag, _ in found.tags) == SHOWN
    said = "".join(found.text).replace("\u00a0", " ")
    assert "float: cat 79 %" in said and "int8: tabby 79 % ✓" in said


def test_json_report_includes_compatibility(report: ConvertReport) -> None:
    """The .json reports the compatibility with other tools, as ``edgevision inspect`` does."""
    found = parse(report.report_path.read_text(), "convert")["compatibility"]
    assert set(found) == {"mediapipe", "mlkit", "tflite_runtime"}
    assert all(set(one) == {"ok", "reason", "notes"} and one["ok"] for one in found.values())
    assert any("stretches" in note for note in found["mediapipe"]["notes"])
    assert report.comparison.stretched is not None
    assert report.comparison.stretched.total == min(100, report.comparison.pictures) == 30


def test_unwritable_page_does_not_affect_the_other_files(report: ConvertReport, tmp_path: Path) -> None:
    found = write_page(replace(report, page_path=tmp_path), page)
    assert found.page_path is None
    assert found.notes[-1].startswith(f"cannot write the report page {tmp_path}: ")
    assert report.path.exists() and report.report_path.exists()


def test_activation_ranges_come_from_the_quantization() -> None:
    graph = model_file.read(DATA / "tiny.tflite").graph()
    found = activation_ranges(graph)
    assert [one.operator for one in found] == [
        "input", "QUANTIZE", "CONV_2D", "AVERAGE_POOL_2D", "FULLY_CONNECTED", "SOFTMAX", "QUANTIZE",
    ]  # fmt: skip
    first, last = found[0], found[-1]
    assert (first.low, first.high) == (pytest.approx(-127 / 127.5, abs=1e-4), pytest.approx(128 / 127.5, abs=1e-4))
    assert (last.low, last.high, last.step) == (0.0, 255 / 256, 1 / 256)


@pytest.mark.parametrize(
    ("preprocessing", "words"),
    [
        (Preprocessing(32, 24), ("whole image is stretched to 32x24", "raw bytes, 0 to 255.")),
        (Preprocessing(32, 24, resize="crop", crop_fraction=0.875), ("32:24 rectangle", "87.5 %")),
        (Preprocessing(9, 9, resize="crop", mean=(127.5,), std=(127.5,)), ("largest square", "(byte - 127.5) / 127.5")),
        (Preprocessing(9, 9, resize="letterbox", fill=114, align="top_left"), ("upper left", "value 114")),
        (Preprocessing(9, 9, channels=1, order="GRAY"), ("The gray value enters",)),
    ],
)
def test_preprocessing_text(preprocessing: Preprocessing, words: tuple[str, ...]) -> None:
    said = in_words(preprocessing)
    assert [one for one in words if one not in said] == []


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40))
def test_axis_covers_all_values(values: Sequence[float]) -> None:
    axis = charts.Axis.around(values)
    assert axis.low <= 0 <= axis.high and axis.low < axis.high
    assert 2 <= len(axis.ticks) <= 12
    assert all(0 <= axis.place(value) <= 100 for value in values)
    assert "nan" not in charts.lines([charts.Series("s", values, "blue")], "") if values else True


def test_html_helpers_escape_text() -> None:
    assert html.image(b"x", "png", '"<').startswith('<img alt="&quot;&lt;"')
    assert "<td>&lt;" in html.table(["<a", "b"], [["&", "<"]])
    assert html.text("<&>") == "&lt;&amp;&gt;"
