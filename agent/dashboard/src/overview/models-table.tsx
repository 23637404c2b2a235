import { Progress, Text } from '@mantine/core';
import type { ModelEventValue } from '@ollamamax/api';
import { Link } from '@tanstack/react-router';
import { formatBytes, percentOf } from '../format.ts';
import { messages } from '../messages.ts';
import { StatusLabel, type Tone } from './status-label.tsx';

const text = messages.models;

type Copy = ModelEventValue['agents'][number];

const toneOf = ({ replicasReady, replicasDesired, agents }: ModelEventValue): Tone => {
  if (replicasReady === 0)
    return agents.some(({ state }) => state === 'downloading' || state === 'verifying') ? 'info' : 'critical';
  return replicasReady < replicasDesired ? 'warning' : 'good';
};

const labelOf = ({ replicasReady, replicasDesired }: ModelEventValue): string => {
  if (replicasReady === 0) return text.notServed;
  return replicasReady < replicasDesired ? text.partly : text.served;
};

const Copies = ({ copies }: { readonly copies: readonly Copy[] }) => (
  <ul className="copies">
    {copies.map(({ id, state, completedBytes, sizeBytes, resident, error }) => {
      const moving = state === 'downloading' || state === 'verifying';
      const percent = percentOf(completedBytes, sizeBytes);
      return (
        <li key={id}>
          <span>{id}</span>
          <Text span size="sm" c="dimmed">
            {moving && `${text.phase[state]} ${percent} %`}
            {!moving && resident?.state === 'loading' && text.residentLoading}
            {!moving && resident !== undefined && resident.state !== 'loading' && text.resident}
            {!moving && resident === undefined && text.phase[state]}
          </Text>
          {moving && <Progress value={percent} size="sm" aria-label={text.progress(id, percent)} />}
          {error !== undefined && (
            <Text size="xs" className="copy-error">
              {error.message}
            </Text>
          )}
        </li>
      );
    })}
  </ul>
);

export const ModelsTable = ({ models }: { readonly models: readonly ModelEventValue[] }) => {
  if (models.length === 0)
    return (
      <div className="empty">
        <Text fw={600}>{text.empty}</Text>
        <Text size="sm" c="dimmed">
          {text.emptyAction}
        </Text>
      </div>
    );
  const share = ({ replicasReady, replicasDesired }: ModelEventValue): number =>
    Math.min(1, replicasReady / Math.max(1, replicasDesired));
  const sorted = models.toSorted((a, b) => share(a) - share(b) || a.name.localeCompare(b.name));
  return (
    <table className="cards">
      <thead>
        <tr>
          <th scope="col">{text.name}</th>
          <th scope="col">{text.state}</th>
          <th scope="col">{text.copies}</th>
          <th scope="col">{text.where}</th>
          <th scope="col">{text.size}</th>
          <th scope="col">
            <span className="hidden">{text.chatShort}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {sorted.map((model) => (
          <tr key={model.name}>
            <th scope="row" data-label={text.name}>
              {model.name}
              {model.details !== undefined && (
                <Text span size="xs" c="dimmed" className="beside">
                  {[model.details.parameterSize, model.details.quantization].filter(Boolean).join(' ')}
                </Text>
              )}
            </th>
            <td data-label={text.state}>
              <StatusLabel tone={toneOf(model)}>{labelOf(model)}</StatusLabel>
            </td>
            <td data-label={text.copies}>{text.copiesValue(model.replicasReady, model.replicasDesired)}</td>
            <td data-label={text.where}>
              {model.agents.length === 0 ? messages.agents.none : <Copies copies={model.agents} />}
            </td>
            <td data-label={text.size}>
              {model.sizeBytes > 0 ? formatBytes(model.sizeBytes) : messages.agents.none}
            </td>
            <td className="row-action">
              {model.replicasReady > 0 && model.details?.capabilities.includes('completion') !== false && (
                <Link
                  className="link"
                  to="/playground"
                  search={{ model: model.name }}
                  aria-label={text.chat(model.name)}
                >
                  {text.chatShort}
                </Link>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};
