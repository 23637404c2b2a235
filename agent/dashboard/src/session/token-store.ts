/** The token lives with the tab: closing it logs out, and no other site's script can read it. */
const key = 'ollamamax.token';

export const tokenStore = {
  get: (): string | undefined => sessionStorage.getItem(key) ?? undefined,
  set: (token: string): void => sessionStorage.setItem(key, token),
  clear: (): void => sessionStorage.removeItem(key),
};
