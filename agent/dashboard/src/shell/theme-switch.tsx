import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { messages } from '../messages.ts';
import { MoonIcon, SunIcon } from './icons.tsx';

/** Follows the system until it is used once. */
export const ThemeSwitch = () => {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme('light') === 'dark';
  const label = dark ? messages.shell.toLight : messages.shell.toDark;
  return (
    <ActionIcon
      variant="default"
      size="lg"
      aria-label={label}
      title={label}
      onClick={() => setColorScheme(dark ? 'light' : 'dark')}
    >
      {dark ? <SunIcon /> : <MoonIcon />}
    </ActionIcon>
  );
};
