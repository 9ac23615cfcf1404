/** 256 bytes as a client might write them: each its own, and none that shrinks when it is deflated. */
import { randomBytes } from 'node:crypto';

const BYTES = 256;
/** More than fit into the window of deflate. */
const values = Array.from({ length: 4096 }, () => randomBytes(BYTES));
const base64 = values.map((value) => value.toString('base64'));
const hex = values.map((value) => value.toString('hex', 0, BYTES / 2));
let next = 0;

const at = <T>(list: readonly T[]): T => list[next++ % list.length] as T;

export const binaryValue = (): Uint8Array => at(values);
export const base64Value = (): string => at(base64);
/** As many characters. */
export const textValue = (): string => at(hex);
