/** What the layers of the chain have in common. */

import type { Identity } from '../../auth/types.js';
import type { RequestId } from '../../lib/ids.js';
import type { Result, StoreOperation } from './operation.js';

/** Of the entry that is applied. */
export interface ApplyContext {
  readonly index: number;
  /** The request's id: the same on every member, and of no other entry. */
  readonly id: RequestId;
  readonly identity: Identity | undefined;
  /**
   * Whether somebody here waits for the answer. Nothing that is stored or refused depends on it: what is read for an
   * answer alone is counted where nobody waits, not gathered.
   */
  readonly isAwaited: boolean;
}

/** Throws what `refusalOf` knows when the request is refused; then nothing has changed. */
export type Apply = (operation: StoreOperation, context: ApplyContext) => Result;
