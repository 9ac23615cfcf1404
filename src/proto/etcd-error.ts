/** A refusal that has a row in the catalogue of wire errors. The API edge turns it into that row's code and text. */
import { type WireErrorName, wireErrors } from './errors.js';

export class EtcdError extends Error {
  override readonly name = 'EtcdError';

  constructor(readonly row: WireErrorName) {
    super(wireErrors[row].message);
  }
}

/**
 * A refusal as a value. Where a thousand clients may be refused in one turn, a stack trace each would cost more than
 * the refusals; results of applied entries are such values too.
 */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Error };
