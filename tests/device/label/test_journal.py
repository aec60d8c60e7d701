"""The log of labeling: undo and reopening in any order, and power cuts at any moment."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from documents import parse_lines
from edgevision.device.label.opening import Opened, open_folder
from hypothesis import given, settings
from hypothesis import strategies as st
from label_page import content, draw, log_of

from edgevision.errors import BadInput, CannotWrite, EdgeVisionError

IMAGES = ("_unsure/a.png", "_unsure/b.png", "cat/a.png", "dog/c.png", "loose.png")
ACTIONS = st.one_of(
    st.tuples(st.just("label"), st.integers(0, 4), st.sampled_from(["cat", "dog", "bird", "_background"])),
    st.tuples(st.sampled_from(["discard", "skip", "undo", "reopen"]), st.integers(0, 4), st.just("")),
)


def filled(folder: Path) -> Path:
    """Return a folder with one image for each path."""
    for seed, name in enumerate(IMAGES):
        draw(folder / name, seed)
    return folder


class Expected:
    """What the folder must be like: where each image is, by class, and what undo brings back."""

    def __init__(self) -> None:
        self.places: list[str | None] = [None, None, "cat", "dog", None]
        self._before: list[list[str | None]] = []

    def act(self, action: str, at: int, label: str) -> None:
        """Follow an answer."""
        if action == "undo":
            if self._before:
                self.places = self._before.pop()
        elif self.places[at] != "discarded":
            self._before.append(list(self.places))
            if action != "skip":
                self.places[at] = "discarded" if action == "discard" else label


def act(opened: Opened, numbers: Sequence[int], action: str, at: int, label: str) -> None:
    """Give one answer; what is refused changes nothing."""
    session = opened.session
    try:
        if action == "label":
            session.label([numbers[at]], label)
        elif action == "discard":
            session.discard([numbers[at]])
        elif action == "skip":
            session.skip([numbers[at]])
        else:
            session.undo()
    except BadInput:
        pass


def places(folder: Path, originals: dict[str, bytes]) -> list[str | None]:
    """Return where each image is: its class, discarded, or None."""
    found = {data: name for name, data in content(folder).items()}
    assert len(found) == len(originals) and set(found) == set(originals.values()), "an image is lost or twice there"
    where = [found[originals[name]].split("/") for name in IMAGES]
    tops = [parts[0] if len(parts) > 1 else None for parts in where]
    return ["discarded" if top == ".discarded" else None if top == "_unsure" else top for top in tops]


@settings(max_examples=20)
@given(st.lists(ACTIONS, max_size=8))
def test_any_order_of_answers_undo_and_reopening_ends_in_the_same_folder(
    actions: list[tuple[str, int, str]],
) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = filled(Path(made))
        originals = content(folder)
        expected = Expected()
        opened = open_folder(folder)
        for action, at, label in actions:
            if action == "reopen":
                opened.close()
                opened = open_folder(folder)
                continue
            now = {data: name for name, data in content(folder).items()}
            by_path = {item.state.path: item.number for item in opened.session.items()}
            numbers = [by_path.get(now[originals[name]], 0) for name in IMAGES]
            if action == "undo" or numbers[at] > 0:
                act(opened, numbers, action, at, label)
                expected.act(action, at, label)
            assert places(folder, originals) == expected.places
        opened.close()
        parse_lines(log_of(folder).read_text() if log_of(folder).exists() else "", "label_log")


@settings(max_examples=15)
@given(st.data())
def test_power_cut_at_any_moment_loses_nothing(data: st.DataObject) -> None:
    """The folder after a cut is made up: the files as before, a part of the log, and some of the moves."""
    action = data.draw(st.sampled_from(["label", "discard", "undo"]))
    with tempfile.TemporaryDirectory() as made:
        folder, cut = filled(Path(made) / "photos"), Path(made) / "cut"
        opened = open_folder(folder)
        numbers = [item.number for item in opened.session.items()]
        opened.session.label(numbers[:2], "bird")
        shutil.copytree(folder, cut)
        if action == "label":
            opened.session.label(numbers[:4], "dog")
        elif action == "discard":
            opened.session.discard(numbers[:4])
        else:
            opened.session.undo()
        opened.close()
        before, after = content(cut), content(folder)
        log, old = log_of(folder).read_bytes(), log_of(cut).read_bytes()
        written = data.draw(st.integers(len(old), len(log)))
        log_of(cut).write_bytes(log[:written])
        if written == len(log):
            moved = sorted(before.keys() - after.keys())
            for name in moved[: data.draw(st.integers(0, len(moved)))]:
                target = next(new for new, image in after.items() if image == before[name])
                (cut / target).parent.mkdir(parents=True, exist_ok=True)
                (cut / name).rename(cut / target)
        open_folder(cut).close()
        assert content(cut) == (after if written == len(log) else before)
        assert log_of(cut).read_bytes() == (log if written == len(log) else old)


def test_move_by_another_program_after_a_finished_answer_stays(tmp_path: Path) -> None:
    opened = open_folder(filled(tmp_path))
    opened.session.label([1], "bird")
    opened.close()
    (tmp_path / "bird" / "a.png").rename(tmp_path / "_unsure" / "a.png")
    opened = open_folder(tmp_path)
    assert (tmp_path / "_unsure" / "a.png").exists()
    with pytest.raises(EdgeVisionError, match=r"cannot undo: bird/a\.png was moved or deleted by another program"):
        opened.session.undo()
    opened.close()


def test_damaged_log_is_one_line(tmp_path: Path) -> None:
    filled(tmp_path)
    log_of(tmp_path).parent.mkdir()
    log_of(tmp_path).write_text('{"schema":"edgevision.label_log/1","number":1}\n')
    with pytest.raises(BadInput, match=r"log\.jsonl, line 1 is damaged: 'action'; move the file away"):
        open_folder(tmp_path)
    log_of(tmp_path).write_text("[1, 2\n")
    with pytest.raises(BadInput, match=r"log\.jsonl, line 1 is damaged: .*JSON"):
        open_folder(tmp_path)


def test_folder_is_labeled_by_one_program_at_a_time(tmp_path: Path) -> None:
    opened = open_folder(filled(tmp_path))
    with pytest.raises(CannotWrite, match="is being labeled by another program"):
        open_folder(tmp_path)
    opened.close()
    open_folder(tmp_path).close()
