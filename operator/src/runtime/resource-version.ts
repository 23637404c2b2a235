/**
 * Whether one state of an object is older than another one. Versions are those of etcd: numbers that rise.
 * @returns false when that cannot be told
 */
export const isOlder = (version: string | undefined, than: string | undefined): boolean => {
  const isVersion = (text: string | undefined): text is string => /^[0-9]+$/.test(text ?? '');
  return isVersion(version) && isVersion(than) && BigInt(version) < BigInt(than);
};
