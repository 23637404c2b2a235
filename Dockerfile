# Two images; any builder will do (BuildKit or the classic one):
#   docker build -t ollamamax-agent .
#   docker build -t ollamamax-operator --target operator .
#
# BASE_IMAGE brings Node 24 with its npm in the usual place beside it, and glibc with libstdc++. Nothing here runs
# a shell, so that it may be as bare as that.
ARG BASE_IMAGE=node:24-bookworm-slim
# BUILD_IMAGE has Node, g++ and git besides, of the same distribution. It compiles our own build of the engine's addon
# (agent/native); with one that cannot, such as BASE_IMAGE itself, the agent uses the addon of the package, which is
# slower. Nothing of it is in the result but that file.
ARG BUILD_IMAGE=node:24-bookworm

# What npm needs to know of all workspaces.
FROM ${BASE_IMAGE} AS manifests
ARG NPM_CONFIG_REGISTRY=https://registry.npmjs.org/
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY api/package.json api/
COPY common/package.json common/
COPY operator/package.json operator/
COPY agent/package.json agent/
COPY agent/dashboard/package.json agent/dashboard/
COPY test/package.json test/
COPY scripts/docker-install.mjs scripts/docker-prune.mjs scripts/

FROM manifests AS operator-modules
RUN ["node", "scripts/docker-install.mjs", "--omit=dev", "--omit=peer", \
     "--workspace=api", "--workspace=common", "--workspace=operator"]

# Before the stages of the agent: the classic builder makes every stage that stands above the one it is asked for.
FROM ${BASE_IMAGE} AS operator
ENV NODE_ENV=production
WORKDIR /app
COPY --from=operator-modules /app/ ./
COPY LICENSE ./
COPY api/src/ api/src/
COPY common/src/ common/src/
COPY operator/src/ operator/src/
COPY scripts/docker-compile-cache.mjs scripts/docker-warm-operator.mjs scripts/
# Starts the operator as far as it gets without a cluster, as the user it will have: what it compiles stays in the
# image, and an image that cannot start is not built.
RUN ["node", "scripts/docker-warm-operator.mjs", "/app/.cache/node-compile"]
# Memory that was used for a moment goes back to the system: without these an operator of 100 clusters holds twice
# what it needs. Its heap has 75 MB in use then; NODE_OPTIONS may be set anew for far more.
ENV NODE_COMPILE_CACHE=/app/.cache/node-compile \
    MALLOC_ARENA_MAX=1 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    NODE_OPTIONS="--max-old-space-size=192 --max-semi-space-size=4"

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="OllamaMax operator" \
      org.opencontainers.image.description="Makes clusters of agents that serve language models from custom resources of Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/operator/src/main.ts"]

FROM manifests AS packages
RUN ["node", "scripts/docker-install.mjs", "--whole", "--omit=dev", "--omit=peer", \
     "--workspace=api", "--workspace=common", "--workspace=agent"]

FROM ${BUILD_IMAGE} AS addon
WORKDIR /app
COPY --from=packages /app/ ./
COPY agent/native/ agent/native/
COPY scripts/build-addon.mjs scripts/native-addon.mjs scripts/program.mjs scripts/step.mjs scripts/
ENV XDG_CACHE_HOME=/tmp
RUN ["node", "scripts/build-addon.mjs"]

FROM packages AS modules
RUN ["node", "scripts/docker-prune.mjs"]

FROM manifests AS dashboard
RUN ["node", "scripts/docker-install.mjs", "--workspace=agent/dashboard", "--workspace=api"]
COPY tsconfig.base.json ./
COPY api/ api/
COPY agent/dashboard/ agent/dashboard/
WORKDIR /app/agent/dashboard
RUN ["node", "/app/node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"]

FROM ${BASE_IMAGE} AS agent
ENV NODE_ENV=production
WORKDIR /app
COPY --from=modules /app/ ./
COPY --from=addon /app/agent/native/ agent/native/
COPY api/src/ api/src/
COPY common/src/ common/src/
COPY agent/src/ agent/src/
COPY --from=dashboard /app/agent/dashboard/dist/ agent/dashboard/dist/
COPY LICENSE models/MODEL_CARD.md models/ollamamax-tiny-q8_0.gguf models/
COPY manifests/container/node.yaml /etc/ollamamax/node.yaml
COPY scripts/docker-compile-cache.mjs scripts/docker-warm.mjs scripts/
# Starts the agent once, as the user it will have: what it compiles stays in the image, and an image that cannot
# start is not built.
RUN ["node", "scripts/docker-warm.mjs", "/app/.cache/node-compile"]
ENV NODE_COMPILE_CACHE=/app/.cache/node-compile

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="OllamaMax agent" \
      org.opencontainers.image.description="Serves language models as one of a cluster of equals, with Ollama's and OpenAI's APIs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

USER 65532:65532
VOLUME ["/data"]
EXPOSE 8080 8081 9090 9443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["node", "-e", \
  "fetch('http://127.0.0.1:9090/livez').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/agent/src/main.ts"]
CMD ["--config", "/etc/ollamamax/node.yaml"]
