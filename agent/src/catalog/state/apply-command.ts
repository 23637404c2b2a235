import type { CatalogCommand, CatalogOperation, DesiredState, ModelSpec } from '@ollamamax/api';
import { canonicalModelName } from '@ollamamax/api/model-name';
import { done, own, refused, without, type Applied } from './applied.ts';
import {
  catalogLimits,
  featureLevel,
  levelOfDesired,
  type CatalogMember,
  type CatalogState,
  type ModelVersion,
  type Session,
} from './catalog-state.ts';
import { UnknownCommandError } from './decode-command.ts';
import { putOwnModel, removeOwnModel } from './own-models.ts';

const sameBytes = (version: ModelVersion, { source, sha256 }: ModelSpec): boolean =>
  JSON.stringify([version.source, version.sha256]) === JSON.stringify([source, sha256]);

/** History of the models that are asked for; that of a model that is not any more goes with it. */
const versionsAfter = (
  versions: CatalogState['versions'],
  { revision, models }: DesiredState,
): CatalogState['versions'] =>
  Object.fromEntries(
    models.map((spec): [string, readonly ModelVersion[]] => {
      const name = canonicalModelName(spec.name);
      const known = own(versions, name) ?? [];
      const latest = known.at(-1);
      if (latest !== undefined && sameBytes(latest, spec)) return [name, known];
      const { source, sha256 } = spec;
      const version = { revision, source, ...(sha256 === undefined ? {} : { sha256 }) };
      return [name, [...known, version].slice(-catalogLimits.versions)];
    }),
  );

const setDesired = (
  state: CatalogState,
  { origin, state: next }: Extract<CatalogOperation, { op: 'setDesired' }>,
): Applied => {
  const { revision } = state.desired;
  if (origin === 'configuration' && revision > 0 && state.desiredOrigin === 'pushed')
    return done(state, undefined, { revision, changed: false });
  if (next.revision < revision)
    return refused(
      state,
      'stale_revision',
      `Revision ${next.revision} is older than revision ${revision}, which the cluster has.`,
    );
  if (next.revision === revision) return done(state, undefined, { revision, changed: false });
  if (state.featureLevel < levelOfDesired(next))
    return refused(state, 'agents_outdated', `The cluster has feature level ${state.featureLevel} still.`);
  const versions = versionsAfter(state.versions, next);
  return done({ ...state, desired: next, desiredOrigin: origin, versions }, 'desired', {
    revision: next.revision,
    changed: true,
  });
};

/** The configuration forgets them later, and the change that does it may need their votes. */
const takenOut = (
  state: CatalogState,
  isLeaving: (member: CatalogMember) => boolean,
): Pick<CatalogState, 'members' | 'leaving'> => {
  const members = Object.entries(state.members);
  const leaving = [
    ...Object.entries(state.leaving),
    ...members.filter(([, member]) => isLeaving(member)),
    // The oldest go first, should the configuration never change again.
  ].slice(-catalogLimits.members);
  return {
    members: Object.fromEntries(members.filter(([, member]) => !isLeaving(member))),
    leaving: Object.fromEntries(leaving),
  };
};

const admitMember = (
  state: CatalogState,
  { agent, incarnation, address }: Extract<CatalogOperation, { op: 'admitMember' }>,
): Applied => {
  const known = Object.values(state.members).find(
    (member) => member.agent === agent && member.incarnation === incarnation,
  );
  if (known !== undefined) {
    if (known.address === address) return done(state, undefined, { id: known.id });
    const members = { ...state.members, [known.id]: { ...known, address } };
    return done({ ...state, members }, 'members', { id: known.id });
  }
  // Another disk of the same agent: the old one is lost, and who comes back with it later is a stranger.
  const { members: others, leaving } = takenOut(state, (member) => member.agent === agent);
  if (Object.keys(others).length >= catalogLimits.members)
    return refused(
      state,
      'invalid_request',
      `The cluster has ${catalogLimits.members} members, which is the most.`,
    );
  const id = state.nextMemberId;
  const members = { ...others, [id]: { id, agent, incarnation, address } };
  return done({ ...state, members, leaving, nextMemberId: id + 1 }, 'members', { id });
};

const operate = (state: CatalogState, operation: CatalogOperation): Applied => {
  switch (operation.op) {
    case 'setDesired':
      return setDesired(state, operation);
    case 'setDrain': {
      const { agent, since, reason } = operation;
      return done({ ...state, drains: { ...state.drains, [agent]: { since, reason } } }, 'drains');
    }
    case 'clearDrain':
      if (own(state.drains, operation.agent) === undefined) return done(state);
      return done({ ...state, drains: without(state.drains, operation.agent) }, 'drains');
    case 'putUser': {
      const { user } = operation;
      const isNew = own(state.users, user.name) === undefined;
      if (isNew && Object.keys(state.users).length >= catalogLimits.users)
        return refused(
          state,
          'invalid_request',
          `There are ${catalogLimits.users} users, which is the most.`,
        );
      return done({ ...state, users: { ...state.users, [user.name]: user } }, 'users');
    }
    case 'removeUser':
      if (own(state.users, operation.name) === undefined) return done(state);
      return done({ ...state, users: without(state.users, operation.name) }, 'users');
    case 'admitMember':
      return admitMember(state, operation);
    case 'removeMember':
      if (own(state.members, operation.id) === undefined) return done(state);
      return done({ ...state, ...takenOut(state, ({ id }) => id === operation.id) }, 'members');
    case 'putOwnModel':
      return putOwnModel(state, operation);
    case 'removeOwnModel':
      return removeOwnModel(state, operation);
    case 'raiseFeatureLevel': {
      const { to } = operation;
      // Only members that all know it raise it: one that does not was left behind and must be brought up first.
      if (to > featureLevel)
        throw new UnknownCommandError(
          `the cluster has feature level ${to}, this version knows ${featureLevel}`,
        );
      if (to <= state.featureLevel) return done(state);
      return done({ ...state, featureLevel: to }, 'featureLevel');
    }
  }
};

/** State once the members of the group are others: whoever is in it no more need not be reached. */
export const applyMembers = (state: CatalogState, present: readonly number[]): CatalogState => {
  const leaving = Object.entries(state.leaving).filter(([, { id }]) => present.includes(id));
  if (leaving.length === Object.keys(state.leaving).length) return state;
  return { ...state, leaving: Object.fromEntries(leaving) };
};

/** The sessions that rest longest go when there are too many; by log index, so that all members agree which. */
const withSession = (
  sessions: CatalogState['sessions'],
  client: string,
  session: Session,
): CatalogState['sessions'] => {
  const all = { ...sessions, [client]: session };
  const names = Object.keys(all);
  if (names.length <= catalogLimits.sessions) return all;
  const oldest = names.reduce((a, b) => ((all[a]?.usedAt ?? 0) <= (all[b]?.usedAt ?? 0) ? a : b));
  return without(all, oldest);
};

/**
 * Applies one command, once however often it comes: pure, so that every member comes to the same state.
 * @param index of its entry in the log
 */
export const applyCommand = (state: CatalogState, index: number, command: CatalogCommand): Applied => {
  const { session, operation } = command;
  if (session === undefined) return operate(state, operation);
  const { client, sequence } = session;
  const known = own(state.sessions, client);
  if (known?.sequence === sequence) return { state, answer: known.answer, changed: undefined };
  if (known !== undefined && sequence < known.sequence)
    return refused(
      state,
      'invalid_request',
      `Command ${sequence} of ${client} was overtaken by ${known.sequence}.`,
    );
  // Its first command, which may have been applied, is forgotten: another try must not have it applied twice.
  if (known === undefined && sequence > 1)
    return refused(state, 'invalid_request', `The session of ${client} rested for too long; begin another.`);
  const applied = operate(state, operation);
  const sessions = withSession(applied.state.sessions, client, {
    sequence,
    answer: applied.answer,
    usedAt: index,
  });
  return { ...applied, state: { ...applied.state, sessions } };
};
