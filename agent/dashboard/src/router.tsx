import { Alert, Anchor, Button, Center, Stack, Text } from '@mantine/core';
import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Link,
  redirect,
} from '@tanstack/react-router';
import { ProblemError } from './api/problem.ts';
import { messages } from './messages.ts';
import { OverviewPage } from './overview/overview-page.tsx';
import { LoginPage } from './session/login-page.tsx';
import { mayEnter, sessionQuery } from './session/session.ts';
import { Shell } from './shell/shell.tsx';

const Failed = ({ error, reset }: { readonly error: unknown; readonly reset: () => void }) => (
  <Center p="xl">
    <Alert
      color="red"
      title={error instanceof ProblemError ? error.message : messages.shell.crashed}
      role="alert"
    >
      <Stack align="flex-start">
        <Text size="sm">{error instanceof ProblemError ? error.action : String(error)}</Text>
        <Button
          size="xs"
          onClick={() => {
            reset();
            location.reload();
          }}
        >
          {messages.shell.crashedAction}
        </Button>
      </Stack>
    </Alert>
  </Center>
);

const NotFound = () => (
  <Center p="xl">
    <Stack align="center">
      <Text>{messages.shell.notFound}</Text>
      <Anchor component={Link} to="/">
        {messages.shell.notFoundAction}
      </Anchor>
    </Stack>
  </Center>
);

const Loading = () => (
  <Center p="xl" role="status">
    <Text c="dimmed">{messages.shell.loading}</Text>
  </Center>
);

const root = createRootRouteWithContext<{ readonly queries: QueryClient }>()({
  errorComponent: Failed,
  notFoundComponent: NotFound,
});

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  validateSearch: (search: Record<string, unknown>): { readonly expired?: true } =>
    search.expired === true ? { expired: true } : {},
  beforeLoad: async ({ context }) => {
    if (mayEnter(await context.queries.query({ ...sessionQuery, staleTime: 'static' })))
      redirect({ to: '/', throw: true });
  },
  component: LoginPage,
});

const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  beforeLoad: async ({ context }) => {
    if (!mayEnter(await context.queries.query({ ...sessionQuery, staleTime: 'static' })))
      redirect({ to: '/login', throw: true });
  },
  component: Shell,
});

const overview = createRoute({ getParentRoute: () => inside, path: '/', component: OverviewPage });

const playground = createRoute({
  getParentRoute: () => inside,
  path: '/playground',
  validateSearch: (search: Record<string, unknown>): { readonly model?: string } =>
    typeof search.model === 'string' ? { model: search.model } : {},
  component: lazyRouteComponent(() => import('./playground/playground-page.tsx'), 'PlaygroundPage'),
});

export const createDashboardRouter = (queries: QueryClient) =>
  createRouter({
    routeTree: root.addChildren([login, inside.addChildren([overview, playground])]),
    context: { queries },
    defaultPendingComponent: Loading,
    defaultPreload: 'intent',
  });

declare module '@tanstack/react-router' {
  interface Register {
    readonly router: ReturnType<typeof createDashboardRouter>;
  }
}
