import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { answers, ClientFrames, encodeClientFrame, kinds } from './client-wire.ts';
import type { OurCluster } from './ours.ts';

const tryMs = 50;

/** One write by way of a member. @returns whether it was acknowledged in time */
const write = (endpoint: string, certificates: string, timeoutMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    const pem = (name: string): string => readFileSync(join(certificates, name), 'utf8');
    const [host, port] = endpoint.split(':');
    const socket = connect({
      host,
      port: Number(port),
      ca: pem('ca.crt'),
      cert: pem('client.crt'),
      key: pem('client.key'),
      checkServerIdentity: () => undefined,
    });
    const end = (done: boolean): void => {
      clearTimeout(late);
      socket.destroy();
      resolve(done);
    };
    const late = setTimeout(() => end(false), timeoutMs);
    const frames = new ClientFrames();
    socket.on('secureConnect', () => socket.write(encodeClientFrame(1, kinds.write, new Uint8Array(64))));
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk, (_number, answer) => end(answer === answers.done));
    });
    socket.on('error', () => end(false));
  });

/** Kills the leader, and has the others asked until one acknowledges a write. @returns milliseconds from the kill on */
export const failover = async (cluster: OurCluster, certificates: string): Promise<number> => {
  const { id } = await cluster.leader();
  const others = cluster.endpoints.filter((_, at) => at + 1 !== id);
  const begin = performance.now();
  await cluster.kill(id);
  for (let attempt = 0; ; attempt += 1) {
    const endpoint = others[attempt % others.length];
    if (endpoint !== undefined && (await write(endpoint, certificates, 1000))) break;
    await new Promise((resolve) => setTimeout(resolve, tryMs));
  }
  const elapsed = performance.now() - begin;
  cluster.restart(id);
  await cluster.leader();
  return elapsed;
};
