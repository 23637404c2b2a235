"""What Schemathesis is to know about an agent: which of its things exist, and what would take too long.

Everything here keeps a request as valid, or as invalid, as it was drawn: a value that the schema allows is
replaced by another one that it allows, and what it forbids is sent as it is.
"""

import json
import os

import jsonschema_rs
import schemathesis

MODEL = "ollamamax-tiny"
AGENT = "agent-0"
REGISTRY = os.environ["OLLAMAMAX_TEST_REGISTRY"]
DESIRED = json.loads(os.environ["OLLAMAMAX_TEST_DESIRED"])

# Routes whose model is not the one that is to answer, but one to be made, fetched, sent or taken away.
OTHER_MODEL = {"create", "pull", "push", "remove"}
# A registry is asked for the model: it must be the one of the test, never one on the network.
ASKS_REGISTRY = {"pull", "push"}

# Fields that say how many tokens or answers are wanted, with the most that is asked for here.
COUNTS = {
    "num_predict": 4,
    "maxTokens": 4,
    "max_tokens": 4,
    "max_completion_tokens": 4,
    "max_output_tokens": 4,
    "n": 2,
    "best_of": 2,
}
# Where a route takes its limit, for requests that name none: they would be answered until the context is full.
LIMITS = {
    "generate": ("options", "num_predict"),
    "chat": ("options", "num_predict"),
    "nativeGenerate": ("options", "maxTokens"),
    "nativeChat": ("options", "maxTokens"),
    "chatCompletions": (None, "max_tokens"),
    "completions": (None, "max_tokens"),
    "responses": (None, "max_output_tokens"),
}
# A model that may not stay in memory is loaded anew for the next request.
STAYS = {"keep_alive", "keepAlive"}
# Another context size or other loading options have the model loaded anew, which takes a second each time.
RELOADS = {"num_ctx", "contextSize", "num_batch", "num_thread", "num_gpu", "main_gpu", "use_mmap"}


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def reloads(name, value):
    """Whether the field asks for another way to load the model, and is well formed."""
    if name == "contextSize":
        return is_count(value) and 1 <= value <= 16777216
    if name not in RELOADS or value is None:
        return name in RELOADS
    if name == "use_mmap":
        return isinstance(value, bool)
    return is_count(value) and (name != "num_ctx" or 1 <= value <= 16777216)


def bounded(fields):
    """The fields with no more work in them than a test has time for."""
    kept = {name: value for name, value in fields.items() if not reloads(name, value)}
    for name, most in COUNTS.items():
        value = kept.get(name)
        # Negative ones ask for as many as fit, where they are allowed.
        if is_count(value) and (value > most or (value < 0 and name in ("num_predict", "maxTokens"))):
            kept[name] = most
    for name in STAYS:
        if is_number(kept.get(name)):
            kept[name] = 600
    return kept


def limit(operation, body):
    """Names how many tokens are wanted, where the request does not."""
    inside, name = LIMITS.get(operation, (None, None))
    if name is None:
        return
    # Ollama's and OpenAI's APIs take null for what is left out.
    takes_null = not operation.startswith("native")
    if inside is not None:
        if inside not in body or (takes_null and body[inside] is None):
            body[inside] = {}
        body = body[inside]
    if isinstance(body, dict) and (name not in body or (takes_null and body[name] is None)):
        body[name] = COUNTS[name]


def with_known_names(operation, body, positive):
    """Names what there is, where the request names something by chance."""
    if operation in ASKS_REGISTRY:
        for name in ("model", "name"):
            if isinstance(body.get(name), str) and 0 < len(body[name]) <= 620:
                body[name] = f"http://{REGISTRY}/team/model"
        # A name that is left out, or is no name, is refused before anybody is asked.
        body["insecure"] = body.get("insecure", True)
    # With a model that is there, what is wrong elsewhere in the body is not hidden by one that is not.
    if operation not in OTHER_MODEL and isinstance(body.get("model"), str) and 0 < len(body["model"]) <= 600:
        body["model"] = MODEL
    if not positive:
        return
    if operation == "copy":
        body["source"] = MODEL
    if operation == "create" and "from" in body:
        body["from"] = MODEL
    if operation == "clusterTransfer":
        body["agent"] = AGENT
    if operation == "clusterRestore":
        # What the agents are to serve stays as it is, whatever else the backup says.
        body["desired"] = DESIRED


# Parameters of a path that name something which there is.
KNOWN = {
    "openaiModel": ("model", MODEL),
    "model": ("name", MODEL),
    "node": ("id", AGENT),
    "nodeDrain": ("id", AGENT),
    "nodeUndrain": ("id", AGENT),
}


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw["operationId"]
    positive = case.meta is None or case.meta.generation.mode.is_positive
    if positive and operation in KNOWN:
        parameter, value = KNOWN[operation]
        case.path_parameters = {**(case.path_parameters or {}), parameter: value}
    if isinstance(case.body, dict):
        body = bounded(case.body)
        if isinstance(body.get("options"), dict):
            body["options"] = bounded(body["options"])
        limit(operation, body)
        with_known_names(operation, body, positive)
        case.body = body


_validators = {}


def line_validator(case):
    """Validates one line of a stream by the schema that the document has for it."""
    key = (case.operation.path, case.operation.method)
    if key not in _validators:
        escaped = case.operation.path.replace("~", "~0").replace("/", "~1")
        pointer = f"#/paths/{escaped}/{case.operation.method}/responses/200/content/application~1x-ndjson/schema"
        schema = {**case.operation.schema.raw_schema, "$ref": pointer}
        _validators[key] = jsonschema_rs.Draft202012Validator(schema)
    return _validators[key]


@schemathesis.check
def stream_line_conformance(context, response, case):
    if not response.headers.get("content-type", [""])[0].startswith("application/x-ndjson"):
        return
    validator = line_validator(case)
    for line in response.content.decode().splitlines():
        for error in validator.iter_errors(json.loads(line)):
            raise AssertionError(f"A line of the stream is not what its schema says: {error.message}: {line}")
