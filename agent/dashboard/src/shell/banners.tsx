import { Alert, Anchor, Button, Group, Text } from '@mantine/core';
import { version } from '@ollamamax/api';
import { formatDuration } from '../format.ts';
import { isStale, useLive } from '../live/live-store.ts';
import { messages } from '../messages.ts';

/** What the whole page must say before anything else: too old, cut off, or refused. */
export const Banners = () => {
  const stale = useLive(isStale);
  const connection = useLive((view) => view.connection);
  const now = useLive((view) => view.now);
  const agents = useLive((view) => view.state.cluster.values);
  const text = messages.stale;
  const others = Object.values(agents).filter(
    ({ id, phase, dashboardUrl }) =>
      id !== connection.agent && phase === 'ready' && dashboardUrl !== undefined,
  );
  return (
    <>
      {connection.version !== undefined && connection.version !== version && (
        <Alert color="blue" mb="md" role="status">
          <Group justify="space-between">
            <Text size="sm">{messages.shell.newVersion}</Text>
            <Button size="xs" onClick={() => location.reload()}>
              {messages.shell.reload}
            </Button>
          </Group>
        </Alert>
      )}
      {connection.status === 'refused' && (
        <Alert color="red" mb="md" role="alert" title={text.refused}>
          {text.refusedAction}
        </Alert>
      )}
      {connection.status === 'reconnecting' && connection.lastFrameAt === undefined && (
        <Alert color="yellow" mb="md" role="status">
          {text.never}
        </Alert>
      )}
      {stale && connection.status !== 'refused' && (
        <Alert color="yellow" mb="md" role="status" className="stale-banner">
          <Text size="sm" fw={600}>
            {text.sentence(formatDuration(now - (connection.lastFrameAt ?? now)), connection.agent ?? '')}
          </Text>
          {others.length > 0 && (
            <Text size="sm">
              {text.elsewhere}{' '}
              {others.slice(0, 3).map(({ id, dashboardUrl }, index) => (
                <span key={id}>
                  {index > 0 && ', '}
                  <Anchor inherit underline="always" href={dashboardUrl}>
                    {id}
                  </Anchor>
                </span>
              ))}
            </Text>
          )}
        </Alert>
      )}
    </>
  );
};
