import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { afterEach, describe, expect, test } from '@jest/globals';
import { dnsDiscovery, parsePeerAddress, staticDiscovery } from './discovery.ts';

const never = new AbortController().signal;

test.each([
  ['a.example:9443', 'a.example', 9443, 'a.example:9443'],
  ['a.example', 'a.example', 9443, 'a.example:9443'],
  ['10.0.0.1:1', '10.0.0.1', 1, '10.0.0.1:1'],
  ['[fd00::1]:7', 'fd00::1', 7, '[fd00::1]:7'],
  ['[fd00::1]', 'fd00::1', 9443, '[fd00::1]:9443'],
])('parsePeerAddress(%s)', (given, host, port, address) => {
  expect(parsePeerAddress(given)).toEqual({ host, port, address });
});

test('configured peers keep their ids', async () => {
  expect(await staticDiscovery([{ id: 'a', address: 'h:1' }])(never)).toEqual([
    { id: 'a', host: 'h', port: 1, address: 'h:1' },
  ]);
});

describe('by name', () => {
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) await new Promise<void>((resolve) => socket.close(resolve));
  });

  /** A name server that knows these records and no other name; of others it says so, or that it failed. */
  const nameServer = async (
    name: string,
    records: { readonly A: string[]; readonly AAAA: Buffer[] },
    otherwise: 'no such name' | 'failed' = 'no such name',
  ) => {
    const socket = createSocket('udp4');
    sockets.push(socket);
    socket.on('message', (query, from) => {
      const labels: string[] = [];
      let at = 12;
      for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
        labels.push(query.toString('latin1', at + 1, at + 1 + length));
        at += 1 + length;
      }
      const type = query.readUInt16BE(at + 1);
      const known = labels.join('.') === name;
      const data = !known
        ? []
        : type === 1
          ? records.A.map((ip) => Buffer.from(ip.split('.').map(Number)))
          : records.AAAA;
      const head = Buffer.from(query.subarray(0, 12));
      head.writeUInt16BE(known ? 0x8180 : otherwise === 'failed' ? 0x8182 : 0x8183, 2);
      head.writeUInt16BE(data.length, 6);
      head.writeUInt32BE(0, 8);
      const answers = data.map((bytes) => {
        const record = Buffer.alloc(12);
        record.writeUInt16BE(0xc00c, 0);
        record.writeUInt16BE(type, 2);
        record.writeUInt16BE(1, 4);
        record.writeUInt16BE(bytes.length, 10);
        return Buffer.concat([record, bytes]);
      });
      socket.send(Buffer.concat([head, query.subarray(12, at + 5), ...answers]), from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return `127.0.0.1:${socket.address().port}`;
  };

  test('A and AAAA records become addresses with the given port', async () => {
    const server = await nameServer('agents.test', {
      A: ['10.1.0.1', '10.1.0.2'],
      AAAA: [Buffer.from('fd000000000000000000000000000005', 'hex')],
    });
    const found = await dnsDiscovery('agents.test:7000', [server])(never);
    expect(found.map(({ address }) => address).sort()).toEqual([
      '10.1.0.1:7000',
      '10.1.0.2:7000',
      '[fd00::5]:7000',
    ]);
  });

  test('a name without records has no agents', async () => {
    const server = await nameServer('agents.test', { A: [], AAAA: [] });
    expect(await dnsDiscovery('agents.test', [server])(never)).toEqual([]);
    expect(await dnsDiscovery('other.test', [server])(never)).toEqual([]);
  });

  test('what the name server fails on, the system is asked for; when neither knows, that is an error', async () => {
    const server = await nameServer('agents.test', { A: [], AAAA: [] }, 'failed');
    const found = await dnsDiscovery('localhost:5', [server])(never);
    expect(found.map(({ address }) => address)).toContain('127.0.0.1:5');
    await expect(dnsDiscovery('nothing.invalid', [server])(never)).rejects.toThrow();
  });

  test('a short name of this machine is found as the system finds it', async () => {
    const found = await dnsDiscovery('localhost:5')(never);
    expect(found.map(({ address }) => address).some((a) => a === '127.0.0.1:5' || a === '[::1]:5')).toBe(
      true,
    );
  });
});
