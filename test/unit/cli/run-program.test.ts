import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { BaseCommand } from '../../../src/cli/base-command.js';
import { ExitCode, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { noteOfCommand } from '../../../src/cli/manifest.js';
import type { Program } from '../../../src/cli/program.js';
import type { Runnable } from '../../../src/cli/run-program.js';
import { runProgram } from '../../../src/cli/run-program.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { etcdctl } from '../../../src/ctl/program.js';
import { etcdutl } from '../../../src/utl/program.js';

class Get extends CtlCommand {
  static override summary = 'Read keys';
  static override description = 'Reads keys.\n\nAll of them.';
  static override usage = '[options] <key> [range_end] [flags]';
  static override flags = {
    limit: flag.int64(0, 'Most results to show'),
    prefix: flag.bool('Keys with this prefix'),
  };
  override run(): Promise<void> {
    const { args, flags, changed } = this.input(Get);
    if (args.length === 0) fail(ExitCode.badArgs, 'get command needs one argument');
    const globals = this.globals();
    this.print(JSON.stringify({ args, flags, globals, changed: [...changed], all: [...globals.changed] }));
    return Promise.resolve();
  }
}
class Grant extends CtlCommand {
  static override summary = 'Make a lease';
  static override usage = '<ttl> [flags]';
  override run(): Promise<void> {
    throw new Error('etcdserver: too bad');
  }
}
class Bash extends BaseCommand {
  static override summary = 'For bash';
  static override usage = '';
  static override readonly takesNoArgs = true;
  override run(): Promise<void> {
    this.write('script');
    return Promise.resolve();
  }
}
class Defrag extends BaseCommand {
  static override summary = 'Defragment';
  static override flags = { 'data-dir': flag.string('', 'Folder', { required: true }) };
  override run(): Promise<void> {
    return Promise.resolve();
  }
}

const commands: Record<string, Runnable & typeof BaseCommand> = {
  get: Get,
  'lease grant': Grant,
  'lease list': Grant,
  compaction: Grant,
  'completion bash': Bash,
  'completion zsh': Bash,
  defrag: Defrag,
} as never;

function collector(): { stream: Writable; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream, text: () => text };
}

async function run(words: string, options: { env?: Record<string, string>; program?: Program } = {}) {
  const stdout = collector();
  const stderr = collector();
  const image = {
    program: options.program ?? etcdctl,
    manifest: Object.fromEntries(Object.entries(commands).map(([path, command]) => [path, noteOfCommand(command)])),
    load: Object.fromEntries(Object.entries(commands).map(([path, command]) => [path, () => Promise.resolve(command)])),
  };
  const io = {
    env: options.env ?? {},
    stdin: new PassThrough().end(),
    stdout: stdout.stream,
    stderr: stderr.stream,
    wallMs: () => 0,
  };
  const exitCode = await runProgram(image, words === '' ? [] : words.split(' '), io);
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

const answer = async (words: string, env: Record<string, string> = {}) =>
  JSON.parse((await run(words, { env })).stdout);

describe('a command line', () => {
  it.each(['get a --limit=3', '--limit=3 get a', 'ge a --limit 3', '--endpoints=x get --limit 3 a'])(
    '%s runs get',
    async (words) => {
      expect(await answer(words)).toMatchObject({ args: ['a'], flags: { limit: 3, prefix: false } });
    },
  );

  it('takes any unambiguous prefix of a name, at every level', async () => {
    expect(await run('le gr 5')).toMatchObject({ exitCode: 1, stderr: 'Error: etcdserver: too bad\n' });
    expect(await run('compa 5')).toMatchObject({ stderr: 'Error: etcdserver: too bad\n' });
  });

  it('of an ambiguous or unknown name ends with suggestions', async () => {
    expect(await run('comp 5')).toEqual({
      exitCode: 1,
      stdout: '',
      stderr:
        'Error: unknown command "comp" for "etcdctl"\n\nDid you mean this?\n\tcompaction\n\tcompletion\n\nRun ' +
        '\'etcdctl --help\' for usage.\nError: unknown command "comp" for "etcdctl"\n\nDid you mean this?\n' +
        '\tcompaction\n\tcompletion\n\n',
    });
    expect((await run('getx')).stderr).toContain('\tget\n');
    expect((await run('hel')).exitCode).toBe(0);
    expect((await run('halp')).stderr).not.toContain('Did you mean');
    const said = 'Error: unknown command "bogus" for "etcdctl"\nRun \'etcdctl --help\' for usage.\n';
    expect((await run('bogus')).stderr).toBe(`${said}Error: unknown command "bogus" for "etcdctl"\n`);
    expect(await run('bogus --emulate-version 3.6')).toEqual({ exitCode: 1, stdout: '', stderr: said });
  });

  it.each(['lease', 'lease bogus', 'lease -h', 'help lease', 'lease --endpoints=x'])(
    '%s shows the group',
    async (words) => {
      const { exitCode, stdout, stderr } = await run(words);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toMatch(
        /USAGE:\n\tetcdctl lease <subcommand> \[flags\]\n[\s\S]*\n\tgrant\t\t?Make a lease\n\tlist\t/,
      );
    },
  );

  it('shows help of a command with its flags and their defaults', async () => {
    const { exitCode, stdout } = await run('get --help');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^NAME:\n\tget - Read keys\n\nUSAGE:\n\tetcdctl get \[options\] <key> \[range_end\] \[flags\]\n/,
    );
    expect(stdout).toContain('DESCRIPTION:\n\tReads keys.\n\n\tAll of them.\n');
    expect(stdout).toContain('\n  -h, --help[=false]\thelp for get\n      --limit=0\t\tMost results to show\n');
    expect(stdout).toContain('--endpoints=[127.0.0.1:2379]');
    expect(stdout).toContain('-w, --write-out="simple"');
    expect(await run('help get')).toMatchObject({ exitCode: 0, stdout });
    expect(await run('get -h a b c')).toMatchObject({ exitCode: 0, stdout });
  });

  it('shows all commands where none is named, or an unknown one to help', async () => {
    const bare = await run('');
    expect(bare.stdout).toMatch(
      /USAGE:\n\tetcdctl \[flags\]\n[\s\S]*\n\tcompletion bash\s[\s\S]*\n\thelp\s[\s\S]*\n\tlease grant\s/,
    );
    expect(await run('--help')).toEqual(bare);
    expect(await run('help')).toEqual(bare);
    expect(await run('--endpoints x -w json help')).toEqual(bare);
    const unknown = { exitCode: 0, stdout: bare.stdout, stderr: 'Unknown help topic [`bogus` `x`]\n' };
    expect(await run('--hex help bogus x')).toEqual(unknown);
    const later = await run('help bogus --emulate-version 3.7');
    expect(later).toMatchObject({ exitCode: 0, stdout: '' });
    expect(later.stderr).toMatch(/^Unknown help topic \[`bogus`\]\n[\s\S]*USAGE:\n/);
    expect((await run('', { env: { ETCDCTL_EMULATE_VERSION: '3.4' } })).stdout).toContain('VERSION:\n\t3.4.');
  });

  it('with a bad flag prints the usage and the error, and exits 1', async () => {
    for (const words of ['get a --bogus', '--bogus=1 get a', 'lease --bogus', '--bogus']) {
      const { exitCode, stdout, stderr } = await run(words);
      const said = 'Error: unknown flag: --bogus\n\nError: unknown flag: --bogus\n';
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: said });
      expect(stdout).toContain('USAGE:\n\tetcdctl');
    }
    const later = await run('get a --bogus', { env: { ETCDCTL_EMULATE_VERSION: '3.6' } });
    expect(later.stderr).toBe('Error: unknown flag: --bogus\n\n');
    // cobra takes the word for the flag's value
    expect((await run('--bogus get a')).stderr).toContain('unknown command "a"');
    const utl = await run('get a --bogus', { program: etcdutl });
    expect(utl.stdout).toBe('');
    expect(utl.stderr).toMatch(
      /^Error: unknown flag: --bogus\nUsage:\n {2}etcdutl get [\s\S]*\n\nError: unknown flag: --bogus\n$/,
    );
  });

  it('refuses arguments where there are none, and wants required flags', async () => {
    expect(await run('completion bash extra')).toMatchObject({
      exitCode: 1,
      stderr:
        'Error: unknown command "extra" for "etcdctl completion bash"\n\n' +
        'Error: unknown command "extra" for "etcdctl completion bash"\n',
    });
    expect(await run('completion bash')).toMatchObject({ exitCode: 0, stdout: 'script' });
    const missing = 'Error: required flag(s) "data-dir" not set\n';
    expect(await run('defrag')).toMatchObject({ exitCode: 1, stderr: `${missing}\n${missing}` });
    expect(await run('defrag --data-dir=x')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  it('reports what a command refuses with its exit code', async () => {
    expect(await run('get')).toEqual({ exitCode: 128, stdout: '', stderr: 'Error: get command needs one argument\n' });
    expect(await run('get a -w xx')).toMatchObject({ exitCode: 4, stderr: 'Error: unsupported output format\n' });
    expect(await run('get a --cert=')).toMatchObject({
      exitCode: 128,
      stderr: 'Error: empty string is passed to --cert option\n',
    });
  });
});

describe('ETCDCTL_ variables', () => {
  it('stand for global flags, never for those of a command', async () => {
    const env = { ETCDCTL_ENDPOINTS: 'a,b', ETCDCTL_COMMAND_TIMEOUT: '3s', ETCDCTL_LIMIT: '4', ETCDCTL_API: '3' };
    const { stdout, stderr } = await run('get a', { env });
    const { globals, flags, all } = JSON.parse(stdout);
    expect(globals).toMatchObject({ endpoints: ['a', 'b'], 'command-timeout': 3_000 });
    expect(flags.limit).toBe(0);
    expect(all.sort()).toEqual(['command-timeout', 'endpoints']);
    expect(JSON.parse(stderr)).toMatchObject({
      level: 'warn',
      msg: 'unrecognized environment variable',
      'environment-variable': 'ETCDCTL_LIMIT=4',
    });
  });

  it('with an unreadable or empty value are passed over, the empty one as if nobody knew it', async () => {
    const { stdout, stderr } = await run('get a', { env: { ETCDCTL_DIAL_TIMEOUT: 'bogus', ETCDCTL_USER: '' } });
    expect(JSON.parse(stdout).globals).toMatchObject({ 'dial-timeout': 2_000, user: '' });
    expect(JSON.parse(stderr)).toMatchObject({ level: 'warn', 'environment-variable': 'ETCDCTL_USER=' });
  });

  it("are told of in capnslog's form by 3.4", async () => {
    const of34 = { ETCDCTL_EMULATE_VERSION: '3.4' };
    const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}`;
    const { stderr } = await run('get a', { env: { ...of34, ETCDCTL_LIMIT: '4' } });
    expect(stderr).toMatch(
      new RegExp(`^${time} W \\| pkg/flags: unrecognized environment variable ETCDCTL_LIMIT=4\n$`),
    );
    const shadowed = await run('get a --endpoints=y', { env: { ...of34, ETCDCTL_ENDPOINTS: 'x' } });
    expect(shadowed).toMatchObject({ exitCode: 1, stdout: '' });
    expect(shadowed.stderr).toMatch(
      new RegExp(
        `^${time} C \\| pkg/flags: conflicting environment variable "ETCDCTL_ENDPOINTS" is shadowed by ` +
          'corresponding command-line flag \\(either unset environment variable or disable flag\\)\n$',
      ),
    );
  });

  it('beside their flag are fatal, even empty ones, but only once a client is wanted', async () => {
    for (const value of ['x', '']) {
      const { exitCode, stderr } = await run('get a --endpoints=y', { env: { ETCDCTL_ENDPOINTS: value } });
      expect(exitCode).toBe(1);
      expect(stderr).not.toContain('Error:');
      expect(JSON.parse(stderr)).toMatchObject({ level: 'fatal', 'environment-variable': 'ETCDCTL_ENDPOINTS' });
    }
    expect(await run('get --endpoints=y', { env: { ETCDCTL_ENDPOINTS: 'x' } })).toMatchObject({ exitCode: 128 });
  });

  it('are printed by --debug with their values', async () => {
    const { stderr } = await run('get a --debug --endpoints=x');
    expect(stderr).toContain('ETCDCTL_COMMAND_TIMEOUT=5s\nETCDCTL_DEBUG=true\n');
    expect(stderr).toContain('ETCDCTL_ENDPOINTS=[x]\n');
    expect(stderr).toContain('ETCDCTL_WRITE_OUT=simple\n');
  });

  it('choose the version to emulate', async () => {
    expect((await answer('get a', { ETCDCTL_EMULATE_VERSION: '3.7' })).globals.emulate).toBe('3.7');
    expect((await answer('get a --emulate-version v3.4.5')).globals.emulate).toBe('3.4');
    expect(await run('get a --emulate-version=2.0')).toMatchObject({
      exitCode: 128,
      stderr: 'Error: unknown version to emulate: 2.0 (known: 3.4, 3.5, 3.6, 3.7)\n',
    });
  });
});
