/**
 * Events as they go out: encoded `mvccpb.Event`s around stored bytes. One change is encoded at most twice, with and
 * without its previous value, however many watch it.
 */
import { Event, Event_EventType } from '../../proto/gen/mvccpb.js';
import { decodeRecord, deletedKeyValue } from '../key-value.js';

export class WatchEvent {
  #plain: Uint8Array | undefined;
  #withPrevious: Uint8Array | undefined;
  readonly #record: Uint8Array;
  #isCreate: boolean | undefined;

  constructor(
    readonly kind: 'put' | 'delete',
    /** latin1. */
    readonly key: string,
    readonly modRevision: number,
    /** As stored; a deletion's has the key alone. */
    record: Uint8Array,
    /** undefined = not known yet. */
    isCreate: boolean | undefined,
  ) {
    this.#record = record;
    this.#isCreate = isCreate;
  }

  /** The encoded event. `previous` gives the stored bytes of a key as of a revision, if they are still there. */
  encoded(wantsPrevious: boolean, previous: (key: string, atRevision: number) => Uint8Array | undefined): Uint8Array {
    if (!wantsPrevious) {
      this.#plain ??= this.#encode(undefined);
      return this.#plain;
    }
    if (this.#withPrevious === undefined) {
      const prevKv = this.#creates() ? undefined : previous(this.key, this.modRevision - 1);
      this.#withPrevious = prevKv === undefined ? this.encoded(false, previous) : this.#encode(prevKv);
    }
    return this.#withPrevious;
  }

  #creates(): boolean {
    this.#isCreate ??= this.kind === 'put' && decodeRecord(this.#record).createRevision === this.modRevision;
    return this.#isCreate;
  }

  #encode(prevKv: Uint8Array | undefined): Uint8Array {
    return this.kind === 'put'
      ? Event.encode({ type: Event_EventType.PUT, kv: this.#record, prevKv })
      : Event.encode({ type: Event_EventType.DELETE, kv: deletedKeyValue(this.#record, this.modRevision), prevKv });
  }
}
