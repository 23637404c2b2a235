import { ActionIcon, Group } from '@mantine/core';
import { useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { LiveClient } from '../live/live-client.ts';
import { isStale, liveStore, useLive } from '../live/live-store.ts';
import { messages } from '../messages.ts';
import { logOut, mayEnter, sessionQuery } from '../session/session.ts';
import { tokenStore } from '../session/token-store.ts';
import { Banners } from './banners.tsx';
import { Brand } from './brand.tsx';
import { LeaveIcon } from './icons.tsx';
import { ThemeSwitch } from './theme-switch.tsx';
import { ZoneProvider, ZoneSwitch } from './time-zone.tsx';

const ConnectionState = () => {
  const { status, agent } = useLive((view) => view.connection);
  const live = status === 'live';
  return (
    <span className="connection" data-live={live}>
      <span className="dot" data-tone={live ? 'good' : 'warning'} aria-hidden="true" />
      {live && agent !== undefined ? messages.shell.live(agent) : messages.shell.connecting}
    </span>
  );
};

/** Frame of every page behind the log-in; keeps the live connection while it is shown. */
export const Shell = () => {
  const client = useQueryClient();
  const navigate = useNavigate();
  const { data: session } = useSuspenseQuery(sessionQuery);
  const stale = useLive(isStale);
  const entered = mayEnter(session);
  useEffect(() => {
    if (!entered) return;
    const live = new LiveClient({
      store: liveStore,
      token: tokenStore.get(),
      isLoggedIn: async () => mayEnter(await client.query({ ...sessionQuery, staleTime: 0 })),
      onLoggedOut: () => void navigate({ to: '/login', search: { expired: true } }),
    });
    return () => {
      live.stop();
      liveStore.reset();
    };
  }, [client, navigate, entered]);
  const leave = async (): Promise<void> => {
    logOut(client);
    await navigate({ to: '/login' });
  };
  return (
    <ZoneProvider>
      <a className="skip" href="#content">
        {messages.nav.skip}
      </a>
      <header className="bar">
        <div className="bar-inner">
          <Brand />
          <nav aria-label={messages.nav.main}>
            <Link to="/" activeOptions={{ exact: true }}>
              {messages.nav.overview}
            </Link>
            <Link to="/playground">{messages.nav.playground}</Link>
          </nav>
          <Group gap="xs" wrap="nowrap" className="bar-tools">
            <ConnectionState />
            <ZoneSwitch />
            <ThemeSwitch />
            {session.auth && session.user !== undefined && (
              <ActionIcon
                variant="default"
                size="lg"
                aria-label={messages.shell.logOut}
                title={`${messages.shell.logOut}. ${messages.shell.signedInAs(session.user.name, session.user.role)}`}
                onClick={() => void leave()}
              >
                <LeaveIcon />
              </ActionIcon>
            )}
          </Group>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        <Banners />
        <div data-stale={stale}>
          <Outlet />
        </div>
      </main>
    </ZoneProvider>
  );
};
