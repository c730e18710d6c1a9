"""Quizzes for Moodle: valid by a schema, and read back by a reader that is not ours.

The import into Moodle itself is not tested.
"""

import html
import subprocess
import sys
from pathlib import Path

import moodle_xml_parser.parser as other
import pytest
import quiz_made
import xmlschema
from support import ROOT

from tools import moodle, quiz

SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("moodle.xsd"))
CHAPTERS = {question.chapter for question in quiz.of_book()}
MADE = quiz_made.of()


def of_chapter(chapter):
    return [q for q in quiz.of_book() if q.chapter == chapter]


@pytest.mark.parametrize("questions", [
    pytest.param(MADE, id="made"), *(pytest.param(of_chapter(c), id=c) for c in sorted(CHAPTERS))])
def test_the_file_is_valid_and_another_reader_finds_the_same(questions, tmp_path):
    (path,) = moodle.write(questions, quiz.titles() | {"02": "2. A/B"}, tmp_path / "new" / "folder")
    SCHEMA.validate(path)
    read = other.parse_file(path)["multichoice"]
    assert [q.name.split()[0] for q in read] == [q.key for q in questions]
    for theirs, ours in zip(read, questions, strict=True):
        assert theirs.single and theirs.shuffle_answers and theirs.default_grade == 1
        # it resolves entities once more than it should
        assert theirs.text_pre_parse == html.unescape(moodle.to_html(ours.text))
        assert [(o.answer, o.score_fraction, o.feedback) for o in theirs.options] == [
            (html.unescape(moodle.to_html(c.text, inline=True)), 100 * c.is_right,
             html.unescape(moodle.to_html(c.reason))) for c in ours.choices]


def test_formulas_and_code_are_what_moodle_shows():
    first, second, third = MADE
    assert moodle.to_html(first.text) == (
        "<p>A kernel of size \\(k\\) slides over \\(n\\) pixels. How many places has it, if "
        "<code>k &lt;= n</code>?</p>")
    assert [moodle.to_html(c.text, inline=True) for c in first.choices] == [
        "\\(n - k + 1\\)", "\\(n - k\\) &amp; no more", "<code>n // k</code>"]
    assert "<p>\\[\\left\\lfloor \\frac{n}{k} \\right\\rfloor &lt; n\\]</p>" in moodle.to_html(
        first.choices[2].reason)
    assert '<code class="language-python">print(&quot;a&quot; &lt; &quot;b&quot;)' in (
        moodle.to_html(second.text))
    assert "<ul>" in moodle.to_html(second.choices[2].reason)
    assert 'href="https://' in moodle.to_html(third.choices[2].reason)
    assert "<table>" in moodle.to_html("a | b\n--|--\n1 | 2")


def test_a_category_for_each_chapter():
    text = moodle.to_xml(MADE, "2. Edges and/or corners").decode()
    assert "<text>$course$/top/From Tensors to ResNets/2. Edges and//or corners</text>" in text
    assert text.startswith("<?xml"), "Moodle wants it at the very beginning"


@pytest.mark.parametrize("text", ["![a](figures/a.png)", "[b](02_kernels.ipynb)", "[c](#quiz)",
                                  '<img src="a.png">'])
def test_what_moodle_would_not_find_is_refused(text):
    with pytest.raises(ValueError, match="would not find"):
        moodle.to_html(text)


@pytest.mark.parametrize("old, new", [
    ('fraction="100"', 'fraction="101"'), ("<single>true", "<single>perhaps"),
    ('type="multichoice"', 'type="multi"'), ("<penalty>0.3333333", "<penalty>a third"),
    ("<answernumbering>abc", "<answernumbering>a"), ('format="html"', 'format="xml"')])
def test_the_schema_refuses_what_is_not_in_the_format(old, new):
    text = moodle.to_xml(MADE, "2").decode()
    SCHEMA.validate(text)
    broken = text.replace(old, new, 1)
    assert broken != text and not SCHEMA.is_valid(broken)


@pytest.mark.slow  # starts a process
def test_the_command_writes_a_file_for_each_chapter(tmp_path):
    def run(folder):
        return subprocess.run([sys.executable, ROOT / "tools" / "quiz.py", "--moodle", folder],
                              capture_output=True, text=True, check=False, cwd=ROOT)

    done = run(tmp_path / "out")
    assert done.returncode == 0 and {p.name for p in (tmp_path / "out").iterdir()} == {
        f"chapter-{chapter}.xml" for chapter in CHAPTERS}
    (tmp_path / "file").write_text("")
    failed = run(tmp_path / "file")
    assert failed.returncode == 1 and failed.stderr.count("\n") == 1
