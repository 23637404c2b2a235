"""The official Python client of Ollama, as its users call it, against an agent without the model."""

import asyncio
import json
import time
from typing import Annotated

from ollama import AsyncClient, Client, ResponseError
from pydantic import BaseModel, Field

from expectations import (
    ANNA,
    API,
    COUNT,
    FRANCE,
    FRANCE_ANSWER,
    MODEL,
    STORY,
    TOKEN,
    WEATHER,
    ask,
    done,
    equal,
    raises,
    report,
)

GREEDY = {"temperature": 0}
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


class Person(BaseModel):
    name: str
    age: int
    # A tiny model does not know how to end a text of which it has nothing to say.
    nickname: Annotated[str, Field(max_length=8)] | None


def get_weather(city: str) -> str:
    """
    Get the weather for a city.

    Args:
        city: The city
    """
    return f"sunny in {city}"


def eventually(check):
    end = time.monotonic() + 60
    while not check():
        if time.monotonic() > end:
            raise AssertionError("waited a minute in vain")
        time.sleep(0.05)


def models(client):
    listed = client.list().models
    equal([model.model for model in listed], [f"{MODEL}:latest"])
    equal(listed[0].details.quantization_level, "Q8_0")
    shown = client.show(MODEL)
    equal(shown.modelinfo["general.architecture"], "llama")
    equal("tools" in shown.capabilities, True)
    done("list and show")


def residency(client):
    client.generate(MODEL, keep_alive=-1)
    eventually(lambda: [model.model for model in client.ps().models] == [f"{MODEL}:latest"])
    equal(client.generate(MODEL, keep_alive=0).done_reason, "unload")
    eventually(lambda: client.ps().models == [])
    done("ps and keep_alive")


def generate(client):
    whole = client.generate(MODEL, FRANCE, options=GREEDY)
    equal(whole.response, FRANCE_ANSWER)
    equal(whole.eval_count > 0 and whole.prompt_eval_count > 0 and whole.eval_duration > 0, True)
    parts = list(client.generate(MODEL, FRANCE, options=GREEDY, stream=True))
    equal("".join(part.response for part in parts), FRANCE_ANSWER)
    equal([part.done for part in parts], [False] * (len(parts) - 1) + [True])
    equal(client.generate(MODEL, COUNT, options={**GREEDY, "stop": [", 4"]}).response, "1, 2, 3")
    short = client.generate(MODEL, COUNT, options={**GREEDY, "num_predict": 2})
    equal((short.done_reason, short.eval_count), ("length", 2))
    wild = {"temperature": 2, "top_k": 0, "top_p": 1.0, "seed": 7, "num_predict": 40}
    equal(client.generate(MODEL, STORY, options=wild).response, client.generate(MODEL, STORY, options=wild).response)
    done("generate")


def chat(client):
    conversation = ask("My name is Anna.")
    first = client.chat(MODEL, conversation, options=GREEDY)
    conversation += [first.message, *ask("What is my name?")]
    equal(client.chat(MODEL, conversation, options=GREEDY).message.content, "Your name is Anna.")
    parts = list(client.chat(MODEL, ask(FRANCE), options=GREEDY, stream=True))
    equal("".join(part.message.content for part in parts), FRANCE_ANSWER)
    done("chat")


def formats(client):
    text = client.chat(MODEL, ask(ANNA), options=GREEDY, format="json").message.content
    equal(json.loads(text), {"name": "Anna", "age": 30})
    limited = {**GREEDY, "num_predict": 200}
    text = client.chat(MODEL, ask(ANNA), options=limited, format=Person.model_json_schema()).message.content
    person = Person.model_validate_json(text)
    equal((person.name, person.age), ("Anna", 30))
    done("formats")


def tools(client):
    messages = ask(WEATHER)
    called = client.chat(MODEL, messages, tools=[get_weather], options=GREEDY)
    calls = [(call.function.name, dict(call.function.arguments)) for call in called.message.tool_calls]
    equal(calls, [("get_weather", {"city": "Paris"})])
    result = {"role": "tool", "tool_name": "get_weather", "content": get_weather("Paris")}
    answered = client.chat(MODEL, [*messages, called.message, result], options=GREEDY)
    equal(answered.message.content != "", True)
    done("tools")


def errors(client):
    with raises(ResponseError, 404, "model 'nope' not found"):
        client.chat("nope", ask("Hi"))
    with raises(ResponseError, 404, "model 'nope' not found"):
        list(client.chat("nope", ask("Hi"), stream=True))
    with raises(ResponseError, 400, 'option "temperature" must be >= 0'):
        client.generate(MODEL, "Hi", options={"temperature": -1})
    with raises(ResponseError, 403, 'it needs "admin"'):
        client.pull("nope")
    with raises(ResponseError, 401, "/api/v1/auth/login"):
        Client(API).chat(MODEL, ask("Hi"))
    done("errors")


async def asynchronous():
    client = AsyncClient(API, headers=HEADERS, timeout=60)
    answers = await asyncio.gather(*(client.chat(MODEL, ask(FRANCE), options=GREEDY) for _ in range(4)))
    equal([answer.message.content for answer in answers], [FRANCE_ANSWER] * 4)
    text = ""
    async for part in await client.generate(MODEL, FRANCE, options=GREEDY, stream=True):
        text += part.response
    equal(text, FRANCE_ANSWER)
    # A reader that leaves.
    async for part in await client.chat(MODEL, ask(STORY), options={"temperature": 0}, stream=True):
        equal(part.done, False)
        break
    with raises(ResponseError, 404, "not found"):
        await client.show("nope")
    done("asynchronous")


def main():
    client = Client(API, headers=HEADERS, timeout=60)
    for step in (models, residency, generate, chat, formats, tools, errors):
        step(client)
    asyncio.run(asynchronous())
    report()


main()
