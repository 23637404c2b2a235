"""The official Python client of OpenAI, as its users call it, against an agent without the model."""

import asyncio
import json
from typing import Annotated

import openai
from openai import AsyncOpenAI, OpenAI
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
    WEATHER_PARAMETERS,
    ask,
    done,
    equal,
    raises,
    report,
)

BASE = f"{API}/v1"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the weather for a city.",
            "parameters": WEATHER_PARAMETERS,
        },
    }
]


class Person(BaseModel):
    name: str
    age: int
    # A tiny model does not know how to end a text of which it has nothing to say.
    nickname: Annotated[str, Field(max_length=8)] | None


def greedy(content):
    return {"model": MODEL, "messages": ask(content), "temperature": 0}


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def models(client):
    equal([model.id for model in client.models.list()], [f"{MODEL}:latest"])
    equal(client.models.retrieve(MODEL).owned_by, "library")
    done("models")


def completions(client):
    whole = client.chat.completions.create(**greedy(FRANCE))
    equal(whole.choices[0].message.content, FRANCE_ANSWER)
    equal(whole.choices[0].finish_reason, "stop")
    equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens)
    chunks = list(
        client.chat.completions.create(**greedy(FRANCE), stream=True, stream_options={"include_usage": True})
    )
    equal(text_of(chunks), FRANCE_ANSWER)
    equal(chunks[-1].usage.completion_tokens, whole.usage.completion_tokens)
    stopped = client.chat.completions.create(**greedy(COUNT), stop=", 4")
    equal(stopped.choices[0].message.content, "1, 2, 3")
    short = client.chat.completions.create(**greedy(COUNT), max_completion_tokens=2)
    equal((short.choices[0].finish_reason, short.usage.completion_tokens), ("length", 2))
    wild = {"model": MODEL, "messages": ask(STORY), "temperature": 2, "seed": 7, "max_completion_tokens": 40}
    first, second = (client.chat.completions.create(**wild).choices[0].message.content for _ in range(2))
    equal(first, second)
    done("completions")


def formats(client):
    parsed = client.chat.completions.parse(
        **greedy(ANNA), response_format=Person, max_completion_tokens=200
    ).choices[0].message.parsed
    equal((parsed.name, parsed.age), ("Anna", 30))
    text = client.chat.completions.create(**greedy(ANNA), response_format={"type": "json_object"})
    equal(json.loads(text.choices[0].message.content), {"name": "Anna", "age": 30})
    done("formats")


def tools(client):
    called = client.chat.completions.create(**greedy(WEATHER), tools=TOOLS).choices[0]
    equal(called.finish_reason, "tool_calls")
    (call,) = called.message.tool_calls
    equal((call.function.name, json.loads(call.function.arguments)), ("get_weather", {"city": "Paris"}))
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    answered = client.chat.completions.create(
        model=MODEL, temperature=0, messages=[*ask(WEATHER), called.message, result]
    )
    equal(answered.choices[0].message.content != "", True)
    with client.chat.completions.stream(**greedy(WEATHER), tools=TOOLS) as stream:
        for _event in stream:
            pass
        (streamed,) = stream.get_final_completion().choices[0].message.tool_calls
    equal(json.loads(streamed.function.arguments), {"city": "Paris"})
    done("tools")


def other_routes(client):
    equal(client.responses.create(model=MODEL, input=FRANCE, temperature=0).output_text, FRANCE_ANSWER)
    with client.responses.stream(model=MODEL, input=FRANCE, temperature=0) as stream:
        for _event in stream:
            pass
        equal(stream.get_final_response().output_text, FRANCE_ANSWER)
    completion = client.completions.create(
        model=MODEL, prompt=[FRANCE, COUNT], temperature=0, max_tokens=2, logprobs=1
    )
    equal([choice.index for choice in completion.choices], [0, 1])
    equal([len(choice.logprobs.tokens) for choice in completion.choices], [2, 2])
    (embedding,) = client.embeddings.create(model=MODEL, input=FRANCE).data
    equal(round(sum(value * value for value in embedding.embedding), 4), 1.0)
    done("other routes")


def errors(client):
    with raises(openai.NotFoundError, 404, "not found"):
        client.chat.completions.create(model="nope", messages=ask("Hi"))
    with raises(openai.NotFoundError, 404, "not found"):
        client.chat.completions.create(model="nope", messages=ask("Hi"), stream=True)
    with raises(openai.BadRequestError, 400, "temperature"):
        client.chat.completions.create(model=MODEL, messages=ask("Hi"), temperature=9)
    with raises(openai.AuthenticationError, 401, "/api/v1/auth/login"):
        OpenAI(api_key="sk-of-another-house", base_url=BASE).models.list()
    with raises(openai.BadRequestError, 400, "send the whole input"):
        client.responses.create(model=MODEL, input="Hi", previous_response_id="resp_1")
    done("errors")


async def asynchronous():
    async with AsyncOpenAI(api_key=TOKEN, base_url=BASE, timeout=60) as client:
        answers = await asyncio.gather(*(client.chat.completions.create(**greedy(FRANCE)) for _ in range(4)))
        equal([answer.choices[0].message.content for answer in answers], [FRANCE_ANSWER] * 4)
        stream = await client.chat.completions.create(**greedy(FRANCE), stream=True)
        equal(text_of([chunk async for chunk in stream]), FRANCE_ANSWER)
        # A reader that leaves.
        async with await client.chat.completions.create(**greedy(STORY), stream=True) as left:
            async for _chunk in left:
                break
        with raises(openai.NotFoundError, 404, "not found"):
            await client.models.retrieve("nope")
    done("asynchronous")


def main():
    with OpenAI(api_key=TOKEN, base_url=BASE, timeout=60) as client:
        for step in (models, completions, formats, tools, other_routes, errors):
            step(client)
    asyncio.run(asynchronous())
    report()


main()
