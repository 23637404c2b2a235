import { apiGroup } from '@ollamamax/api';
import { child, childLabels, namesOf, selectorLabels, type Child, type DesiredInput } from './child.ts';
import type { StatefulSet } from '../objects.ts';
import { dataVolume, podTemplate } from './pod-template.ts';

/** On the StatefulSet: tells whether the template is the one that was applied last. */
export const templateHashAnnotation = `${apiGroup}/template-hash`;

/** Hash of the template that the input asks for. */
export const templateHash = (input: DesiredInput): string => input.digest(JSON.stringify(podTemplate(input)));

/**
 * The agents. Pods start and stop in parallel; which of them get a new template is decided by `partition`, which the
 * operator lowers one by one as long as nothing suffers.
 * @param volumeSize of the volumes it makes, see `claimSize`; left out, what the spec asks for
 */
export const statefulSet = (input: DesiredInput, partition: number, volumeSize?: string): Child => {
  const { cluster } = input;
  const { storage } = cluster.spec;
  const names = namesOf(cluster);
  return child(
    cluster,
    'apps/v1',
    'StatefulSet',
    names.statefulSet,
    {
      spec: {
        replicas: input.replicas,
        serviceName: names.headlessService,
        podManagementPolicy: 'Parallel',
        revisionHistoryLimit: 5,
        selector: { matchLabels: selectorLabels(cluster) },
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
        template: podTemplate(input),
        ...(storage.ephemeral
          ? {}
          : {
              persistentVolumeClaimRetentionPolicy: { whenDeleted: storage.retention, whenScaled: 'Retain' },
              volumeClaimTemplates: [
                {
                  apiVersion: 'v1',
                  kind: 'PersistentVolumeClaim',
                  metadata: { name: dataVolume, labels: childLabels(cluster) },
                  spec: {
                    accessModes: ['ReadWriteOnce'],
                    ...(storage.className === undefined ? {} : { storageClassName: storage.className }),
                    resources: { requests: { storage: volumeSize ?? String(storage.size) } },
                  },
                },
              ],
            }),
      },
    },
    { annotations: { [templateHashAnnotation]: templateHash(input) } },
  );
};

/** Name of the claim that a StatefulSet makes for one of its pods. */
export const claimName = (pod: string): string => `${dataVolume}-${pod}`;

/** Size that a StatefulSet was made with, which cannot be changed: another one is a matter of making it anew. */
export const claimSize = (made: StatefulSet | undefined): string | undefined =>
  made?.spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.storage;
