import type { ReactNode } from 'react';

export type Tone = 'good' | 'warning' | 'critical' | 'info' | 'off';

/** A state in words with a mark beside it: shape and colour both tell, text alone is enough. */
export const StatusLabel = ({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) => (
  <span className="status">
    <span className="dot" data-tone={tone} aria-hidden="true" />
    {children}
  </span>
);
