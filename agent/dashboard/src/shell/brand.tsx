import { messages } from '../messages.ts';

/** Three agents that agree. */
export const Brand = () => (
  <span className="brand">
    <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
      <path d="M12 5.5 5.5 17h13z" fill="none" stroke="currentColor" strokeWidth="1.8" />
      <circle cx="12" cy="5.5" r="3.2" className="brand-dot" />
      <circle cx="5.5" cy="17" r="3.2" className="brand-dot" />
      <circle cx="18.5" cy="17" r="3.2" className="brand-dot" />
    </svg>
    {messages.product}
  </span>
);
