/** RFC 3339 with the microseconds that leases and events are written with. */
export const microTime = (nowMs: number): string => new Date(nowMs).toISOString().replace('Z', '000Z');
