"""Pages: one HTML file, whole, with everything inside, and sections that say what their results say."""

import base64
import html
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import otkit
from otkit.errors import Unsupported
from otkit.pages.page import Page
from otkit.pages.sections import add_critic, add_plan, add_result, share

VOID = {"meta", "img"}


class Wellformed(HTMLParser):
    """Every tag that is opened is closed, in order; addresses that a browser would fetch are kept."""

    def __init__(self):
        super().__init__()
        self.open, self.fetched, self.images = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href"):
                (self.images if value.startswith("data:") else self.fetched).append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(text):
    reader = Wellformed()
    reader.feed(text)
    reader.close()
    assert reader.open == [] and reader.fetched == [] and "url(" not in text and "@import" not in text
    return reader


def pictures(text):
    return [base64.b64decode(image.split(",", 1)[1]) for image in parsed(text).images]


def test_everything_is_inside_and_escaped(tmp_path):
    page = Page("a < b & c")
    page.heading("<script>")
    page.text("x > 1", "y")
    page.commands("otkit a && b")
    page.numbers([("W_1", "1 < 2", '"quoted"')])
    page.picture(lambda ax: ax.plot([0, 1]), 'a "line"')
    page.write(tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert [p[:4] for p in pictures(text)] == [b"\x89PNG"]
    assert "<script>" not in text and html.escape("a < b & c") in text and "otkit a &amp;&amp; b" in text
    assert [file.name for file in tmp_path.iterdir()] == ["a.html"]
    order = [text.index(part) for part in ("<h2>", "x &gt; 1", "<pre>", "<table>", "<img")]
    assert order == sorted(order)


def test_a_picture_that_cannot_be_drawn_is_told(monkeypatch):
    def refuse(ax):
        raise Unsupported("no such picture.")

    page = Page("p")
    page.picture(refuse, "what it shows")
    assert "No picture (what it shows): no such picture." in page.html() and pictures(page.html()) == []
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = Page("p")
    page.picture(lambda ax: None, "what it shows")
    assert "otkit[plot]" in html.unescape(page.html())


def test_a_failed_write_leaves_the_old_page(tmp_path):
    page = Page("new")
    page.write(tmp_path / "a.html")
    page.html = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        page.write(tmp_path / "a.html")
    assert "<title>new</title>" in (tmp_path / "a.html").read_text() and len(list(tmp_path.iterdir())) == 1


def test_sections_say_what_the_results_say():
    x, y = np.random.default_rng(0).normal(size=(2, 20, 2)) + np.array([[[0.0]], [[1.0]]])
    result, report = otkit.wasserstein(x, y, p=2), otkit.verify(x, y, critic=lambda z: -2.0 * z[:, 0])
    page = Page("p")
    add_result(page, result)
    add_plan(page, result, x, y)
    add_critic(page, report, "the critic")
    text = page.html()
    cells = re.findall(r"<td>(.*?)</td>", text)
    assert cells[cells.index("W_2") + 1] == f"{result.distance:.10g}"
    assert cells[cells.index("exact W_1") + 1] == f"{report.primal:.6g}"
    assert cells[cells.index("slope") + 1] == f"{report.critic.slope:.6g}"
    for name in ("rescaled", "tightened"):
        bound = getattr(report.critic, name)
        assert cells[cells.index(name) + 1] == f"{bound:.6g}"
        assert cells[cells.index(name) + 2].endswith(f": {bound / report.primal:.1%} of it")
    assert share(-report.critic.rescaled, report) == "nothing of it"
    assert len(pictures(text)) == 3


def test_a_critic_in_many_dimensions_is_drawn_by_its_slopes():
    x, y = np.random.default_rng(0).normal(size=(2, 20, 5))
    page = Page("p")
    add_critic(page, otkit.verify(x, y, critic=lambda z: z[:, 0]), "the critic")
    assert "Slopes of the critic" in page.html() and len(pictures(page.html())) == 1
