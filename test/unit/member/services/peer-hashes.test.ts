/** Hashes that the other members give: of each the first URL that answers counts, and none is waited for for ever. */
import { expect, it } from 'vitest';
import type { Cluster } from '../../../../src/member/membership/cluster.js';
import { PeerHashes, type PeerHashesDeps } from '../../../../src/member/services/peer-hashes.js';
import { PeerCallError } from '../../../../src/peer/types.js';
import { ManualClock, settle } from '../../../support/manual-clock.js';

type Answer = Error | 'hangs' | 'answers';

function asking(answers: Readonly<Record<string, Answer>>, urls: readonly (readonly string[])[]) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const members = [['http://own'], ...urls].map((peerURLs, at) => ({ id: BigInt(at + 1), peerURLs }));
  const calls = {
    hashKv: (url: string, revision: number, signal: AbortSignal): Promise<unknown> => {
      asked.push(`${url} ${revision}`);
      const answer = answers[url];
      if (answer instanceof Error) return Promise.reject(answer);
      if (answer === 'answers') return Promise.resolve({ from: url });
      return new Promise((_, reject) => {
        const ended = (): void => reject(new Error('ended'));
        if (signal.aborted) ended();
        signal.addEventListener('abort', ended);
      });
    },
  };
  const hashes = new PeerHashes({
    calls: calls as unknown as PeerHashesDeps['calls'],
    cluster: { members, localId: 1n } as unknown as Cluster,
    clock,
    timeoutMs: 1000,
  });
  return { hashes, clock, asked };
}

it('all others are asked, each at one URL after another until one answers', async () => {
  const { hashes, asked, clock } = asking(
    {
      'http://b1': new Error('connection refused'),
      'http://b2': 'answers',
      'http://c1': 'answers',
      'http://c2': 'answers',
    },
    [
      ['http://b1', 'http://b2'],
      ['http://c1', 'http://c2'],
    ],
  );
  expect(await hashes.ask(7)).toEqual([
    { id: 2n, endpoints: ['http://b1', 'http://b2'], answer: { from: 'http://b2' }, error: '' },
    { id: 3n, endpoints: ['http://c1', 'http://c2'], answer: { from: 'http://c1' }, error: '' },
  ]);
  expect(asked.toSorted()).toEqual(['http://b1 7', 'http://b2 7', 'http://c1 7']);
  expect(clock.pending).toBe(0);
});

it('what one says that refuses is why there is no hash, in its own words; else what the system says', async () => {
  const { hashes } = asking(
    { 'http://b': new PeerCallError(400, 'required revision has been compacted'), 'http://c': new Error('refused') },
    [['http://b'], ['http://c'], []],
  );
  const errors = (await hashes.ask(7)).map(({ answer, error }) => [answer, error]);
  expect(errors).toEqual([
    [undefined, 'required revision has been compacted'],
    [undefined, 'refused'],
    [undefined, 'no URL'],
  ]);
});

it('a URL that does not answer is given up after its time, and the next is asked', async () => {
  const { hashes, clock, asked } = asking({ 'http://b1': 'hangs', 'http://b2': 'answers' }, [
    ['http://b1', 'http://b2'],
  ]);
  const answer = hashes.ask(7);
  await clock.advance(999);
  expect(asked).toEqual(['http://b1 7']);
  await clock.advance(1);
  expect((await answer)[0]?.answer).toEqual({ from: 'http://b2' });
  expect(clock.pending).toBe(0);
});

it('a member that stops waits for none', async () => {
  const { hashes, clock } = asking({ 'http://b1': 'hangs', 'http://b2': 'hangs' }, [['http://b1', 'http://b2']]);
  const answer = hashes.ask(7);
  await settle();
  hashes.stop();
  expect(await answer).toMatchObject([{ answer: undefined, error: 'ended' }]);
  expect(clock.pending).toBe(0);
});
