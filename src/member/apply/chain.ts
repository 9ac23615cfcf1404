/**
 * What a committed request does to the member's state. A function of the entry alone: no clock, no randomness, no look
 * at who waits for the result, but for what only the result needs. The layers, outermost first; each has a file of its
 * own:
 *
 *     storable  what a store below cannot hold is refused
 *     corrupt   the CORRUPT alarm refuses nearly all
 *     capped    the NOSPACE alarm refuses what grows
 *     authorized  who may do what
 *     quota     applies, then raises NOSPACE and refuses when the backend was full
 *     stores    does it
 *
 * Source: etcd's server/etcdserver/apply/uber_applier.go.
 */
import type { AuthStore } from '../../auth/store.js';
import { capped, corrupt } from './alarmed.js';
import type { Alarms } from './alarms.js';
import type { Authorizer } from './authorize.js';
import { authorized } from './authorized.js';
import type { Apply } from './layer.js';
import { type QuotaDeps, quota } from './quota.js';
import { storable } from './storable.js';

export interface ChainDeps extends QuotaDeps {
  readonly alarms: Alarms;
  readonly auth: AuthStore;
  readonly authorizer: Authorizer;
}

export function chain(deps: ChainDeps, stores: Apply): Apply {
  const { alarms, auth, authorizer } = deps;
  return storable(corrupt(alarms, capped(alarms, deps, authorized(auth, authorizer, quota(deps, stores)))));
}
