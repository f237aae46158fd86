"""A sample of what `make fuzz` does over REST."""

from tests.fuzz.rest import attack

EXAMPLES = 2
"""Of each operation, beside each bound of each field."""


async def test_the_operations_answer_anything_as_their_document_says(tmp_path):
    failures = await attack(
        7, ["--phases=coverage,fuzzing", f"--max-examples={EXAMPLES}", "--no-shrink"], tmp_path, print
    )
    assert not failures, failures
