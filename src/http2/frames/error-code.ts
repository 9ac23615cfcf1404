/**
 * Error codes of RFC 9113 section 7, and the two errors by which the parsers say how much is lost: the stream or the
 * connection.
 */

export const ErrorCode = {
  NoError: 0x0,
  ProtocolError: 0x1,
  InternalError: 0x2,
  FlowControlError: 0x3,
  SettingsTimeout: 0x4,
  StreamClosed: 0x5,
  FrameSizeError: 0x6,
  RefusedStream: 0x7,
  Cancel: 0x8,
  CompressionError: 0x9,
  ConnectError: 0xa,
  EnhanceYourCalm: 0xb,
  InadequateSecurity: 0xc,
  Http11Required: 0xd,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

const names: readonly string[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

/** `REFUSED_STREAM`; codes that no RFC names as Go prints them. */
export function errorCodeName(code: number): string {
  return names[code] ?? `unknown error code 0x${code.toString(16)}`;
}

/** An unknown code from the wire is to be treated as INTERNAL_ERROR (section 7). */
export function toErrorCode(code: number): ErrorCode {
  return code in names ? (code as ErrorCode) : ErrorCode.InternalError;
}

/** The peer broke a rule after which the connection's state cannot be trusted: GOAWAY with `code`. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
  }
}
