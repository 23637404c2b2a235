"""The standard tests of LangChain for embedding models."""

from langchain_ollama import OllamaEmbeddings
from langchain_openai import OpenAIEmbeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests

from agent import EMBEDDER, OLLAMA, OPENAI


class TestOllamaEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self):
        return OllamaEmbeddings

    @property
    def embedding_model_params(self):
        return {**OLLAMA, "model": EMBEDDER}


class TestOpenAIEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self):
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self):
        # Otherwise it cuts texts with the tokenizer of a model of OpenAI, which it downloads.
        return {**OPENAI, "model": EMBEDDER, "check_embedding_ctx_length": False}
