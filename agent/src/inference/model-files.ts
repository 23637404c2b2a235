import type { EngineModel } from './engine.ts';

/** Everything that a model is read from; lower-case hex SHA-256 of each file, that of the weights first. */
export const digestsOf = ({ digest, adapters = [], projector, draft }: EngineModel): readonly string[] => [
  digest,
  ...adapters.map((adapter) => adapter.digest),
  ...(projector === undefined ? [] : [projector.digest]),
  ...(draft === undefined ? [] : [draft.digest]),
];
