/** Objects that somebody else has made under a name that the operator needs. */
export const strangers = [
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'demo' }, spec: { ports: [{ port: 1234 }] } },
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'demo-ca' }, stringData: { 'ca.crt': 'none' } },
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'demo', labels: { 'ollamamax.io/cluster': 'demo' } },
    spec: {
      replicas: 0,
      serviceName: 'mine',
      selector: { matchLabels: { app: 'mine' } },
      template: {
        metadata: { labels: { app: 'mine' } },
        spec: { containers: [{ name: 'mine', image: 'registry.example/mine:1' }] },
      },
    },
  },
] as const;
