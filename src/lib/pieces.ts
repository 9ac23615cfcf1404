/**
 * Bytes that lie in several pieces, to be sent as one message without being copied together. None of them may change
 * afterwards.
 */
export class Pieces {
  constructor(
    readonly list: readonly Uint8Array[],
    /** Of all together. */
    readonly size: number,
  ) {}
}

/** The bytes of a message that may lie in pieces; anything else as it is. */
export function joined<T>(message: T | Pieces): T | Uint8Array {
  return message instanceof Pieces ? Buffer.concat(message.list) : message;
}
