"""`statewright simulate` shows a journey on a virtual clock; a file needs no server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.service.cli.conftest import Run, parsed

FLOW = """
key: lead
triggers: [{type: go, conditions: [{field: source, operator: equals, value: ad}]}]
retry: {backoff: 1h, max_backoff: 1h, jitter: none}
steps:
  - {id: hello, type: send_sms, config: {body: "Hi {{first_name}}"}}
  - {id: reply, type: wait, config: {on: [{event: sms_received}], timeout: 2d}, branches: {done: warm}}
  - {id: cold, type: add_tag, config: {tag: cold}, next: end}
  - {id: warm, type: add_tag, when: {field: event.data.n, operator: ">", value: 1}, config: {tag: warm}}
tests:
  - name: silence
    contact: {source: ad, first_name: Ann, phone: "+49"}
    events: [{type: go}]
    results: {hello: {error: timeout, times: 1}}
    expect: {tags: [cold]}
  - name: nobody
    events: [{type: go}]
    expect: {enrolled: false}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "lead.yaml"
    path.write_text(FLOW)
    return str(path)


def test_without_events_the_contact_is_enrolled_and_goes_all_the_way(run_alone: Run, file: str) -> None:
    result = run_alone("simulate", file)
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["0s", "2026-01-01", "09:00:00", "hello", "send_sms:", "Hi"] in lines
    assert ["2d", "2026-01-03", "09:00:00", "reply", "→", "timeout"] in lines
    assert "enrollment-0001 of lead: completed after 2d" in result.stdout
    assert "path: hello → reply → cold" in result.stdout


def test_events_fields_and_results_make_the_script(run_alone: Run, file: str) -> None:
    options = (
        "--event", "go", "--event", 'sms_received@3h:{"n": 2}', "--contact-field", "source=ad",
        "--contact-field", "first_name=Ann", "--result", 'hello:={"error": "timeout", "times": 1}', "--json",
    )  # fmt: skip
    shape = parsed(run_alone("simulate", file, *options))
    [enrollment] = shape["enrollments"]
    assert (enrollment["status"], enrollment["path"]) == ("completed", ["hello", "reply", "warm"])
    assert [(one["attempt"], one["delivered"], one["input"]["body"]) for one in shape["attempts"]] == [
        (1, False, "Hi Ann"), (2, True, "Hi Ann"),
    ]  # fmt: skip
    assert (shape["end"], shape["end_time"]) == ("settled", "2026-01-01T12:00:00Z")


def test_the_script_of_a_test_is_shown(run_alone: Run, file: str) -> None:
    result = run_alone("simulate", file, "--test", "silen")
    assert "send_sms to +49: Hi Ann ✗ timeout" in result.stdout
    assert "is tried again at 2026-01-01 10:00:00" in result.stdout
    assert "send_sms to +49: Hi Ann (attempt 2)" in result.stdout


def test_a_contact_that_does_not_get_in_is_told_why(run_alone: Run, file: str) -> None:
    result = run_alone("simulate", file, "--event", "go")
    assert 'lead: NOT_MATCHED (contact.source equals "ad" does not hold: it is missing)' in result.stdout
    assert "nobody was enrolled" in result.stdout


def test_what_waits_and_what_is_cut_is_said(run_alone: Run, file: str) -> None:
    result = run_alone("simulate", file, "--for", "1d", "--at", "2026-05-01T00:00Z")
    assert "2026-05-01 00:00:00" in result.stdout
    assert "waiting in reply after 1d" in result.stdout
    assert "its time was over" in result.stdout


def test_during_an_outage_nothing_happens_and_it_is_shown(run_alone: Run, file: str) -> None:
    result = run_alone("simulate", file, "--outage", "3d@1h")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["1h", "2026-01-01", "10:00:00", "server", "outage", "until", "2026-01-04T10:00:00+00:00"] in lines
    assert "completed after 3d 1h" in result.stdout
    assert run_alone("simulate", file, "--outage", "soon").exit_code == 2


def test_dates_of_the_contact_are_waited_for_where_nothing_else_happens(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "renewal.yaml"
    file.write_text("key: renewal\ntrigger: {type: date, config: {field: due}}\nsteps: [{id: p, type: pass}]")
    result = run_alone("simulate", str(file), "--dates", "--contact-field", "due=2026-03-31")
    assert result.stdout.count("renewal: ENROLLED") == 1
    assert "2026-03-31 00:00:00" in result.stdout
    assert run_alone("simulate", str(file), "--dates", "--event", "go").exit_code == 2


def test_another_file_hears_what_the_first_raises(run_alone: Run, file: str, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("key: other\ntriggers: [{type: tag_added}]\nsteps: [{id: a, type: pass}]")
    shape = parsed(run_alone("simulate", file, "--with", str(other), "--json"))
    assert [one["workflow"] for one in shape["enrollments"]] == ["lead", "other"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("--event", "go@soon"), 2, "is no duration"),
        (("--event", "go@1d:{x"), 2, "is no event"),
        (("--event", "go:{x}"), 2, "cannot be read"),
        (("--test", "none"), 2, "the tests are 'silence', 'nobody'"),
        (("--contact", "ann", "--contact-field", "a=b"), 2, "use one of them"),
        (("--version", "1"), 2, "published workflow"),
        (("--result", "hallo:={}"), 1, "there is no step 'hallo'"),
        (("--result", 'hello={"error": "timeout"}'), 2, 'write hello:={"error": "timeout"}'),
        (("--result", "hello= [1]"), 2, "write hello:="),
        (("--result", 'hello:={"eror": "timeout"}'), 1, "did you mean 'error'?"),
        (("--event", "go@9999d"), 2, "over five years"),
    ],
)
def test_bad_input_is_told(run_alone: Run, file: str, arguments: tuple[str, ...], exit_code: int, said: str) -> None:
    result = run_alone("simulate", file, *arguments)
    assert result.exit_code == exit_code
    assert said in result.output


def test_a_file_with_errors_is_refused_with_all_of_them(run_alone: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("key: bad\nsteps:\n  - {id: a, type: pas}\n  - {id: b, type: pass, next: c}\n")
    result = run_alone("simulate", str(file), "--json")
    assert result.exit_code == 1
    error = json.loads(result.stderr)["error"]
    assert (error["reason"], [one["line"] for one in error["violations"]]) == ("INVALID_DEFINITION", [3, 4])
