import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

export interface Subject {
  /** The user that Kubernetes takes the holder for. */
  readonly user: string;
  readonly groups?: readonly string[];
  /** As openssl writes them: `IP:10.0.0.1`, `DNS:localhost`. */
  readonly names?: readonly string[];
}

/** Certificates and keys of one cluster, made with openssl, all signed by its own authority. */
export class Certificates {
  readonly folder: string;
  readonly #request: string;

  constructor(folder: string) {
    this.folder = folder;
    // Debian's own settings would make every certificate one of an authority.
    this.#request = join(folder, 'request.cnf');
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  base64(name: string): string {
    return readFileSync(this.file(name)).toString('base64');
  }

  /** The authority, and the keys with which tokens of service accounts are signed and checked. */
  async create(): Promise<void> {
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(this.#request, '[req]\ndistinguished_name = subject\n[subject]\n');
    await this.#make('ca', '/CN=ollamamax-test-cluster', [
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,keyCertSign,cRLSign,digitalSignature',
      'subjectKeyIdentifier=hash',
    ]);
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(this.file('service-accounts.key'), privateKey.export({ format: 'pem', type: 'sec1' }), {
      mode: 0o600,
    });
    writeFileSync(this.file('service-accounts.pub'), publicKey.export({ format: 'pem', type: 'spki' }));
  }

  /** A certificate for both ends of connections in NAME.crt, and its key in NAME.key; unless it is there. */
  async issue(name: string, { user, groups = [], names = [] }: Subject): Promise<void> {
    if (existsSync(this.file(`${name}.crt`))) return;
    const subject = [...groups.map((group) => `/O=${group}`), `/CN=${user}`].join('');
    await this.#make(
      name,
      subject,
      [
        'basicConstraints=critical,CA:FALSE',
        'keyUsage=critical,digitalSignature',
        'extendedKeyUsage=serverAuth,clientAuth',
        ...(names.length === 0 ? [] : [`subjectAltName=${names.join(',')}`]),
      ],
      ['-CA', this.file('ca.crt'), '-CAkey', this.file('ca.key')],
    );
  }

  async #make(name: string, subject: string, extensions: readonly string[], signer: readonly string[] = []) {
    await run('openssl', [
      ...['req', '-x509', '-config', this.#request, '-days', '365', '-nodes', '-subj', subject],
      ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
      ...['-keyout', this.file(`${name}.key`), '-out', this.file(`${name}.crt`)],
      ...signer,
      ...extensions.flatMap((extension) => ['-addext', extension]),
    ]);
  }
}

/** Writes a kubeconfig for the holder of a certificate. It is JSON, which is YAML, so that we can read it as well. */
export function writeKubeconfig(
  path: string,
  server: string,
  certificates: Certificates,
  name: string,
): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'ollamamax',
        cluster: { server, 'certificate-authority-data': certificates.base64('ca.crt') },
      },
    ],
    users: [
      {
        name,
        user: {
          'client-certificate-data': certificates.base64(`${name}.crt`),
          'client-key-data': certificates.base64(`${name}.key`),
        },
      },
    ],
    contexts: [{ name, context: { cluster: 'ollamamax', user: name } }],
    'current-context': name,
  };
  writeFileSync(path, JSON.stringify(config, null, 2), { mode: 0o600 });
}
