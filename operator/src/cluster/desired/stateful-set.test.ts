import { describe, expect, test } from '@jest/globals';
import { clusterOf, inputOf } from '../cluster.fixture.ts';
import { childLabels, selectorLabels } from './child.ts';
import { podTemplate } from './pod-template.ts';
import { claimName, claimSize, statefulSet } from './stateful-set.ts';

const specOf = (input = inputOf(), partition = 0): Readonly<Record<string, unknown>> =>
  statefulSet(input, partition).spec as Readonly<Record<string, unknown>>;

describe('statefulSet', () => {
  test('has as many agents as there are to be now, not as asked for in the end', () => {
    expect(specOf().replicas).toBe(3);
    expect(specOf(inputOf(clusterOf({ replicas: 1 }), { replicas: 4 })).replicas).toBe(4);
  });

  test('starts and stops agents in parallel, and gives a new template to those from the partition on', () => {
    expect(specOf(inputOf(), 2)).toMatchObject({
      serviceName: 'demo-agents',
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
      selector: { matchLabels: selectorLabels(clusterOf()) },
      template: podTemplate(inputOf()),
    });
  });

  test('keeps volumes unless the spec says otherwise', () => {
    const policyOf = (spec: object) => specOf(inputOf(clusterOf(spec))).persistentVolumeClaimRetentionPolicy;
    expect(policyOf({})).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' });
    expect(policyOf({ storage: { retention: 'Delete' } })).toEqual({
      whenDeleted: 'Delete',
      whenScaled: 'Retain',
    });
  });

  test.each<[object, object]>([
    [{}, { resources: { requests: { storage: '20Gi' } } }],
    [
      { size: '1.5Ti', className: 'fast' },
      { storageClassName: 'fast', resources: { requests: { storage: '1.5Ti' } } },
    ],
    [{ size: 1000000 }, { resources: { requests: { storage: '1000000' } } }],
  ])('each agent has a volume: %j', (storage, expected) => {
    const [template, ...more] = specOf(inputOf(clusterOf({ storage }))).volumeClaimTemplates as {
      readonly metadata: { readonly name: string };
      readonly spec: object;
    }[];
    expect(more).toEqual([]);
    expect(template).toEqual({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', labels: childLabels(clusterOf()) },
      spec: { accessModes: ['ReadWriteOnce'], ...expected },
    });
    expect(claimName('demo-2')).toBe(`${template!.metadata.name}-demo-2`);
  });

  test('keeps the size of volumes that it was made with, whatever the spec asks for now', () => {
    const input = inputOf(clusterOf({ storage: { size: '40Gi' } }));
    expect(claimSize(statefulSet(input, 0))).toBe('40Gi');
    const kept = statefulSet(input, 0, '20Gi');
    expect(claimSize(kept)).toBe('20Gi');
    expect(statefulSet(input, 0, claimSize(kept))).toEqual(kept);
    expect(statefulSet(input, 0, claimSize(undefined))).toEqual(statefulSet(input, 0));
  });

  test('without volumes there is nothing of them', () => {
    const spec = specOf(inputOf(clusterOf({ storage: { ephemeral: true } })));
    expect(spec).not.toHaveProperty('volumeClaimTemplates');
    expect(spec).not.toHaveProperty('persistentVolumeClaimRetentionPolicy');
    const made = statefulSet(inputOf(clusterOf({ storage: { ephemeral: true } })), 0, '20Gi');
    expect(made.spec).toEqual(spec);
    expect(claimSize(made)).toBeUndefined();
  });

  test('what cannot be changed in a StatefulSet does not depend on what can be changed in a cluster', () => {
    const fixed = (spec: object) => {
      const { selector, serviceName, podManagementPolicy } = specOf(inputOf(clusterOf(spec)));
      return { selector, serviceName, podManagementPolicy };
    };
    expect(
      fixed({
        replicas: 7,
        image: 'x',
        gpu: {},
        pod: { labels: { 'app.kubernetes.io/name': 'x', a: 'b' } },
        monitoring: { labels: { a: 'b' } },
        auth: { enabled: false },
        tls: { managed: true },
      }),
    ).toEqual(fixed({}));
  });
});
