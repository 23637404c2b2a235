import './trusted-types.ts';
import './styles.css';
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { createRoot } from 'react-dom/client';
import { createDashboardRouter } from './router.tsx';
import { theme } from './theme.ts';

const queries = new QueryClient({ defaultOptions: { queries: { refetchOnWindowFocus: false } } });
const router = createDashboardRouter(queries);
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
const mount = document.getElementById('app');

if (mount !== null)
  createRoot(mount).render(
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>,
  );
