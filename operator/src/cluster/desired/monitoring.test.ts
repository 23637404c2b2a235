import { describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { clusterOf, inputOf } from '../cluster.fixture.ts';
import { prometheusRule, serviceMonitor } from './monitoring.ts';
import { clientService, headlessService } from './network.ts';

const of = (monitoring: object) => inputOf(clusterOf({ monitoring }));

interface Service {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: { readonly ports: readonly { readonly name: string }[] };
}

describe('ServiceMonitor', () => {
  test('there is none when it is off', () => {
    expect(serviceMonitor(of({ serviceMonitor: false }))).toBeUndefined();
  });

  test('scrapes each agent once: of the Services that it selects one has the port', () => {
    const { spec } = serviceMonitor(of({ interval: '5s' })) as unknown as {
      readonly spec: {
        readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
        readonly namespaceSelector: unknown;
        readonly endpoints: readonly { readonly port: string; readonly interval: string }[];
      };
    };
    expect(spec.namespaceSelector).toEqual({ matchNames: ['team'] });
    expect(spec.endpoints).toHaveLength(1);
    expect(spec.endpoints[0]).toMatchObject({ path: '/metrics', interval: '5s' });
    const services = [headlessService(inputOf()), clientService(inputOf())] as unknown as Service[];
    const scraped = services.filter(
      (service) =>
        Object.entries(spec.selector.matchLabels).every(
          ([name, value]) => service.metadata.labels?.[name] === value,
        ) && service.spec.ports.some(({ name }) => name === spec.endpoints[0]!.port),
    );
    expect(scraped).toHaveLength(1);
  });
});

describe('PrometheusRule', () => {
  interface Alert {
    readonly alert: string;
    readonly expr: string;
    readonly for: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }
  const alerts = (
    prometheusRule(inputOf()) as unknown as {
      readonly spec: {
        readonly groups: readonly { readonly name: string; readonly rules: readonly Alert[] }[];
      };
    }
  ).spec.groups.flatMap(({ rules }) => rules);

  test('there is none when it is off', () => {
    expect(prometheusRule(of({ rules: false }))).toBeUndefined();
  });

  test('speaks of this cluster only', () => {
    for (const { expr } of alerts)
      for (const [, selector] of expr.matchAll(/\{([^}]*)\}/g))
        expect(selector).toMatch(/^namespace="team",service="demo-agents"/);
  });

  test('each alert says how bad it is, what it means and where to read on', () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
    for (const { alert, labels, annotations, for: hold } of alerts) {
      expect(['warning', 'critical']).toContain(labels.severity);
      expect(annotations.summary).toMatch(/^[A-Z{].*\.$/);
      expect(annotations.runbook_url).toContain(alert.toLowerCase());
      expect(hold).toMatch(/^\d+m$/);
    }
  });

  test('each metric is one that agents have', () => {
    const folder = new URL('../../../../agent/src/observability/', import.meta.url);
    const sources = readdirSync(folder)
      .filter((name) => name.endsWith('-metrics.ts'))
      .map((name) => readFileSync(new URL(name, folder), 'utf8'))
      .join('\n');
    const names = alerts.flatMap(({ expr }) =>
      [...expr.matchAll(/\bollamamax_([a-z_]+)/g)].map(([, name]) => name!),
    );
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) expect(sources).toMatch(new RegExp(`['"\`](ollamamax_)?${name}['"\`]`));
  });
});
