import { describe, expect, it } from 'vitest';
import { EtcdError, fromGrpc, statusText } from '../../../src/client/errors.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';

const textOf = (code: Code, message: string) => fromGrpc(new GrpcError(code, message)).message;

describe('the message of a failed call', () => {
  it('is bare for errors that etcd names', () => {
    expect(textOf(Code.InvalidArgument, 'etcdserver: key is not provided')).toBe('etcdserver: key is not provided');
    expect(textOf(Code.Unknown, 'etcdserver: too many requests')).toBe('etcdserver: too many requests');
  });

  it('carries its code for all others', () => {
    expect(textOf(Code.Unknown, 'auth: permission denied')).toBe(
      'rpc error: code = Unknown desc = auth: permission denied',
    );
    expect(textOf(Code.ResourceExhausted, 'trying to send message larger than max (3000015 vs. 2097152)')).toBe(
      'rpc error: code = ResourceExhausted desc = trying to send message larger than max (3000015 vs. 2097152)',
    );
    const transfer = 'etcdserver: request timed out, leader transfer took too long';
    expect(textOf(Code.Unknown, transfer)).toBe(`rpc error: code = Unknown desc = ${transfer}`);
  });

  it('names codes as Go does', () => {
    expect(statusText(Code.Ok, '')).toBe('rpc error: code = OK desc = ');
    expect(statusText(99 as Code, 'x')).toBe('rpc error: code = Code(99) desc = x');
  });

  it('is kept when it was translated before', () => {
    const error = new EtcdError(Code.NotFound, 'etcdserver: requested lease not found');
    expect(fromGrpc(error)).toBe(error);
  });

  it('is the text of whatever else was thrown', () => {
    expect(fromGrpc(new TypeError('odd'))).toMatchObject({ code: Code.Unknown, message: 'odd' });
    expect(fromGrpc('odd')).toMatchObject({ code: Code.Unknown, message: 'odd' });
  });
});
