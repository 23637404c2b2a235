"""What the standard tests leave to the model, asked as the model card asks it."""

import openai
import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI
from ollama import ResponseError
from pydantic import BaseModel

from agent import OLLAMA_CHAT, OPENAI_CHAT, RESPONSES_CHAT

CHATS = {
    "ollama": (ChatOllama, OLLAMA_CHAT),
    "openai": (ChatOpenAI, OPENAI_CHAT),
    "responses": (ChatOpenAI, RESPONSES_CHAT),
}


class Person(BaseModel):
    name: str
    age: int


@tool
def get_weather(city: str) -> str:
    """Get the weather for a city."""
    return f"sunny in {city}"


@pytest.fixture(params=CHATS)
def new_chat(request):
    kind, params = CHATS[request.param]
    return lambda **other: kind(**{**params, **other})


class TestKnownAnswers:
    def test_answer(self, new_chat):
        assert new_chat().invoke("What is the capital of France?").text == "The capital of France is Paris."

    def test_tool_round(self, new_chat):
        chat = new_chat().bind_tools([get_weather])
        question = HumanMessage("What is the weather in Paris?")
        called = chat.invoke([question])
        assert [(call["name"], call["args"]) for call in called.tool_calls] == [("get_weather", {"city": "Paris"})]
        result = get_weather.invoke(called.tool_calls[0])
        assert chat.invoke([question, called, result]).text != ""

    def test_streamed_tool_call(self, new_chat):
        whole = None
        for chunk in new_chat().bind_tools([get_weather]).stream("What is the weather in Paris?"):
            whole = chunk if whole is None else whole + chunk
        assert [(call["name"], call["args"]) for call in whole.tool_calls] == [("get_weather", {"city": "Paris"})]

    @pytest.mark.parametrize("method", ["json_schema", "json_mode"])
    def test_object(self, new_chat, method):
        chat = new_chat().with_structured_output(Person, method=method)
        assert chat.invoke("Give {name, age} as JSON: Anna is 30 years old.") == Person(name="Anna", age=30)

    def test_unknown_model(self, new_chat):
        with pytest.raises((ResponseError, openai.NotFoundError), match="not found"):
            new_chat(model="nope").invoke("Hi")
        with pytest.raises((ResponseError, openai.NotFoundError), match="not found"):
            list(new_chat(model="nope").stream("Hi"))
