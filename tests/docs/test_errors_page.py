"""docs/errors.md is what the code says, and every code is in it."""

from statemachine.problem_codes import CODES
from tests.docs.errors_page import CORPUS, PAGE, page
from tests.docs.pages import headings


def test_the_page_is_what_the_table_the_corpus_and_the_protos_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make errors-page`"


def test_every_code_has_a_section_and_a_file_that_shows_it() -> None:
    assert [code for code in CODES if code not in headings(PAGE)] == []
    assert [code for code in CODES if not list(CORPUS.glob(f"{code}.*"))] == []


def test_every_file_that_is_bad_is_named_after_a_code() -> None:
    assert [file.name for file in CORPUS.iterdir() if file.name.partition(".")[0] not in CODES] == []
