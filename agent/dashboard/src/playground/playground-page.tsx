import { Button, Code, Group, NativeSelect, Paper, Text, Textarea, Title } from '@mantine/core';
import { useSuspenseQuery } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { useLive } from '../live/live-store.ts';
import { messages } from '../messages.ts';
import { sessionQuery } from '../session/session.ts';
import { tokenStore } from '../session/token-store.ts';
import { conversation, toRequest, useConversation } from './conversation.ts';
import { curlCommand } from './curl.ts';
import { SettingsForm } from './settings-form.tsx';
import { TurnView } from './turn-view.tsx';

const text = messages.playground;

/** The cluster's models that can chat, those that answer now first. */
const useChatModels = () => {
  const values = useLive((view) => view.state.models.values);
  return useMemo(
    () =>
      Object.values(values)
        .filter(({ details }) => details?.capabilities.includes('completion') !== false)
        .toSorted(
          (a, b) => Number(b.replicasReady > 0) - Number(a.replicasReady > 0) || a.name.localeCompare(b.name),
        ),
    [values],
  );
};

const CopyCurl = ({ prompt }: { readonly prompt: string }) => {
  const { settings, turns } = useConversation();
  const { data: session } = useSuspenseQuery(sessionQuery);
  const connected = useLive((view) => view.connection.agent);
  const agents = useLive((view) => view.state.cluster.values);
  const [state, setState] = useState<{ readonly copied: boolean; readonly shown?: string }>({
    copied: false,
  });
  const copy = async (): Promise<void> => {
    const asked = prompt.trim() === '' ? turns : [...turns, { ...blank, content: prompt }];
    const command = curlCommand({
      apiUrl: (connected === undefined ? undefined : agents[connected]?.apiUrl) ?? location.origin,
      auth: session.auth,
      // The conversation up to the last question: an answer at the end asks for nothing.
      body: toRequest(settings, asked.slice(0, asked.findLastIndex(({ role }) => role === 'user') + 1)),
    });
    try {
      await navigator.clipboard.writeText(command);
      setState({ copied: true });
    } catch {
      // Pages without HTTPS have no clipboard: show it instead.
      setState({ copied: false, shown: command });
    }
  };
  return (
    <>
      <Button
        variant="default"
        size="xs"
        onClick={() => void copy()}
        onBlur={() => setState({ copied: false })}
      >
        {state.copied ? text.copied : text.copyCurl}
      </Button>
      {state.shown !== undefined && (
        <Code block tabIndex={0} className="curl">
          {state.shown}
        </Code>
      )}
    </>
  );
};

const blank = { id: 0, role: 'user', content: '', state: 'done' } as const;

export const PlaygroundPage = () => {
  const { turns, settings, busy } = useConversation();
  const search = useSearch({ from: '/inside/playground' });
  const models = useChatModels();
  const [prompt, setPrompt] = useState('');
  const log = useRef<HTMLDivElement>(null);
  const ready = models.filter(({ replicasReady }) => replicasReady > 0);
  const wanted = search.model;

  useEffect(() => {
    if (wanted !== undefined) conversation.change({ model: wanted });
  }, [wanted]);
  const [firstReady] = ready;
  useEffect(() => {
    if (settings.model === '' && firstReady !== undefined) conversation.change({ model: firstReady.name });
  }, [settings.model, firstReady]);
  useEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [turns]);

  const canSend = !busy && prompt.trim() !== '' && settings.model !== '';
  const send = (): void => {
    if (!canSend) return;
    setPrompt('');
    void conversation.send(prompt, tokenStore.get());
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <div className="playground">
      <Title order={1} className="hidden">
        {text.title}
      </Title>
      <Paper withBorder className="chat">
        <div className="chat-head">
          <NativeSelect
            aria-label={text.model}
            value={settings.model}
            onChange={(event) => conversation.change({ model: event.currentTarget.value })}
            data={models.map(({ name, replicasReady }) => ({
              value: name,
              label: replicasReady > 0 ? name : `${name} ${text.notReady}`,
              disabled: replicasReady === 0,
            }))}
          />
          <Button
            variant="default"
            size="xs"
            disabled={turns.length === 0}
            onClick={() => conversation.clear()}
          >
            {text.clear}
          </Button>
        </div>
        <div ref={log} className="chat-log" tabIndex={0} role="log" aria-label={text.log}>
          {turns.length === 0 ? (
            <div className="empty">
              <Text fw={600}>{text.emptyTitle}</Text>
              <Text size="sm" c="dimmed">
                {ready.length === 0 ? text.noModels : text.empty}
              </Text>
            </div>
          ) : (
            <ol>
              {turns.map((turn) => (
                <TurnView key={turn.id} turn={turn} />
              ))}
            </ol>
          )}
        </div>
        <div className="chat-input">
          <Textarea
            aria-label={text.prompt}
            placeholder={text.promptPlaceholder}
            value={prompt}
            onChange={(event) => setPrompt(event.currentTarget.value)}
            onKeyDown={onKeyDown}
            rows={3}
          />
          <Group justify="space-between" gap="xs">
            <CopyCurl prompt={prompt} />
            {busy ? (
              <Button className="chat-send" color="red" onClick={() => conversation.stop()}>
                {text.stop}
              </Button>
            ) : (
              <Button className="chat-send" onClick={send} disabled={!canSend}>
                {text.send}
              </Button>
            )}
          </Group>
        </div>
      </Paper>
      <aside aria-labelledby="settings">
        <Paper withBorder p="md">
          <Title order={2} size="h4" mb="sm" id="settings">
            {text.settings}
          </Title>
          <SettingsForm settings={settings} />
        </Paper>
      </aside>
    </div>
  );
};
