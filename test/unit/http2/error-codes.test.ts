/** The error codes of RFC 9113, section 7: their numbers are on the wire, their names in messages. */
import { expect, it } from 'vitest';
import { ErrorCode, errorCodeName, toErrorCode } from '../../../src/http2/frames/error-code.js';

it.each<[keyof typeof ErrorCode, number, string]>([
  ['NoError', 0, 'NO_ERROR'],
  ['ProtocolError', 1, 'PROTOCOL_ERROR'],
  ['InternalError', 2, 'INTERNAL_ERROR'],
  ['FlowControlError', 3, 'FLOW_CONTROL_ERROR'],
  ['SettingsTimeout', 4, 'SETTINGS_TIMEOUT'],
  ['StreamClosed', 5, 'STREAM_CLOSED'],
  ['FrameSizeError', 6, 'FRAME_SIZE_ERROR'],
  ['RefusedStream', 7, 'REFUSED_STREAM'],
  ['Cancel', 8, 'CANCEL'],
  ['CompressionError', 9, 'COMPRESSION_ERROR'],
  ['ConnectError', 10, 'CONNECT_ERROR'],
  ['EnhanceYourCalm', 11, 'ENHANCE_YOUR_CALM'],
  ['InadequateSecurity', 12, 'INADEQUATE_SECURITY'],
  ['Http11Required', 13, 'HTTP_1_1_REQUIRED'],
])('%s is %i', (name, code, text) => {
  expect(ErrorCode[name]).toBe(code);
  expect(errorCodeName(code)).toBe(text);
  expect(toErrorCode(code)).toBe(code);
});

it('there are no others: one from the wire is an internal error', () => {
  expect(Object.keys(ErrorCode)).toHaveLength(14);
  expect(errorCodeName(14)).toBe('unknown error code 0xe');
  expect(toErrorCode(14)).toBe(ErrorCode.InternalError);
});
