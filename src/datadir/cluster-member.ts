/**
 * One member as the cluster knows it, and the JSON etcd keeps it in (bucket `members`, context of a configuration
 * change, `GET /members`): `{"id":N,"peerURLs":[…],"isLearner":true?,"name":"…"?,"clientURLs":[…]?}`. The id is a bare
 * number above 2^53, so neither JSON.parse nor JSON.stringify may touch it.
 */
import type { MemberId } from '../lib/ids.js';

export interface ClusterMember {
  readonly id: MemberId;
  readonly peerURLs: readonly string[];
  readonly isLearner: boolean;
  /** Empty until the member has published itself: that is what "started" means. */
  readonly name: string;
  readonly clientURLs: readonly string[];
}

export interface MemberAttributes {
  readonly name: string;
  readonly clientURLs: readonly string[];
}

export function memberToJson(member: ClusterMember): string {
  const rest = [
    `"id":${member.id}`,
    `"peerURLs":${JSON.stringify(member.peerURLs)}`,
    ...(member.isLearner ? ['"isLearner":true'] : []),
    ...(member.name !== '' ? [`"name":${JSON.stringify(member.name)}`] : []),
    ...(member.clientURLs.length > 0 ? [`"clientURLs":${JSON.stringify(member.clientURLs)}`] : []),
  ];
  return `{${rest.join(',')}}`;
}

/**
 * Throws SyntaxError on anything that is not such an object. Go writes the id first and no key before it can hold
 * quotes.
 */
export function memberFromJson(text: string): ClusterMember {
  return memberFromFields(JSON.parse(text.replace(/^(\s*\{\s*"id"\s*:\s*)(\d+)/, '$1"$2"')));
}

function memberFromFields(fields: unknown): ClusterMember {
  if (typeof fields !== 'object' || fields === null) throw new SyntaxError('member is not a JSON object');
  const record = fields as Record<string, unknown>;
  if (typeof record.id !== 'string') throw new SyntaxError('member without an id');
  return {
    id: BigInt(record.id),
    peerURLs: stringList(record.peerURLs),
    isLearner: record.isLearner === true,
    name: typeof record.name === 'string' ? record.name : '',
    clientURLs: stringList(record.clientURLs),
  };
}

/** A list of them, as `GET /members` answers. Throws SyntaxError. */
export function membersFromJson(text: string): ClusterMember[] {
  // As a key alone can `"id":` stand in JSON: inside a text the quotes would be escaped.
  const list: unknown = JSON.parse(text.replace(/"id"\s*:\s*(\d+)/g, '"id":"$1"'));
  // Go writes an empty list so.
  if (list === null) return [];
  if (!Array.isArray(list)) throw new SyntaxError('not a list of members');
  return list.map((member) => memberFromFields(member));
}

export function attributesToJson(attributes: MemberAttributes): string {
  return JSON.stringify({ name: attributes.name, clientURLs: attributes.clientURLs });
}

export function attributesFromJson(text: string): MemberAttributes {
  const record = JSON.parse(text) as Record<string, unknown>;
  return {
    name: typeof record.name === 'string' ? record.name : '',
    clientURLs: stringList(record.clientURLs),
  };
}

function stringList(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** What a member has applied of its cluster's membership; members and removed ids ascending. */
export interface MembershipState {
  readonly members: readonly ClusterMember[];
  readonly removed: readonly MemberId[];
  /** Cluster version, `3.5.0`; undefined before the first one was agreed on. */
  readonly version: string | undefined;
}
