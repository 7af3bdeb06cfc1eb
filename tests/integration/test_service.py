"""The real service: gunicorn, the shipped models and the index of the sample corpus."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from index.chunking import sentences
from service.questions import QUESTIONS, SuggestedQuestion
from tests.conftest import HOSTILE_ABSTRACT, HOSTILE_TITLE
from tests.reading_pages import URL as PAGE
from tests.serving import ROOT, Reply, Server, serving, starting, until

API = "/api/v1/answers"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
INCUBATION = QUESTIONS[1].text
ABOUT = json.loads((ROOT / "data/sample/questions.json").read_text(encoding="utf-8"))
Found = dict[str, Any]
Ask = Callable[..., Found]
each_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: str(q.number))


@pytest.fixture(scope="module")
def ask(server: Server) -> Ask:
    """Return a function that asks the API; the same question is asked once."""

    @cache
    def asked(question: str, **fields: object) -> Found:
        reply = server.post_json({"question": question, **fields})
        assert reply.status == 200, reply.text
        assert reply.kind == JSON
        return dict(reply.json())

    return asked


def assert_sound(found: Found) -> None:
    """Check all that the API promises of any list of answers."""
    answers = found["answers"]
    assert 1 <= len(answers) <= found["top_k"]
    assert [answer["rank"] for answer in answers] == list(range(1, len(answers) + 1))
    for answer in answers:
        assert answer["passage"]["text"][answer["start"] : answer["end"]] == answer["answer"]
        assert answer["answer"].strip()
        scores, weight = answer["scores"], found["weight"]
        assert all(0 <= score <= 1 for score in scores.values())
        fused = weight * scores["reader"] + (1 - weight) * scores["retrieval"]
        assert scores["final"] == pytest.approx(fused, abs=1e-9)
        assert answer["paper"]["cord_uid"]
    finals = [answer["scores"]["final"] for answer in answers]
    assert finals == sorted(finals, reverse=True)
    passages = [answer["passage"]["id"] for answer in answers]
    assert len(set(passages)) == len(passages)
    quoted = [sentence for answer in answers for sentence in sentences_of(answer)]
    assert len(set(quoted)) == len(quoted)
    assert 0 <= found["no_answer_probability"] <= 1
    took = found["took_ms"]
    assert 0 < took["encode"] + took["retrieve"] + took["read"] <= took["total"] + 1


def sentences_of(answer: Found) -> set[tuple[str, str]]:
    """Return the sentences of its paper that an answer comes from."""
    text = answer["passage"]["text"]
    return {
        (answer["paper"]["cord_uid"], text[start:end])
        for start, end in sentences(text)
        if start < answer["end"] and answer["start"] < end
    }


def scores_by_passage(found: Found) -> dict[int, list[float]]:
    return {
        answer["passage"]["id"]: [answer["scores"]["reader"], answer["scores"]["retrieval"]]
        for answer in found["answers"]
    }


def test_the_probes_and_the_index_are_told(server: Server, ask: Ask, sample_index: Path) -> None:
    assert server.get("/healthz").json() == {"status": "ok"}
    assert server.get("/readyz").json() == {"status": "ready"}
    version = (sample_index / "CURRENT").read_text(encoding="utf-8").strip()
    found = ask(INCUBATION)
    assert found["index"]["version"] == version
    assert found["index"]["papers"] == 69
    assert found["models"].keys() == {"encoder", "reader", "device"}
    assert all(found["models"].values())


@each_question
def test_a_suggested_question_is_answered_from_an_article_about_it(
    ask: Ask, question: SuggestedQuestion
) -> None:
    first = ask(question.text)["answers"][0]
    assert first["paper"]["cord_uid"] in ABOUT[str(question.number)], first["paper"]["title"]


@each_question
def test_its_answers_are_sound(ask: Ask, question: SuggestedQuestion) -> None:
    assert_sound(ask(question.text))


def test_weight_and_top_k_change_no_score_of_a_passage(ask: Ask) -> None:
    """Batches of other lengths round differently, in the sixth digit."""
    most = ask(INCUBATION, top_k=50)
    known = scores_by_passage(most)
    for weight, top_k in [(0, 20), (1, 20), (0.3, 20), (0.3, 1)]:
        other = ask(INCUBATION, weight=weight, top_k=top_k)
        assert_sound(other)
        assert (other["weight"], other["top_k"]) == (weight, top_k)
        probability = most["no_answer_probability"]
        assert other["no_answer_probability"] == pytest.approx(probability, abs=1e-3)
        shared = known.keys() & scores_by_passage(other).keys()
        assert shared
        for passage in shared:
            assert scores_by_passage(other)[passage] == pytest.approx(known[passage], abs=1e-3)


def test_the_weight_says_which_score_ranks(ask: Ask) -> None:
    for weight, name in [(0, "retrieval"), (1, "reader")]:
        answers = ask(INCUBATION, weight=weight, top_k=20)["answers"]
        scores = [answer["scores"][name] for answer in answers]
        assert scores == [answer["scores"]["final"] for answer in answers]
        assert all(better >= worse for better, worse in pairwise(scores))


def test_fewer_answers_are_the_first_of_more(ask: Ask) -> None:
    more = ask(INCUBATION, weight=0.3, top_k=20)["answers"]
    (only,) = ask(INCUBATION, weight=0.3, top_k=1)["answers"]
    assert len(more) == 20
    assert only["passage"] == more[0]["passage"]


def test_as_many_answers_as_are_asked_for(ask: Ask) -> None:
    found = ask(INCUBATION, top_k=50)
    assert_sound(found)
    assert len(found["answers"]) == 50


def filtered(server: Server, top_k: int = 50, **filters: object) -> Found:
    reply = server.post_json({"question": INCUBATION, "top_k": top_k, "filters": filters})
    assert reply.status == 200, reply.text
    return dict(reply.json())


def test_every_answer_is_of_a_paper_that_matches(server: Server, ask: Ask) -> None:
    everything = ask(INCUBATION)["index"]["passages"]
    for filters, field, matching in [
        ({"journals": ["SCIENCE"]}, "journal", r"Science"),
        ({"journals": ["jama", "nature"]}, "journal", r"JAMA|Nature"),
        ({"published_from": "2021"}, "publish_time", r"202[12].*"),
        (
            {"published_to": "2020-03-01"},
            "publish_time",
            r"2018.*|2020(-0[12].*|-03|-03-01)?",
        ),
        ({"sources": ["covidquest SAMPLE"]}, "source", r"CovidQuest sample"),
    ]:
        found = filtered(server, **filters)
        assert_sound(found)
        values = [answer["paper"][field] for answer in found["answers"]]
        assert all(re.fullmatch(matching, value) for value in values), values
        assert len(values) <= found["passages_searched"] <= everything
        assert found["note"] is None


def test_answers_come_back_as_long_as_there_are_any(server: Server) -> None:
    """Those of the least likely journal too: all its passages are read."""
    found = filtered(server, journals=["ecancermedicalscience"])
    assert_sound(found)
    (paper,) = {answer["paper"]["cord_uid"] for answer in found["answers"]}
    assert paper
    assert 0 < found["passages_searched"] < 50
    few = filtered(server, top_k=1, journals=["ecancermedicalscience"])
    assert len(few["answers"]) == 1
    assert few["passages_searched"] == found["passages_searched"]


def test_where_no_paper_matches_nothing_is_answered(server: Server) -> None:
    found = filtered(server, published_to="1999")
    assert (found["answers"], found["passages_searched"]) == ([], 0)
    assert found["no_answer_probability"] == 1
    assert "No paper matches these filters." in found["note"]
    page = server.get(f"{PAGE}?question=why&published_to=1999")
    assert page.status == 200
    assert "No paper matches these filters." in page.text


@pytest.mark.parametrize(
    "question",
    [
        "Wie lange ist die Inkubationszeit? \N{MICROBE}\N{FACE WITH MEDICAL MASK}",
        "COVID-19\N{ZERO WIDTH JOINER}的潜伏期有多长？",
        "e\N{COMBINING ACUTE ACCENT}tude of the β-CoV \N{MATHEMATICAL BOLD CAPITAL R}₀?",
        "<script>alert(1)</script> ' OR 1=1; -- % \\ {{7*7}}",
        'AND OR NOT ( " * near:2 -title:x ^',
        "mask " * 99 + "masks",
        "\N{MICROBE}" * 499 + "a",
    ],
)
def test_any_text_is_answered(ask: Ask, question: str) -> None:
    found = ask(question, top_k=20)
    assert found["question"] == question
    assert_sound(found)


def test_requests_at_the_same_time_get_their_own_answers(ask: Ask, server: Server) -> None:
    asked = [question.text for question in QUESTIONS[:8]]
    with ThreadPoolExecutor(len(asked)) as threads:
        replies = list(threads.map(lambda text: server.post_json({"question": text}), asked))
    for text, reply in zip(asked, replies, strict=True):
        found, alone = reply.json(), ask(text)
        assert found["question"] == text
        assert scores_by_passage(found) == {
            passage: pytest.approx(scores, abs=1e-3)
            for passage, scores in scores_by_passage(alone).items()
        }


def body(**fields: object) -> bytes:
    return json.dumps({"question": INCUBATION, **fields}).encode()


def large(size: int) -> bytes:
    """Return a valid request, blown up with spaces to more than `size` bytes."""
    return body() + b" " * size


def in_pieces(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 8192):
        yield data[at : at + 8192]


BAD_BODIES: list[tuple[int, str | None, bytes]] = [
    *(
        (422, JSON, body(question=question))
        for question in [
            "",
            " \t\n\N{NO-BREAK SPACE}",
            "?!... \N{EM DASH}",
            "\N{FACE WITH MEDICAL MASK}",
            "a" * 501,
            "what\x00now",
            "what \x1b[31m now",
            None,
            5,
            True,
            ["what"],
            {"a": "b"},
        ]
    ),
    *(
        (422, JSON, body(weight=weight))
        for weight in [-0.1, 1.1, "0.5", "", None, True, [0.5], 10**400]
    ),
    *(
        (422, JSON, body(top_k=top_k))
        for top_k in [0, 51, -1, "abc", "5", 5.5, None, True, [5], 10**400]
    ),
    *(
        (422, JSON, body(filters=filters))
        for filters in [None, [], {"sources": "PMC"}, {"published_from": "2020-13"}, {"year": 1}]
    ),
    (422, JSON, b"{}"),
    (422, JSON, body(limit=5)),
    (422, JSON, body(**{"": 1, "__class__": 2, "\U0001f9a0" * 500: 3})),
    *((422, JSON, text) for text in (b"[]", b'"what"', b"null", b"5", b"true")),
    *(
        (400, JSON, text)
        for text in (
            b"",
            b"{",
            b'{"question": "what"',
            b"{'question': 'what'}",
            b"question=what",
            b'{"question": "what", "weight": NaN}',
            b'{"question": "what", "weight": Infinity}',
            b'{"question": "what"} {}',
            b'{"question": "\xff\xfe"}',
            b'{"question": "\\ud800", "weight": NaN}',
            b'{"question": "a\nb"}',
            b"[" * 30_000,
        )
    ),
    *((415, kind, body()) for kind in (None, "text/plain", FORM, "application/jsonx", ";;")),
    (413, JSON, large(64 * 1024)),
    (413, JSON, large(1024 * 1024)),
]


def assert_problem(reply: Reply, status: int) -> None:
    assert (reply.status, reply.kind) == (status, "application/problem+json"), reply.text
    problem = reply.json()
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    assert "Traceback" not in reply.text


def assert_alive(server: Server) -> None:
    assert server.process.poll() is None
    assert server.get("/readyz").status == 200
    assert server.logged().count("Booting worker") == 1
    assert server.post_json({"question": INCUBATION, "top_k": 1}).status == 200


def test_bad_bodies_are_problems(server: Server) -> None:
    for status, kind, data in BAD_BODIES:
        assert_problem(server.request("POST", API, data, kind), status)
    assert_alive(server)


def test_the_length_of_a_body_need_not_be_announced(server: Server) -> None:
    assert server.request("POST", API, [body()], JSON).status == 200
    assert_problem(server.request("POST", API, in_pieces(large(64 * 1024)), JSON), 413)


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1", "/api/v2/answers", "/api/v1/answers/", "/api/v1/%00%ff"]
)
def test_unknown_routes_are_problems(server: Server, path: str) -> None:
    assert_problem(server.get(path), 404)
    assert_problem(server.request("POST", path, body(), JSON), 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "NONSENSE"])
def test_wrong_methods_are_problems(server: Server, method: str) -> None:
    reply = server.request(method, API)
    assert_problem(reply, 405)
    assert "POST" in reply.headers["Allow"]


def test_broken_http_is_refused(server: Server) -> None:
    post = b"POST /api/v1/answers HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    for data in [
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n",
        post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a..b\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    ]:
        assert re.match(rb"HTTP/1.1 4\d\d ", server.send(data))
    server.send(post + b"Content-Length: 50\r\n\r\n{", wait=False)  # and gone
    assert_alive(server)


@pytest.mark.parametrize(("size", "status"), [(65_536, b"200"), (65_537, b"413")])
def test_a_body_of_unannounced_length_has_the_same_limit(
    server: Server, size: int, status: bytes
) -> None:
    body = json.dumps({"question": INCUBATION}).rjust(size).encode()
    head = b"POST /api/v1/answers HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (size, body)
    assert server.send(head + chunked).startswith(b"HTTP/1.1 " + status)


def shown(reply: Reply) -> str:
    """Return a page's text without its tags."""
    return unescape(re.sub(r"<[^>]*>", "", reply.text))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_page_marks_the_answers(server: Server, ask: Ask, method: str) -> None:
    fields = urlencode({"question": INCUBATION, "weight": "0.3", "top_k": "20"})
    if method == "GET":
        reply = server.get(f"{PAGE}?{fields}")
    else:
        reply = server.request("POST", PAGE, fields.encode(), FORM)
    assert reply.status == 200
    assert '<section id="resultsView"' in reply.text
    answers = ask(INCUBATION, weight=0.3, top_k=20)["answers"]
    cards, _ = reply.text.split('<template id="more">')  # there lie cards for other weights
    for place in ("sentence", "passage"):
        quotes = re.findall(rf'<blockquote class="{place}.*?</blockquote>', cards, re.DOTALL)
        marked = [re.findall(r"<mark>(.*?)</mark>", quote, re.DOTALL) for quote in quotes]
        texts = [[unescape(re.sub(r"</?em[^>]*>", "", text)) for text in one] for one in marked]
        assert texts == [[a["answer"]] for a in answers]
    for answer in answers:
        assert answer["passage"]["text"] in shown(reply)
        assert answer["paper"]["title"] in shown(reply)
        assert f'href="https://doi.org/{answer["paper"]["doi"]}"' in reply.text


@pytest.mark.parametrize("question", QUESTIONS[::29], ids=lambda q: str(q.number))
def test_a_suggestion_is_answered_by_its_number(
    server: Server, ask: Ask, question: SuggestedQuestion
) -> None:
    reply = server.get(f"{PAGE}?question_select={question.number}")
    assert reply.status == 200
    assert ask(question.text)["answers"][0]["answer"] in shown(reply)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("question=", ""),
        ("question=%20%20", "  "),
        ("question=%3F%3F%3F", "???"),
        ("question=" + "a" * 501, "a" * 501),
        ("question=what%00now", "what"),
        ("question=why&weight=2", "why"),
        ("question=why&weight=NaN", "why"),
        ("question=why&top_k=0", "why"),
        ("question=why&top_k=51", "why"),
        ("question=why&top_k=abc", "why"),
        ("question=why&limit=5", "why"),
        ("question=why&published_from=2020-13", "why"),
        ("question=why&sources=" + "a" * 301, "why"),
        ("question_select=31", ""),
        ("question_select=abc", ""),
    ],
)
def test_bad_input_to_the_page_keeps_the_form(server: Server, query: str, kept: str) -> None:
    reply = server.get(f"{PAGE}?{query}")
    assert (reply.status, reply.kind) == (422, "text/html")
    assert 'role="alert"' in reply.text
    assert f'name="question" value="{kept}' in reply.text
    assert "resultsView" not in re.sub(r'(action|href)="[^"]*"', "", reply.text)


def test_other_errors_of_the_page_are_readable(server: Server) -> None:
    for reply, status in [
        (server.get("/nothing"), 404),
        (server.get("/static/../service/app.py"), 404),
        (server.get("/%2e%2e/%2e%2e/etc/passwd"), 404),
        (server.request("DELETE", "/"), 405),
        (server.request("POST", PAGE, b"{}", JSON), 415),
        (server.request("POST", PAGE, b"question=" + b"a" * 70_000, FORM), 413),
        (server.request("POST", PAGE, in_pieces(b"question=" + b"a" * 70_000), FORM), 413),
    ]:
        assert (reply.status, reply.kind) == (status, "text/html")
        assert '<form class="ask"' in reply.text
    assert_alive(server)


def test_a_hostile_paper_is_shown_as_text(hostile_index: Path) -> None:
    question = "By how much did masks <b>lower</b> infections? \N{MICROBE}"
    with serving(COVIDQUEST_INDEX=str(hostile_index)) as server:
        found = server.post_json({"question": question, "top_k": 50}).json()
        page = server.get(f"{PAGE}?question={quote(question)}")
        assert server.stop() == 0
    assert_sound(found)
    (answer,) = found["answers"]
    assert answer["passage"]["text"] == HOSTILE_ABSTRACT
    assert answer["paper"]["title"] == HOSTILE_TITLE
    assert re.findall("<(?:b|s|img|script)[ >].*", page.text) == [
        '<script type="module" src="/static/page.js"></script>',
        '<img src="/static/favicon.svg" alt="" width="28" height="28">CovidQuest',
    ]
    assert set(re.findall("<i[ >].*?</i>", page.text)) == {"<i></i>"}  # the skeleton's bars
    assert "javascript:" not in page.text
    for text in (HOSTILE_TITLE, question, "<s>Jane</s>", "<s>Journal</s>"):
        assert text in unescape(page.text)
    assert HOSTILE_ABSTRACT in unescape(re.sub("</?mark>", "", page.text))


def test_a_question_under_way_is_answered_before_the_server_stops(sample_index: Path) -> None:
    with serving(COVIDQUEST_INDEX=str(sample_index)) as server:
        with ThreadPoolExecutor() as threads:
            asked = {"question": INCUBATION, "top_k": 50}
            under_way = threads.submit(server.post_json, asked)
            until(lambda: server.metric("covidquest_requests_inside") == 1)
            assert server.stop() == 0
            assert_sound(under_way.result().json())
        assert "Traceback" not in server.logged()


def test_a_server_that_is_loading_stops_when_told(sample_index: Path) -> None:
    with starting(COVIDQUEST_INDEX=str(sample_index)) as server:
        until(lambda: "Booting worker" in server.logged())
        assert server.stop() == 0
        assert "Traceback" not in server.logged()
