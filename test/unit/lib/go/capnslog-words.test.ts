import { describe, expect, it } from 'vitest';
import { capnslogWords } from '../../../../src/lib/go/capnslog-words.js';

describe('a record in the words of capnslog', () => {
  it.each([
    [
      'added member',
      { 'added-peer-id': 'a1', 'added-peer-peer-urls': ['http://a:1', 'http://b:2'], 'cluster-id': 'c2' },
      ['I | etcdserver/membership: added member a1 [http://a:1 http://b:2] to cluster c2'],
    ],
    ['discovery failed', { error: new Error('why') }, ['C | etcdmain: why']],
    [
      'apply request took too long',
      { took: '1s', prefix: 'read-only range ', request: 'key:"a" ', response: 'size:1' },
      [
        String.raw`W | etcdserver: read-only range request "key:\"a\" " with result "size:1" ` +
          'took too long (1s) to execute',
      ],
    ],
    [
      'apply request took too long',
      { took: '1s', prefix: '', request: 'r', response: '', error: 'why' },
      ['W | etcdserver: request "r" with result "error:why" took too long (1s) to execute'],
    ],
    [
      'alarm disarmed',
      { alarm: 'NOSPACE', from: 'ff' },
      ['I | etcdserver: alarm disarmed action:DEACTIVATE memberID:255 alarm:NOSPACE '],
    ],
    [
      'rejected connection on client endpoint',
      { 'remote-addr': '1.2.3.4:5', 'server-name': '', error: 'EOF' },
      ['I | embed: rejected connection from "1.2.3.4:5" (error "EOF", ServerName "")'],
    ],
    [
      'rejected connection on peer endpoint',
      { 'remote-addr': 'a', 'server-name': 'n', 'ip-addresses': ['1.1.1.1'], 'dns-names': ['a', 'b'], error: 'no' },
      [
        'I | embed: rejected connection from "a" (error "no", ServerName "n", ' +
          'IPAddresses ["1.1.1.1"], DNSNames ["a" "b"])',
      ],
    ],
    [
      'lost TCP streaming connection with remote peer',
      { 'stream-reader-type': 'stream Message', 'remote-peer-id': 'b' },
      ['W | rafthttp: lost the TCP streaming connection with peer b (stream Message reader)'],
    ],
    [
      'peer became inactive (message send to peer failed)',
      { 'peer-id': 'b', error: 'failed to read b on stream Message (EOF)' },
      [
        'E | rafthttp: failed to read b on stream Message (EOF)',
        'I | rafthttp: peer b became inactive (message send to peer failed)',
      ],
    ],
    // What only zap's log tells.
    ['storing new hash', { hash: 1 }, []],
    ['trace[17] put', { detail: '' }, []],
  ])('%s', (message, fields, lines) => {
    expect(capnslogWords(message, fields)).toEqual(lines);
  });

  it('of a start tells of a folder, a new cluster and discovery where they are', () => {
    const fields = {
      ...{ name: 'n', 'data-dir': 'd', 'member-dir': 'd/member', 'wal-dir-dedicated': '', 'snapshot-count': 5 },
      ...{ 'heartbeat-interval': '100ms', 'election-timeout': '1m1.5s', 'advertise-client-urls': ['http://a:1', 'b'] },
      ...{ 'force-new-cluster': false, 'member-initialized': false, 'discovery-url': '', 'discovery-proxy': '' },
    };
    const of = (more: object) => capnslogWords('starting an etcd server', { ...fields, ...more }) ?? [];
    const least = [
      'I | embed: name = n',
      'I | embed: data dir = d',
      'I | embed: member dir = d/member',
      'I | embed: heartbeat = 100ms',
      'I | embed: election = 61500ms',
      'I | embed: snapshot count = 5',
      'I | embed: advertise client URLs = http://a:1,b',
    ];
    expect(of({})).toEqual(least);
    const all = of({
      ...{ 'force-new-cluster': true, 'wal-dir-dedicated': 'w', 'discovery-url': 'u', 'discovery-proxy': 'p' },
      ...{ 'member-initialized': true, 'initial-advertise-peer-urls': ['http://p:1'], 'initial-cluster': '' },
    });
    expect(all.filter((line) => !least.includes(line))).toEqual([
      'I | embed: force new cluster',
      'I | embed: dedicated WAL dir = w',
      'I | embed: discovery URL= u',
      'I | embed: discovery proxy = p',
      'I | embed: initial advertise peer URLs = http://p:1',
      'I | embed: initial cluster = ',
    ]);
  });

  it('is none for one that nobody has put into them, whatever it is called', () => {
    for (const message of ['something new', 'constructor', '']) expect(capnslogWords(message, {})).toBeUndefined();
  });
});
