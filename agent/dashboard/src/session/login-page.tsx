import { Alert, Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useRef, type SyntheticEvent } from 'react';
import { ProblemError } from '../api/problem.ts';
import { messages } from '../messages.ts';
import { Brand } from '../shell/brand.tsx';
import { ThemeSwitch } from '../shell/theme-switch.tsx';
import { logIn } from './session.ts';

const text = messages.login;

export const LoginPage = () => {
  const client = useQueryClient();
  const navigate = useNavigate();
  const { expired } = useSearch({ from: '/login' });
  const password = useRef<HTMLInputElement>(null);
  const login = useMutation({
    mutationFn: (credentials: { username: string; password: string }) => logIn(client, credentials),
    onSuccess: () => navigate({ to: '/' }),
    onError: () => password.current?.select(),
  });
  const submit = (event: SyntheticEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    login.mutate({ username: form.get('username') as string, password: form.get('password') as string });
  };
  return (
    <main className="login">
      <Paper className="login-card" p="xl" withBorder>
        <form onSubmit={submit}>
          <Stack gap="lg">
            <div>
              <Brand />
              <Title order={1} size="h2" mt="lg">
                {text.title}
              </Title>
              <Text c="dimmed" size="sm" mt={4}>
                {text.intro}
              </Text>
            </div>
            {expired === true && !login.isError && <Alert color="blue">{text.expired}</Alert>}
            {login.isError && (
              <Alert color="red" role="alert" title={login.error.message}>
                {login.error instanceof ProblemError && login.error.action}
              </Alert>
            )}
            <TextInput
              label={text.user}
              name="username"
              autoComplete="username"
              required
              withAsterisk={false}
              autoFocus
              size="md"
            />
            <PasswordInput
              ref={password}
              label={text.password}
              name="password"
              autoComplete="current-password"
              required
              withAsterisk={false}
              size="md"
            />
            <Button type="submit" size="md" loading={login.isPending}>
              {text.submit}
            </Button>
          </Stack>
        </form>
      </Paper>
      <ThemeSwitch />
    </main>
  );
};
