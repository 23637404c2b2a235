import { NativeSelect, SimpleGrid, Stack, Textarea, TextInput } from '@mantine/core';
import type { ModelEventValue } from '@ollamamax/api';
import { messages } from '../messages.ts';
import { conversation, type Settings } from './conversation.ts';

const text = messages.playground;

export const SettingsForm = ({
  settings,
  models,
}: {
  readonly settings: Settings;
  readonly models: readonly ModelEventValue[];
}) => (
  <Stack gap="md">
    <NativeSelect
      label={text.model}
      value={settings.model}
      onChange={(event) => conversation.change({ model: event.currentTarget.value })}
      data={models.map(({ name, replicasReady }) => ({
        value: name,
        label: replicasReady > 0 ? name : `${name} ${text.notReady}`,
        disabled: replicasReady === 0,
      }))}
    />
    <Textarea
      label={text.system}
      placeholder={text.systemPlaceholder}
      value={settings.system}
      onChange={(event) => conversation.change({ system: event.currentTarget.value })}
      rows={3}
    />
    <SimpleGrid cols={2} spacing="sm">
      <TextInput
        label={text.temperature}
        type="number"
        min={0}
        max={2}
        step={0.1}
        title={text.temperatureHint}
        value={settings.temperature}
        onChange={(event) => conversation.change({ temperature: event.currentTarget.value })}
      />
      <TextInput
        label={text.maxTokens}
        type="number"
        min={1}
        step={1}
        title={text.maxTokensHint}
        value={settings.maxTokens}
        onChange={(event) => conversation.change({ maxTokens: event.currentTarget.value })}
      />
    </SimpleGrid>
  </Stack>
);
