import type { Request, Response } from 'express';
import type { RouteId } from '@ollamamax/api';
import type { RequestContext } from './request-context.ts';

/** Answers one route. `body` has been validated against the route's schema. */
export type Handler = (call: {
  readonly request: Request;
  readonly response: Response;
  readonly context: RequestContext;
  readonly body: unknown;
}) => Promise<void> | void;

/** Handlers of every route that is available; the compiler checks that none is missing. */
export type Handlers<Ids extends RouteId = RouteId> = Readonly<Record<Ids, Handler>>;
