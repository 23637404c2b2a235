import { SimpleGrid, Stack, Textarea, TextInput } from '@mantine/core';
import { messages } from '../messages.ts';
import { conversation, type Settings } from './conversation.ts';

const text = messages.playground;

export const SettingsForm = ({ settings }: { readonly settings: Settings }) => (
  <Stack gap="md">
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
