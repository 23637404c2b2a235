/** What can go wrong with a model's name. */
export const modelErrors = ['invalid_model_name', 'model_not_found'] as const;

/** What can go wrong while a model answers. */
export const inferenceErrors = [
  ...modelErrors,
  'capability_missing',
  'context_exceeded',
  'invalid_format',
  'template_failed',
  'model_not_ready',
  'model_load_failed',
  'insufficient_memory',
  'runner_crashed',
  'queue_full',
  'queue_timeout',
  'agent_unreachable',
  'agent_draining',
  'deadline_exceeded',
] as const;

/** For what clients know and this version does not do. @param instead what to do */
export const later = (instead: string) => ({ access: 'user', unavailable: instead }) as const;
