/** Databases that cannot be read: which file it is, what to do, and what is said by the system already. */
import { describe, expect, it } from 'vitest';
import { BoltError } from '../../../../src/bolt/errors.js';
import { reading } from '../../../../src/member/bootstrap/errors.js';

const PATH = '/d/member/snap/db';
const failing = (cause: unknown) => () =>
  reading(PATH, () => {
    throw cause;
  });

describe('what goes wrong as a database is read', () => {
  it.each<[string, Error, string]>([
    ['a record', new Error('unexpected end of input'), `${PATH}: unexpected end of input; nothing was changed; `],
    ['a page', new BoltError('ERR_BOLT_CORRUPT', PATH, 'page 7 is no leaf'), `${PATH}: page 7 is no leaf; nothing`],
    ['the format', new BoltError('ERR_BOLT_FORMAT', PATH, 'invalid database'), `${PATH}: invalid database; nothing`],
  ])('names the file once, and a way out: %s', (_what, cause, message) => {
    expect(failing(cause)).toThrow(message);
    expect(failing(cause)).toThrow('restore this member from a snapshot, or remove it from its cluster');
    expect(failing(cause)).toThrow(expect.objectContaining({ code: 'ERR_DATABASE_DAMAGED', cause }));
  });

  it.each<[string, unknown]>([
    ['a lock that another holds', new BoltError('ERR_BOLT_LOCKED', PATH, 'is locked')],
    ['a disk that fails', new BoltError('ERR_BOLT_FAILED', PATH, 'write failed')],
    ['the system', Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', syscall: 'open' })],
    ['a file that is named already', Object.assign(new Error('no space'), { code: 'ENOSPC', path: PATH })],
    ['what is no error', 'text'],
  ])('is no damage where it is %s', (_what, cause) => {
    let thrown: unknown;
    try {
      failing(cause)();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBe(cause);
  });
});
