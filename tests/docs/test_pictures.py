"""The pictures in the docs are what the examples look like now."""

from tests.docs.pictures import present, wanted


def test_every_picture_is_that_of_its_example_and_no_other_is_there() -> None:
    texts = wanted()
    assert present() == set(texts), "run `make pictures`"
    assert [path.name for path, text in texts.items() if path.read_text(encoding="utf-8") != text] == [], (
        "run `make pictures`"
    )
