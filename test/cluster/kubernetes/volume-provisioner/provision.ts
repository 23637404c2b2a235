import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { volumesInNode } from '../addresses.ts';
import type { ApiClient } from '../api-client.ts';

/** As the StorageClass in manifests/storage-class.yaml names it. */
const provisioner = 'volumes.ollamamax.test';

interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Claim {
  readonly metadata: Metadata;
  readonly spec: {
    readonly storageClassName?: string;
    readonly volumeName?: string;
    readonly accessModes?: readonly string[];
    readonly resources?: { readonly requests?: { readonly storage?: string } };
  };
}

interface Volume {
  readonly metadata: Metadata;
  readonly spec: {
    readonly persistentVolumeReclaimPolicy?: string;
    readonly local?: { readonly path: string };
    readonly nodeAffinity?: {
      readonly required?: {
        readonly nodeSelectorTerms: readonly {
          readonly matchExpressions?: readonly { readonly values?: readonly string[] }[];
        }[];
      };
    };
  };
  readonly status?: { readonly phase?: string };
}

interface List<T> {
  readonly items: readonly T[];
}

/** Makes what claims wait for and removes what nobody claims any more. Says in one line each what it did. */
export async function provisionOnce(client: ApiClient, clusterFolder: string): Promise<readonly string[]> {
  // From the API server's memory, which costs it nearly nothing.
  const [claims, volumes] = await Promise.all([
    client.get<List<Claim>>('/api/v1/persistentvolumeclaims?resourceVersion=0'),
    client.get<List<Volume>>('/api/v1/persistentvolumes?resourceVersion=0'),
  ]);
  const done: string[] = [];
  for (const claim of claims.items) {
    const node = claim.metadata.annotations?.['volume.kubernetes.io/selected-node'];
    const wanted = claim.metadata.annotations?.['volume.kubernetes.io/storage-provisioner'] === provisioner;
    const name = `pvc-${claim.metadata.uid}`;
    if (!wanted || node === undefined || (claim.spec.volumeName ?? '') !== '') continue;
    if (volumes.items.some((volume) => volume.metadata.name === name)) continue;
    if (await create(client, clusterFolder, claim, name, node)) done.push(`${name} made on ${node}`);
  }
  for (const { metadata, spec, status } of volumes.items) {
    const ours = metadata.annotations?.['pv.kubernetes.io/provisioned-by'] === provisioner;
    if (!ours || status?.phase !== 'Released' || spec.persistentVolumeReclaimPolicy !== 'Delete') continue;
    const node = spec.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions?.[0]?.values?.[0];
    if (node !== undefined) {
      rmSync(folderOf(clusterFolder, node, metadata.name), { recursive: true, force: true });
    }
    await expectStatus(client, 'DELETE', `/api/v1/persistentvolumes/${metadata.name}`, undefined, [200, 404]);
    done.push(`${metadata.name} removed`);
  }
  return done;
}

/** Returns whether there was such a node and no such volume. */
async function create(
  client: ApiClient,
  clusterFolder: string,
  { metadata, spec }: Claim,
  name: string,
  node: string,
): Promise<boolean> {
  if (!existsSync(join(clusterFolder, node))) return false;
  const folder = folderOf(clusterFolder, node, name);
  mkdirSync(folder, { recursive: true });
  // Pods run as any user.
  chmodSync(folder, 0o777);
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, annotations: { 'pv.kubernetes.io/provisioned-by': provisioner } },
    spec: {
      capacity: { storage: spec.resources?.requests?.storage ?? '1Gi' },
      accessModes: spec.accessModes ?? ['ReadWriteOnce'],
      storageClassName: spec.storageClassName,
      persistentVolumeReclaimPolicy: 'Delete',
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
      },
      local: { path: `${volumesInNode}/${name}` },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
          ],
        },
      },
    },
  };
  return (await expectStatus(client, 'POST', '/api/v1/persistentvolumes', volume, [201, 409])) === 201;
}

function folderOf(clusterFolder: string, node: string, volume: string): string {
  return join(clusterFolder, node, 'volumes', volume);
}

async function expectStatus(
  client: ApiClient,
  method: string,
  path: string,
  body: unknown,
  expected: readonly number[],
): Promise<number> {
  const { status, text } = await client.request(method, path, body);
  if (!expected.includes(status)) throw new Error(`${method} ${path}: ${status} ${text}`);
  return status;
}
