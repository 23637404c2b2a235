import { child, namesOf, selectorLabels, type Child, type DesiredInput } from './child.ts';

export const serviceMonitor = ({ cluster }: DesiredInput): Child | undefined => {
  const { serviceMonitor: wanted, interval, labels } = cluster.spec.monitoring;
  if (!wanted) return undefined;
  return child(
    cluster,
    'monitoring.coreos.com/v1',
    'ServiceMonitor',
    namesOf(cluster).serviceMonitor,
    {
      spec: {
        selector: { matchLabels: selectorLabels(cluster) },
        namespaceSelector: { matchNames: [cluster.metadata.namespace] },
        endpoints: [{ port: 'metrics', path: '/metrics', interval, honorLabels: false }],
      },
    },
    { labels },
  );
};

const alert = (name: string, expr: string, hold: string, severity: string, summary: string): object => ({
  alert: name,
  expr,
  for: hold,
  labels: { severity },
  annotations: {
    summary,
    runbook_url: `https://github.com/ollamamax/ollamamax/blob/main/docs/kubernetes.md#alert-${name.toLowerCase()}`,
  },
});

export const prometheusRule = ({ cluster }: DesiredInput): Child | undefined => {
  const { rules: wanted, labels } = cluster.spec.monitoring;
  if (!wanted) return undefined;
  const { name, namespace } = cluster.metadata;
  const of = `namespace="${namespace}",service="${namesOf(cluster).headlessService}"`;
  return child(
    cluster,
    'monitoring.coreos.com/v1',
    'PrometheusRule',
    namesOf(cluster).prometheusRule,
    {
      spec: {
        groups: [
          {
            name: `ollamamax-${namespace}-${name}`,
            rules: [
              alert(
                'OllamaMaxAgentDown',
                `up{${of}} == 0`,
                '5m',
                'warning',
                'An agent of {{ $labels.namespace }} cannot be scraped.',
              ),
              alert(
                'OllamaMaxNoQuorum',
                `sum(up{${of}}) <= count(up{${of}}) / 2`,
                '2m',
                'critical',
                'Half of the agents or more are away.',
              ),
              alert(
                'OllamaMaxNoLeader',
                `max(ollamamax_raft_has_leader{${of}}) == 0`,
                '1m',
                'critical',
                'No agent leads: what was agreed is served, and nothing can be changed. See docs/raft/operations.md.',
              ),
              alert(
                'OllamaMaxMemberSilent',
                `max(ollamamax_raft_members_silent{${of}}) > 0`,
                '10m',
                'warning',
                'A member of the group of agents has not been heard of by the leader.',
              ),
              alert(
                'OllamaMaxModelNotReady',
                `sum by (model) (ollamamax_model_ready{${of}}) == 0`,
                '10m',
                'warning',
                'No agent can serve {{ $labels.model }}.',
              ),
              alert(
                'OllamaMaxErrors',
                `sum(rate(ollamamax_errors_total{${of},code!="cancelled"}[5m])) / sum(rate(ollamamax_http_requests_total{${of}}[5m])) > 0.05`,
                '10m',
                'warning',
                'More than 5 % of the requests fail.',
              ),
              alert(
                'OllamaMaxRunnerCrashes',
                `increase(ollamamax_runner_restarts_total{${of}}[15m]) > 3`,
                '0m',
                'warning',
                'The process that runs {{ $labels.model }} ends again and again.',
              ),
            ],
          },
        ],
      },
    },
    { labels },
  );
};
