export * from './conditions.ts';
export * from './custom-resource-definitions.ts';
export { modelSourceKinds, supportedModelSources, type ModelSourceKind } from './model-files.ts';
export * from './names.ts';
export * from './ollama-cluster.ts';
export * from './ollama-cluster-status.ts';
export * from './ollama-model.ts';
export * from './schema.ts';
