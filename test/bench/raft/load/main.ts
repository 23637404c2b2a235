import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import { parseArgs } from 'node:util';
import { answers, ClientFrames, encodeClientFrame, kinds } from '../client-wire.ts';

/*
 * Loads a cluster of ours as etcd-load does etcd's, and prints one line of JSON: so many requests at a time, closed loop
 * or at a rate, over so many TLS connections. What is asked at first, while everything gets warm, does not count.
 */

const { values } = parseArgs({
  options: {
    endpoints: { type: 'string' },
    certificates: { type: 'string' },
    clients: { type: 'string', default: '500' },
    connections: { type: 'string', default: '100' },
    bytes: { type: 'string', default: '1024' },
    warm: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '10' },
    rate: { type: 'string', default: '0' },
    reads: { type: 'boolean', default: false },
  },
});
const clients = Number(values.clients);
const connections = Number(values.connections);
const rate = Number(values.rate);
const seconds = Number(values.seconds);
const endpoints = (values.endpoints ?? '').split(',');
const folder = values.certificates ?? '.';
const pem = (name: string): string => readFileSync(`${folder}/${name}`, 'utf8');
const credentials = { ca: pem('ca.crt'), cert: pem('client.crt'), key: pem('client.key') };

interface Client {
  readonly socket: TLSSocket;
  readonly waiting: Map<number, (answer: number) => void>;
}

const dial = (endpoint: string): Promise<Client> =>
  new Promise((resolve, reject) => {
    const at = endpoint.lastIndexOf(':');
    const socket = connect({
      host: endpoint.slice(0, at),
      port: Number(endpoint.slice(at + 1)),
      ...credentials,
      minVersion: 'TLSv1.3',
      checkServerIdentity: () => undefined,
    });
    socket.setNoDelay(true);
    const waiting = new Map<number, (answer: number) => void>();
    const frames = new ClientFrames();
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk, (number, answer) => {
        const done = waiting.get(number);
        waiting.delete(number);
        done?.(answer);
      });
    });
    socket.once('secureConnect', () => resolve({ socket, waiting }));
    socket.on('error', (error) => {
      reject(error);
      for (const done of waiting.values()) done(answers.failed);
      waiting.clear();
    });
  });

const body = new Uint8Array(Number(values.bytes)).fill(120);
const kind = values.reads ? kinds.read : kinds.write;
const pool = await Promise.all(
  Array.from({ length: connections }, (_, at) => dial(endpoints[at % endpoints.length] ?? '')),
);
let lastNumber = 0;
const ask = (client: Client): Promise<number> =>
  new Promise((resolve) => {
    lastNumber += 1;
    client.waiting.set(lastNumber, resolve);
    client.socket.write(encodeClientFrame(lastNumber, kind, kind === kinds.read ? new Uint8Array() : body));
  });

const latencies: number[] = [];
let failed = 0;
const begin = performance.now();
const counted = begin + Number(values.warm) * 1000;
const end = counted + seconds * 1000;
const pauseMs = rate > 0 ? (clients / rate) * 1000 : 0;
await Promise.all(
  Array.from({ length: clients }, async (_, number) => {
    const client = pool[number % pool.length];
    if (client === undefined) return;
    let next = begin + (pauseMs * number) / clients;
    while (performance.now() < end) {
      if (pauseMs > 0) {
        const wait = next - performance.now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        next += pauseMs;
      }
      const started = performance.now();
      if ((await ask(client)) !== answers.done) failed += 1;
      else if (started >= counted) latencies.push(performance.now() - started);
    }
  }),
);
const elapsed = (performance.now() - counted) / 1000;
latencies.sort((a, b) => a - b);
const quantile = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
process.stdout.write(
  `${JSON.stringify({ operations: latencies.length, seconds: elapsed, p50Ms: quantile(0.5), p99Ms: quantile(0.99), failed })}\n`,
);
for (const { socket } of pool) socket.destroy();
