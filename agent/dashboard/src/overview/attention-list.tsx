import { Paper, Text, Title } from '@mantine/core';
import { useRef } from 'react';
import { formatDuration } from '../format.ts';
import { firstSeen, type AttentionItem } from '../live/attention.ts';
import { messages } from '../messages.ts';
import { Moment } from '../shell/time-zone.tsx';
import { StatusLabel } from './status-label.tsx';

const text = messages.attention;
const shown = 5;

/** At most five things, worst first, each with cause, age and what to do. Nothing when all is well. */
export const AttentionList = ({
  items,
  now,
}: {
  readonly items: readonly AttentionItem[];
  readonly now: number;
}) => {
  const seen = useRef<ReadonlyMap<string, number>>(new Map());
  seen.current = firstSeen(seen.current, items, now);
  if (items.length === 0) return null;
  return (
    <section aria-labelledby="attention">
      <Title order={2} size="h4" id="attention" mb="xs">
        {text.title}
      </Title>
      <Paper withBorder component="ul" className="attention">
        {items.slice(0, shown).map(({ id, severity, title, cause, action }) => {
          const since = seen.current.get(id) ?? now;
          return (
            <li key={id} data-severity={severity}>
              <div className="attention-head">
                <StatusLabel tone={severity}>
                  <span className="hidden">{text.severity[severity]}: </span>
                  <strong>{title}</strong>
                </StatusLabel>
                <Text span size="sm" c="dimmed">
                  <Moment at={since}>{text.since(formatDuration(now - since))}</Moment>
                </Text>
              </div>
              <Text size="sm">{cause}</Text>
              <Text size="sm" c="dimmed">
                {action}
              </Text>
            </li>
          );
        })}
      </Paper>
      {items.length > shown && (
        <Text size="sm" c="dimmed" mt="xs">
          {text.more(items.length - shown)}
        </Text>
      )}
    </section>
  );
};
