"""How LangChain's classes reach the agent, in each dialect."""

import os

API = os.environ["OLLAMAMAX_TEST_API"]
TOKEN = os.environ["OLLAMAMAX_TEST_TOKEN"]
CHAT = "ollamamax-tiny"
# The same model, whose defaults make it come to an end even where it has nothing to say.
BRIEF = "brief"
EMBEDDER = "ollamamax-tiny-embed"

OLLAMA = {"base_url": API, "client_kwargs": {"headers": {"Authorization": f"Bearer {TOKEN}"}}}
OPENAI = {"base_url": f"{API}/v1", "api_key": TOKEN, "max_retries": 0}

OLLAMA_CHAT = {**OLLAMA, "model": CHAT, "temperature": 0, "num_predict": 250}
OPENAI_CHAT = {**OPENAI, "model": CHAT, "temperature": 0, "max_tokens": 250, "stream_usage": True}
RESPONSES_CHAT = {**OPENAI_CHAT, "use_responses_api": True}
