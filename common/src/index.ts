export * from './backoff.ts';
export * from './certificates.ts';
export * from './config-file.ts';
export * from './lifecycle.ts';
export * from './logger.ts';
export * from './metrics.ts';
export * from './tls.ts';
