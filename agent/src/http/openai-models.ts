import { ApiError, canonicalModelName, type ModelEventValue } from '@ollamamax/api';
import type { ClusterReads } from './cluster-reads.ts';
import type { Handlers } from './handlers.ts';

const toModel = (model: ModelEventValue): object => ({
  id: model.name,
  object: 'model',
  created: Math.floor(Date.parse(model.modifiedAt ?? '1970-01-01T00:00:00Z') / 1000),
  owned_by: 'library',
});

/** OpenAI's list of models; only those that some agent can serve. */
export const openaiModelHandlers = (reads: ClusterReads): Handlers<'openaiModels' | 'openaiModel'> => ({
  openaiModels: ({ response }) => {
    const data = reads
      .models()
      .filter((model) => model.replicasReady > 0)
      .map(toModel);
    response.json({ object: 'list', data });
  },
  openaiModel: ({ request, response }) => {
    const name = canonicalModelName(String(request.params.model));
    const found = reads.models().find((model) => model.name === name && model.replicasReady > 0);
    if (found === undefined)
      throw new ApiError('model_not_found', `model "${name}" not found.`, { param: 'model' });
    response.json(toModel(found));
  },
});
