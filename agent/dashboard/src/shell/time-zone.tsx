import { Button } from '@mantine/core';
import { createContext, use, useState, type ReactNode } from 'react';
import { formatTime, type TimeZone } from '../format.ts';
import { messages } from '../messages.ts';

const key = 'ollamamax.zone';

const ZoneContext = createContext<{ readonly zone: TimeZone; readonly toggle: () => void }>({
  zone: 'local',
  toggle: () => undefined,
});

export const ZoneProvider = ({ children }: { readonly children: ReactNode }) => {
  const [zone, setZone] = useState<TimeZone>(() => (localStorage.getItem(key) === 'utc' ? 'utc' : 'local'));
  const toggle = (): void => {
    const next = zone === 'utc' ? 'local' : 'utc';
    localStorage.setItem(key, next);
    setZone(next);
  };
  return <ZoneContext value={{ zone, toggle }}>{children}</ZoneContext>;
};

export const ZoneSwitch = () => {
  const { zone, toggle } = use(ZoneContext);
  const label = zone === 'utc' ? messages.shell.toLocal : messages.shell.toUtc;
  return (
    <Button variant="default" h={34} px="sm" size="xs" onClick={toggle} title={label} aria-label={label}>
      {zone === 'utc' ? messages.shell.zoneUtc : messages.shell.zoneLocal}
    </Button>
  );
};

/** A moment in the chosen zone, exact on hover. `children` replaces the text, for ages. */
export const Moment = ({ at, children }: { readonly at: number; readonly children?: ReactNode }) => {
  const { zone } = use(ZoneContext);
  if (!Number.isFinite(at)) return <>{messages.agents.none}</>;
  const iso = new Date(at).toISOString();
  const full = formatTime(at, zone);
  return (
    <time dateTime={iso} title={children === undefined ? iso : `${full} (${iso})`}>
      {children ?? full}
    </time>
  );
};
