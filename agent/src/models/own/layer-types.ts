/** Media types of the parts of a model, as registries of Ollama's kind name them. */
export const layerTypes = {
  model: 'application/vnd.ollama.image.model',
  adapter: 'application/vnd.ollama.image.adapter',
  projector: 'application/vnd.ollama.image.projector',
  template: 'application/vnd.ollama.image.template',
  system: 'application/vnd.ollama.image.system',
  params: 'application/vnd.ollama.image.params',
  messages: 'application/vnd.ollama.image.messages',
  license: 'application/vnd.ollama.image.license',
} as const;

export const configType = 'application/vnd.docker.container.image.v1+json';
export const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';
