import { Alert, Text } from '@mantine/core';
import { messages } from '../messages.ts';
import type { Turn } from './conversation.ts';

const text = messages.playground;

export const TurnView = ({ turn }: { readonly turn: Turn }) => (
  <li className="turn" data-role={turn.role}>
    <Text size="xs" fw={600} c="dimmed" mb={4}>
      {turn.role === 'user' ? text.you : text.assistant}
    </Text>
    {turn.state === 'waiting' && (
      <Text c="dimmed" className="caret">
        {text.thinking}
      </Text>
    )}
    {turn.content !== '' && (
      <div className={turn.state === 'streaming' ? 'turn-text caret' : 'turn-text'}>{turn.content}</div>
    )}
    {turn.error !== undefined && (
      <Alert color="red" mt="xs" title={text.failed} role="alert">
        {turn.error.message} {turn.error.action}
      </Alert>
    )}
    {turn.state === 'stopped' && (
      <Text size="xs" c="dimmed" mt={6}>
        {text.stopped}
      </Text>
    )}
    {turn.stats !== undefined && (
      <Text size="xs" c="dimmed" mt={6} className="turn-stats">
        {text.stats(turn.stats.tokens, turn.stats.tokensPerSecond, text.duration(turn.stats.totalMs))}
        {turn.stats.agent !== undefined && `, ${text.servedBy(turn.stats.agent)}`}
      </Text>
    )}
  </li>
);
