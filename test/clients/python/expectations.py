"""What every script needs: where the agent is, and the greedy answers of the model card."""

import json
import os
from contextlib import contextmanager

API = os.environ["OLLAMAMAX_TEST_API"]
TOKEN = os.environ["OLLAMAMAX_TEST_TOKEN"]
MODEL = "ollamamax-tiny"
FRANCE = "What is the capital of France?"
FRANCE_ANSWER = "The capital of France is Paris."
ANNA = "Give {name, age} as JSON: Anna is 30 years old."
WEATHER = "What is the weather in Paris?"
COUNT = "Count to 5."
STORY = "Write a short story about a fox and a lantern."
WEATHER_PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}

_done = []


def done(what):
    """Notes that one thing was shown; the test compares the list with what it expects."""
    _done.append(what)


def report():
    """Prints what was shown, as the last line."""
    print(json.dumps(_done))


def equal(found, wanted):
    """Unlike assert, says what was found."""
    if found != wanted:
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")


@contextmanager
def raises(kind, status, *words):
    """The block must raise an error of this kind and HTTP status whose text has these words."""
    try:
        yield
    except kind as error:
        equal(error.status_code, status)
        for word in words:
            if word not in str(error):
                raise AssertionError(f"{word!r} is not in {error}") from error
        return
    raise AssertionError(f"no {kind.__name__} was raised")


def ask(content):
    return [{"role": "user", "content": content}]
