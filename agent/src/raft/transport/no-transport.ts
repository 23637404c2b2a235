import type { Transport } from './transport.ts';

/** For a member that is alone: there is nobody to talk to. */
export const noTransport: Transport = {
  start: () => undefined,
  setPeers: () => undefined,
  send: () => undefined,
  resume: () => undefined,
  sendSnapshot: (_meta, _read, done) => {
    setImmediate(() => done(new Error('There are no other members.')));
    return () => undefined;
  },
  close: () => undefined,
};
