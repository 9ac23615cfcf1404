import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Network } from '../../../src/lib/network.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { osNetwork } from '../../../src/lib/os/net.js';
import { Gateway } from '../../../src/proxy/gateway/gateway.js';
import { join } from '../../../src/proxy/gateway/join.js';
import { Remotes } from '../../../src/proxy/gateway/remotes.js';
import { duplexPair } from '../../support/duplex-pair.js';
import { ManualClock } from '../../support/manual-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';

describe('remotes', () => {
  const three = () => new Remotes([1, 2, 3].map((port) => ({ host: 'h', port })));
  const picks = (remotes: Remotes, count: number) => Array.from({ length: count }, () => remotes.pick()?.text);

  it('take turns', () => {
    expect(picks(three(), 5)).toEqual(['h:1', 'h:2', 'h:3', 'h:1', 'h:2']);
  });

  it('are left out while they are set aside', () => {
    const remotes = three();
    const [, second] = remotes.all;
    if (second === undefined) throw new Error('there are three');
    remotes.deactivate(second);
    expect(picks(remotes, 4)).toEqual(['h:1', 'h:3', 'h:1', 'h:3']);
    remotes.activate(second);
    expect(picks(remotes, 3)).toEqual(['h:1', 'h:2', 'h:3']);
  });

  it('are none when all are set aside', () => {
    const remotes = three();
    for (const remote of remotes.all) remotes.deactivate(remote);
    expect(remotes.pick()).toBeUndefined();
  });

  it('of a larger priority wait while one of a smaller is there', () => {
    const remotes = new Remotes([
      { host: 'spare', port: 1, priority: 20 },
      { host: 'first', port: 1, priority: 10 },
      { host: 'second', port: 1, priority: 10 },
    ]);
    expect(picks(remotes, 3)).toEqual(['first:1', 'second:1', 'first:1']);
    for (const remote of remotes.all.slice(1)) remotes.deactivate(remote);
    expect(picks(remotes, 2)).toEqual(['spare:1', 'spare:1']);
  });

  it('of one priority have as many turns as they weigh, those that weigh nothing one of a hundred', () => {
    const remotes = new Remotes([
      { host: 'heavy', port: 1, weight: 2 },
      { host: 'spare', port: 1, weight: 0 },
      { host: 'usual', port: 1 },
      { host: 'spare', port: 2, weight: 0 },
    ]);
    const turns = picks(remotes, 600);
    const times = (text: string): number => turns.filter((each) => each === text).length;
    expect([times('heavy:1'), times('usual:1'), times('spare:1'), times('spare:2')]).toEqual([396, 198, 3, 3]);
    for (const remote of remotes.all.filter(({ host }) => host !== 'spare')) remotes.deactivate(remote);
    expect(new Set(picks(remotes, 2))).toEqual(new Set(['spare:1', 'spare:2']));
  });

  it('show IPv6 addresses in brackets', () => {
    expect(new Remotes([{ host: '::1', port: 5 }]).pick()?.text).toBe('[::1]:5');
  });
});

describe('a gateway', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  /** A server that does `onConnection` with each connection. */
  async function server(onConnection: (socket: net.Socket) => void): Promise<number> {
    const listening = net.createServer({ allowHalfOpen: true }, (socket) => {
      cleanups.push(() => socket.destroy());
      socket.on('error', () => {});
      onConnection(socket);
    });
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => listening.close());
    return (listening.address() as net.AddressInfo).port;
  }

  async function unusedPort(): Promise<number> {
    const taken = net.createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as net.AddressInfo;
    await new Promise((resolve) => taken.close(resolve));
    return port;
  }

  async function open(ports: number[], options: { clock?: ManualClock; network?: Pick<Network, 'dial'> } = {}) {
    const logger = new RecordingLogger();
    const remotes = new Remotes(ports.map((port) => ({ host: '127.0.0.1', port })));
    const clock = options.clock ?? osClock;
    const network = options.network ?? osNetwork;
    const gateway = new Gateway(remotes, { network, clock, logger, retryDelayMs: 60_000 });
    const listener = await osNetwork.listen({ t: 'tcp', host: '127.0.0.1', port: 0 }, gateway.accept, {
      halfOpen: true,
    });
    gateway.start();
    cleanups.push(async () => {
      await listener.close();
      gateway.close();
    });
    const { address } = listener;
    if (address.t !== 'tcp') throw new Error('listens on TCP');
    const connect = (): net.Socket => {
      const socket = net.connect({ host: '127.0.0.1', port: address.port, allowHalfOpen: true });
      socket.on('error', () => {});
      cleanups.push(() => socket.destroy());
      return socket;
    };
    return { gateway, logger, connect };
  }

  /** What the other end sends until it ends its half. Not by an iterator, which would destroy the socket then. */
  function readAll(socket: net.Socket): Promise<string> {
    const chunks: Buffer[] = [];
    return new Promise((resolve) => {
      const done = (): void => resolve(Buffer.concat(chunks).toString());
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.once('end', done);
      socket.once('close', done);
    });
  }

  const naming = (name: string) => server((socket) => socket.end(name));

  it('gives each endpoint its turn', async () => {
    const { connect } = await open([await naming('one'), await naming('two')]);
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await readAll(connect()));
    expect(answers).toEqual(['one', 'two', 'one', 'two']);
  });

  it('goes on to the next endpoint when one cannot be reached, and leaves that out', async () => {
    const dead = await unusedPort();
    const { connect, logger } = await open([dead, await naming('alive')]);
    expect(await readAll(connect())).toBe('alive');
    expect(await readAll(connect())).toBe('alive');
    expect(logger.records.filter(({ message }) => message === 'deactivated endpoint')).toEqual([
      {
        level: 'warn',
        message: 'deactivated endpoint',
        fields: {
          address: `127.0.0.1:${dead}`,
          interval: '1m0s',
          error: `dial tcp 127.0.0.1:${dead}: connect: connection refused`,
        },
      },
    ]);
  });

  it.each([
    ['no descriptor is left', 'EMFILE'],
    ['the machine has none left', 'ENFILE'],
    ['no port is left', 'EADDRNOTAVAIL'],
  ])('sets no endpoint aside for what is missing here: %s', async (_what, code) => {
    let missing = 2;
    const dial: typeof osNetwork.dial = async (address, options) => {
      if (missing-- > 0)
        throw Object.assign(new Error('dial tcp'), { cause: Object.assign(new Error(code), { code }) });
      return osNetwork.dial(address, options);
    };
    const { connect, logger } = await open([await naming('alive')], { network: { dial } });
    expect([await readAll(connect()), await readAll(connect()), await readAll(connect())]).toEqual(['', '', 'alive']);
    expect(logger.records.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual([
      'failed to dial an endpoint',
      'failed to dial an endpoint',
    ]);
  });

  it('closes a connection when no endpoint can be reached', async () => {
    const { connect, gateway } = await open([await unusedPort()]);
    expect(await readAll(connect())).toBe('');
    await expect.poll(() => gateway.connections).toBe(0);
  });

  it('takes an endpoint up again that answers when it is tried again', async () => {
    const clock = new ManualClock();
    const port = await unusedPort();
    const { connect, logger } = await open([port], { clock });
    expect(await readAll(connect())).toBe('');
    const said = (message: string) => logger.records.some((record) => record.message === message);
    await clock.advance(60_000);
    await expect.poll(() => said('failed to activate endpoint (stay inactive for another interval)')).toBe(true);
    const late = net.createServer((socket) => {
      // The probe hangs up at once.
      socket.on('error', () => {});
      socket.end('here now');
    });
    await new Promise<void>((resolve) => late.listen(port, '127.0.0.1', resolve));
    cleanups.push(() => late.close());
    await clock.advance(60_000);
    await expect.poll(() => said('activated')).toBe(true);
    expect(await readAll(connect())).toBe('here now');
  });

  it.each([
    [0, '5m0s'],
    [1500, '1.5s'],
  ])('tries again those set aside after the delay that it was given, %d', async (retryDelayMs, interval) => {
    const clock = new ManualClock();
    const logger = new RecordingLogger();
    const dials: string[] = [];
    const network = {
      dial: () => {
        dials.push('dialed');
        return Promise.reject(new Error('connection refused'));
      },
    };
    const remotes = new Remotes([{ host: 'h', port: 1 }]);
    for (const remote of remotes.all) remotes.deactivate(remote);
    const gateway = new Gateway(remotes, { network, clock, logger, retryDelayMs });
    gateway.start();
    const delayMs = retryDelayMs === 0 ? 300_000 : retryDelayMs;
    await clock.advance(delayMs - 1);
    expect(dials).toEqual([]);
    await clock.advance(1);
    expect(dials).toHaveLength(1);
    expect(logger.records.at(-1)).toEqual({
      level: 'warn',
      message: 'failed to activate endpoint (stay inactive for another interval)',
      fields: { address: 'h:1', interval, error: 'connection refused' },
    });
    gateway.close();
    expect(clock.pending).toBe(0);
  });

  it('passes the end of a request on, and the answer that comes after it', async () => {
    const port = await server((socket) => {
      void readAll(socket).then((request) => socket.end(`got ${request}`));
    });
    const { connect } = await open([port]);
    const socket = connect();
    socket.end('all of it');
    expect(await readAll(socket)).toBe('got all of it');
  });

  it('breaks one side when the other breaks', async () => {
    const { promise: accepted, resolve: onAccept } = deferred<net.Socket>();
    const { connect, gateway } = await open([await server(onAccept)]);
    const socket = connect();
    socket.write('hello');
    const upstream = await accepted;
    const over = readAll(upstream);
    socket.resetAndDestroy();
    await over;
    await expect.poll(() => gateway.connections).toBe(0);
  });

  it('breaks off an answer whose sender breaks when it has the whole request', async () => {
    const { promise: accepted, resolve: onAccept } = deferred<net.Socket>();
    const { connect, gateway } = await open([await server(onAccept)]);
    const socket = connect();
    socket.end('request');
    const upstream = await accepted;
    await readAll(upstream);
    upstream.write('half of an');
    await new Promise((resolve) => socket.once('data', resolve));
    let isWhole = false;
    socket.once('end', () => {
      isWhole = true;
    });
    upstream.resetAndDestroy();
    await expect.poll(() => gateway.connections).toBe(0);
    await expect.poll(() => socket.closed).toBe(true);
    expect([isWhole, socket.errored]).toEqual([false, expect.objectContaining({ code: 'ECONNRESET' })]);
  });

  it('breaks all connections when it is closed', async () => {
    const { connect, gateway } = await open([await server((socket) => socket.write('x'))]);
    const socket = connect();
    const over = readAll(socket);
    await new Promise((resolve) => socket.once('data', resolve));
    gateway.close();
    expect(await over).toBe('x');
    await expect.poll(() => gateway.connections).toBe(0);
  });
});

describe('joined streams', () => {
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };

  it('hold a sender back whose receiver does not read', async () => {
    const [sender, here] = duplexPair();
    const [there, receiver] = duplexPair();
    const joined = join(here, there);
    const chunk = Buffer.alloc(64 * 1024, 7);
    const count = 100;
    let taken = 0;
    for (let i = 0; i < count; i++) sender.write(chunk, () => taken++);
    await settle();
    const takenEarly = taken;
    expect(takenEarly).toBeLessThan(10);
    let received = 0;
    receiver.on('data', (bytes: Buffer) => (received += bytes.length));
    sender.end();
    receiver.end();
    sender.resume();
    await joined;
    await settle();
    expect([taken, received]).toEqual([count, count * chunk.length]);
  });

  it('end together when one of them was gone before', async () => {
    const [, here] = duplexPair();
    const [there] = duplexPair();
    here.destroy();
    await settle();
    await join(here, there);
    expect(there.destroyed).toBe(true);
  });
});

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
