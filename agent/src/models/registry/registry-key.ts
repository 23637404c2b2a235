import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '@ollamamax/common';

/** Who an agent is to registries that know it by its key. */
export interface RegistryKey {
  /** A signature of a text, with the public key, as an Authorization header. */
  sign(text: string): string;
}

/** A field of SSH's wire format (RFC 4251): its length in four bytes, then the bytes. */
const field = (bytes: Uint8Array): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

const keyOf = (key: KeyObject): RegistryKey => {
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  const publicKey = Buffer.concat([field(Buffer.from('ssh-ed25519')), field(Buffer.from(x, 'base64url'))]);
  return {
    sign: (text) =>
      `${publicKey.toString('base64')}:${sign(null, Buffer.from(text), key).toString('base64')}`,
  };
};

/** Reads the key of this agent, or makes it when it is needed first. */
export const openRegistryKey = async (path: string): Promise<RegistryKey> => {
  try {
    return keyOf(createPrivateKey(await readFile(path)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFileAtomic(path, privateKey.export({ format: 'pem', type: 'pkcs8' }), 0o600);
  return keyOf(privateKey);
};
