import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoggerOptions } from '../../../../src/lib/os/logger.js';
import { createLogger } from '../../../../src/lib/os/logger.js';
import type { OsLogger } from '../../../../src/lib/os/os-logger.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'logger-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What is in the file after `write`. */
function logged(write: (log: OsLogger) => void, options: Partial<LoggerOptions> = {}): string {
  const file = join(folder, 'log');
  const wallMs = () => Date.parse('2026-11-22T07:03:28.123Z');
  const log = createLogger({ level: 'info', format: 'json', outputs: [file], timestampDigits: 6, wallMs, ...options });
  write(log);
  log.close();
  return readFileSync(file, 'utf8');
}

describe('the log', () => {
  it('has a line of JSON for each record, in zap’s order of members', () => {
    expect(logged((log) => log.info('ready to serve client requests', { traffic: 'grpc+http' }))).toBe(
      '{"level":"info","ts":"2026-11-22T07:03:28.123000Z","caller":"etcd/start.ts","msg":"ready to serve client ' +
        'requests","traffic":"grpc+http"}\n',
    );
    expect(
      logged((log) => log.with({ logger: 'raft', caller: 'a/b.ts' }).with({ id: 1 }).warn('x', { y: 2 }), {
        timestampDigits: 3,
      }),
    ).toContain(
      '{"level":"warn","ts":"2026-11-22T07:03:28.123Z","logger":"raft","caller":"a/b.ts","msg":"x","id":1,"y":2}\n',
    );
  });

  it('writes values as zap does', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const line = logged((log) =>
      log.error('m', {
        id: 18446744073709551615n,
        list: [1, 'a', null, 2n],
        bytes: Buffer.from('hi'),
        error: new Error('no "luck"'),
        nothing: undefined,
        not: Number.NaN,
        deep: { a: { b: true } },
        text: 'tab\tline\nü',
      }),
    );
    expect(line).toContain(
      '"id":18446744073709551615,"list":[1,"a",null,2],"bytes":"aGk=","error":"no ' +
        '\\"luck\\"","not":"NaN","deep":{"a":{"b":true}},"text":"tab\\tline\\nü"}',
    );
    expect(() => JSON.parse(logged((log) => log.info('circle', { circle })).split('\n')[1] ?? '')).not.toThrow();
  });

  it('leaves out what is below its level', () => {
    const write = (log: OsLogger): void => {
      log.debug('d');
      log.info('i');
      log.warn('w');
      log.error('e');
      log.fatal('f');
    };
    const levels = (text: string) => text.match(/(?<="level":")\w+/g);
    expect(levels(logged(write, { level: 'debug', outputs: [join(folder, 'log')] }))).toEqual([
      'debug',
      'info',
      'warn',
      'error',
      'fatal',
    ]);
    rmSync(join(folder, 'log'));
    expect(levels(logged(write, { level: 'error' }))).toEqual(['error', 'fatal']);
  });

  it('is parted by tabs in console format', () => {
    expect(logged((log) => log.info('restoring snapshot', { path: 'x' }), { format: 'console' })).toBe(
      '2026-11-22T07:03:28.123000Z\tinfo\tetcd/start.ts\trestoring snapshot\t{"path":"x"}\n',
    );
  });

  it('of a second holds the first hundred records of a kind, then each hundredth', () => {
    let nowMs = 0;
    const text = logged(
      (log) => {
        for (let i = 0; i < 350; i++) log.info('again', { i });
        log.info('other');
        nowMs = 1000;
        log.info('again', { i: 'next second' });
      },
      { wallMs: () => nowMs },
    );
    const shown = text.match(/"i":\d+/g)?.map((item) => Number(item.slice(4))) ?? [];
    expect(shown).toEqual([...Array(100).keys(), 199, 299]);
    expect(text).toContain('"other"');
    expect(text).toContain('"next second"');
  });

  it('goes to all its outputs, and appends', () => {
    const other = join(folder, 'other');
    logged((log) => log.info('one'), { outputs: [join(folder, 'log'), other] });
    logged((log) => log.info('two'), { outputs: [join(folder, 'log'), other] });
    expect(readFileSync(other, 'utf8').match(/"msg":"\w+"/g)).toEqual(['"msg":"one"', '"msg":"two"']);
  });

  it('cannot be opened where the file cannot', () => {
    expect(() => logged(() => {}, { outputs: [join(folder, 'no', 'log')] })).toThrow('no such file or directory');
  });
});
