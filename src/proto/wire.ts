/**
 * The protobuf wire format as the generated codecs use it: one writer, one reader.
 * Source: https://protobuf.dev/programming-guides/encoding/
 *
 * 64-bit integers are plain numbers unless they are ids (bigint). A number beyond 2^53 saturates instead of failing:
 * clients do send `limit = MaxInt64`, and every use of such a field compares.
 */
export { NO_BYTES, NOT_UTF8, OPEN_END, Reader, strictly } from './wire-reader.js';
export { Writer, writer } from './wire-writer.js';
