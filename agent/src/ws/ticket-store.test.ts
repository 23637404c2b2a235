import { describe, expect, test } from '@jest/globals';
import { createTicketStore } from './ticket-store.ts';

const grant = { user: { name: 'ann', role: 'user' }, token: 't', origin: 'http://a', address: '::1' };
const place = { origin: 'http://a', address: '::1' };

describe('ticket store', () => {
  test('a ticket works once', () => {
    const store = createTicketStore({ ttlMs: 1000, max: 10 });
    const { ticket } = store.issue(grant);
    expect(store.consume(ticket, place)).toEqual(grant);
    expect(store.consume(ticket, place)).toBeUndefined();
  });

  test('a try from elsewhere fails and uses it up', () => {
    const store = createTicketStore({ ttlMs: 1000, max: 10 });
    const first = store.issue(grant).ticket;
    expect(store.consume(first, { ...place, origin: 'http://b' })).toBeUndefined();
    expect(store.consume(first, place)).toBeUndefined();
    const second = store.issue(grant).ticket;
    expect(store.consume(second, { ...place, address: '10.0.0.1' })).toBeUndefined();
  });

  test('expires', () => {
    let now = 0;
    const store = createTicketStore({ ttlMs: 1000, max: 10, now: () => now });
    const { ticket, expiresAt } = store.issue(grant);
    expect(expiresAt).toBe(new Date(1000).toISOString());
    now = 1000;
    expect(store.consume(ticket, place)).toBeUndefined();
  });

  test('holds at most its maximum, the newest', () => {
    const store = createTicketStore({ ttlMs: 1000, max: 2 });
    const [a, b, c] = [store.issue(grant), store.issue(grant), store.issue(grant)];
    expect(store.consume(a.ticket, place)).toBeUndefined();
    expect(store.consume(b.ticket, place)).toEqual(grant);
    expect(store.consume(c.ticket, place)).toEqual(grant);
  });
});
