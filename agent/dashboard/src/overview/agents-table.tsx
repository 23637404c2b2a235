import { Anchor, Text } from '@mantine/core';
import type { ClusterEventValue, MetricsEventValue, ModelEventValue } from '@ollamamax/api';
import { formatDuration } from '../format.ts';
import { messages } from '../messages.ts';
import { Moment } from '../shell/time-zone.tsx';
import { StatusLabel, type Tone } from './status-label.tsx';

const text = messages.agents;

const tones: Record<ClusterEventValue['phase'], Tone> = {
  ready: 'good',
  starting: 'info',
  draining: 'info',
  offline: 'critical',
};
/** Unhealthy first. */
const order: readonly ClusterEventValue['phase'][] = ['offline', 'draining', 'starting', 'ready'];

export const AgentsTable = ({
  agents,
  metrics,
  models,
  now,
}: {
  readonly agents: readonly ClusterEventValue[];
  readonly metrics: Readonly<Record<string, MetricsEventValue>>;
  readonly models: readonly ModelEventValue[];
  readonly now: number;
}) => {
  if (agents.length === 0) return <Text c="dimmed">{text.empty}</Text>;
  const sorted = agents.toSorted(
    (a, b) => order.indexOf(a.phase) - order.indexOf(b.phase) || a.id.localeCompare(b.id),
  );
  return (
    <table className="cards">
      <thead>
        <tr>
          <th scope="col">{text.name}</th>
          <th scope="col">{text.state}</th>
          <th scope="col">{text.work}</th>
          <th scope="col">{text.memory}</th>
          <th scope="col">{text.models}</th>
          <th scope="col">{text.uptime}</th>
          <th scope="col">{text.lastSeen}</th>
        </tr>
      </thead>
      <tbody>
        {sorted.map((agent) => {
          const here = metrics[agent.id];
          const off = agent.phase === 'offline';
          const resident = models
            .filter(({ agents: copies }) =>
              copies.some(({ id, resident: loaded }) => id === agent.id && loaded !== undefined),
            )
            .map(({ name }) => name);
          return (
            <tr key={agent.id}>
              <th scope="row" data-label={text.name}>
                {agent.dashboardUrl === undefined || off ? (
                  agent.id
                ) : (
                  <Anchor inherit href={agent.dashboardUrl} title={text.open(agent.id)}>
                    {agent.id}
                  </Anchor>
                )}
                <Text span size="xs" c="dimmed" className="beside">
                  {agent.version}
                </Text>
              </th>
              <td data-label={text.state}>
                <StatusLabel tone={tones[agent.phase]}>{text.phase[agent.phase]}</StatusLabel>
              </td>
              <td data-label={text.work}>
                {here === undefined || off ? text.none : text.workValue(here.inFlight, here.queued)}
              </td>
              <td data-label={text.memory}>
                {off ? text.none : text.memoryValue(agent.memoryAvailableBytes, agent.memoryTotalBytes)}
              </td>
              <td data-label={text.models}>
                {off || resident.length === 0 ? text.none : resident.join(', ')}
              </td>
              <td data-label={text.uptime}>
                {off ? (
                  text.none
                ) : (
                  <Moment at={Date.parse(agent.startedAt)}>
                    {formatDuration(now - Date.parse(agent.startedAt))}
                  </Moment>
                )}
              </td>
              <td data-label={text.lastSeen}>
                <Moment at={Date.parse(agent.lastSeen)}>
                  {text.ago(formatDuration(now - Date.parse(agent.lastSeen)))}
                </Moment>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
};
