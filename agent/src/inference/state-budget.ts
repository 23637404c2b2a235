const mebibyte = 1024 * 1024;
/** What the cache of a model takes at most when nobody says. */
const usualBytes = 512 * mebibyte;
/** Of the memory that is available when the model is loaded. */
const usualShare = 0.05;

/**
 * Bytes of memory for states of conversations that a model has no place for. They come from what the model leaves: no
 * model is refused because of them.
 * @param available bytes that a new process may take
 * @param needed bytes of them that the model takes itself
 * @param wanted what the settings say; undefined: as much as is usual
 */
export const stateMemoryBytes = (available: number, needed: number, wanted: number | undefined): number =>
  Math.floor(
    Math.max(0, Math.min(wanted ?? Math.min(usualBytes, available * usualShare), available - needed)),
  );
