import type { Logger } from '@ollamamax/common';
import type { AgentMetrics } from '../observability/agent-metrics.ts';
import type { RequestContext } from './request-context.ts';

/** Counts and logs each answered request; only failures of ours are told at a level that is on by default. */
export const createAccessLog =
  (metrics: AgentMetrics, logger: Logger) =>
  (context: RequestContext, status: number, durationMs: number, method: string): void => {
    metrics.requestFinished({
      route: context.route,
      method,
      status,
      seconds: durationMs / 1000,
      errorCode: context.errorCode,
      dialect: context.dialect,
    });
    const level = status >= 500 && context.errorCode !== 'cancelled' ? 'warn' : 'debug';
    logger[level]('request', () => ({
      requestId: context.id,
      method,
      route: context.route,
      status,
      ms: Math.round(durationMs),
      user: context.user?.name,
      servedBy: context.servedBy,
      code: context.errorCode,
    }));
  };
