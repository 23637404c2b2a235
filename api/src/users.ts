import { Type, type Static } from 'typebox';
import { roles } from './names.ts';

export const UserName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$',
  description: 'Name the user logs in with.',
  examples: ['ada'],
});

export const UserRecord = Type.Object(
  {
    name: UserName,
    role: Type.Enum([...roles], { description: 'What the user may do.' }),
    passwordHash: Type.String({
      pattern:
        '^\\$argon2id\\$v=19\\$m=[0-9]{1,7},t=[0-9]{1,2},p=[0-9]{1,2}\\$[A-Za-z0-9+/]+\\$[A-Za-z0-9+/]+$',
      maxLength: 512,
      description: 'Argon2id hash of the password in PHC string format.',
      'x-secret': true,
    }),
    disabled: Type.Optional(Type.Boolean({ description: 'The user may not log in.' })),
  },
  { additionalProperties: false },
);
export type UserRecord = Static<typeof UserRecord>;

/** The users file: written by `ollamamax user`, read by every agent. */
export const UsersDocument = Type.Object(
  { users: Type.Array(UserRecord, { maxItems: 10000, default: [] }) },
  { additionalProperties: false },
);
