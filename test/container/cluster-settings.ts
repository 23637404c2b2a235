import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentIdentity } from '@ollamamax/api';
import { createCertificateAuthority, issueCertificate } from '@ollamamax/common';

export interface ClusterSettingsFiles {
  readonly folder: string;
  readonly cluster: string;
  readonly ids: readonly string[];
  readonly peersDns: string;
  /** Contents of the users file. */
  readonly users: string;
  readonly jwtSecret: string;
  readonly model: string;
}

/**
 * Writes one folder per agent with what is mounted into its container: node.yaml, its certificate, users and the
 * secret of the tokens. Returns the folders by id.
 */
export async function writeClusterSettings(
  files: ClusterSettingsFiles,
): Promise<ReadonlyMap<string, string>> {
  const authority = await createCertificateAuthority({ commonName: `${files.cluster} CA`, days: 2 });
  const folders = new Map<string, string>();
  for (const id of files.ids) {
    const folder = join(files.folder, id);
    const own = await issueCertificate(authority, { uriSan: agentIdentity(files.cluster, id), days: 1 });
    mkdirSync(folder, { recursive: true });
    // The user in the container is nobody on this machine.
    chmodSync(folder, 0o755);
    const contents = {
      'node.yaml': nodeYaml(files),
      'ca.crt': authority.cert,
      'agent.crt': own.cert,
      'agent.key': own.key,
      'users.yaml': files.users,
      'jwt.secret': files.jwtSecret,
    };
    for (const [name, text] of Object.entries(contents)) {
      writeFileSync(join(folder, name), text, { mode: 0o644 });
    }
    folders.set(id, folder);
  }
  return folders;
}

function nodeYaml({ cluster, peersDns, model }: ClusterSettingsFiles): string {
  return `
cluster:
  name: ${cluster}
  peersDns: ${peersDns}
  pollMs: 250
listen:
  api: 0.0.0.0:8080
  dashboard: 0.0.0.0:8081
  metrics: 0.0.0.0:9090
  internal: 0.0.0.0:9443
  raft: 0.0.0.0:7000
internalTls:
  caFile: /etc/ollamamax/ca.crt
  certFile: /etc/ollamamax/agent.crt
  keyFile: /etc/ollamamax/agent.key
storage:
  dataDir: /data
  modelDir: /data/models
  cacheDir: /data/cache
auth:
  enabled: true
  usersFile: /etc/ollamamax/users.yaml
  jwtSecretFile: /etc/ollamamax/jwt.secret
log:
  format: json
models:
  - name: ${model}
    source:
      file: /app/models/ollamamax-tiny-q8_0.gguf
    replicas: 1
`;
}
