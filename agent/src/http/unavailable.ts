import { ApiError } from '@ollamamax/api';

/** A field that clients know and this version cannot serve, with what to send instead. */
export const unavailable = (field: string, instead: string): ApiError =>
  new ApiError('invalid_request', `${field} is not available in this version: ${instead}.`, { param: field });
