import { Paper, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useMemo, type ReactNode } from 'react';
import { formatDuration } from '../format.ts';
import { attentionItems, healthSentence } from '../live/attention.ts';
import { useLive } from '../live/live-store.ts';
import { messages } from '../messages.ts';
import { AgentsTable } from './agents-table.tsx';
import { AttentionList } from './attention-list.tsx';
import { ModelsTable } from './models-table.tsx';
import { Sparklines } from './sparklines.tsx';

const Section = ({
  id,
  title,
  age,
  children,
}: {
  readonly id: string;
  readonly title: string;
  readonly age: string;
  readonly children: ReactNode;
}) => (
  <section aria-labelledby={id}>
    <div className="section-head">
      <Title order={2} size="h4" id={id}>
        {title}
      </Title>
      <Text span size="xs" c="dimmed" className="age">
        {messages.updated(age)}
      </Text>
    </div>
    {children}
  </section>
);

/** What is true of the cluster now, what needs somebody, and the facts below. */
export const OverviewPage = () => {
  const { cluster, models: modelTopic, metrics } = useLive((view) => view.state);
  const now = useLive((view) => view.now);
  const lastFrameAt = useLive((view) => view.connection.lastFrameAt);
  const facts = useMemo(
    () => ({
      agents: Object.values(cluster.values),
      models: Object.values(modelTopic.values),
      metrics: metrics.values,
    }),
    [cluster.values, modelTopic.values, metrics.values],
  );
  const items = useMemo(() => attentionItems(facts), [facts]);
  if (cluster.position === undefined || modelTopic.position === undefined)
    return (
      <Stack gap="lg" role="status" aria-label={messages.health.waiting}>
        <Skeleton h={34} maw={520} />
        <Skeleton h={110} />
        <Skeleton h={180} />
        <Skeleton h={140} />
      </Stack>
    );
  const health = healthSentence(facts);
  const age = formatDuration(now - (lastFrameAt ?? now));
  return (
    <Stack gap="xl">
      <Title order={1} className="health" data-tone={health.severity}>
        <span className="health-mark" aria-hidden="true" />
        {health.text}
      </Title>
      <AttentionList items={items} now={now} />
      <Section id="activity" title={messages.metrics.title} age={age}>
        <Sparklines />
      </Section>
      <Section id="agents" title={messages.agents.title} age={age}>
        <Paper withBorder className="table-card">
          <AgentsTable agents={facts.agents} metrics={facts.metrics} models={facts.models} now={now} />
        </Paper>
      </Section>
      <Section id="models" title={messages.models.title} age={age}>
        <Paper withBorder className="table-card">
          <ModelsTable models={facts.models} />
        </Paper>
      </Section>
    </Stack>
  );
};
