/** Which hosts a certificate is for, as real members decided it of allowed host names. */
import { describe, expect, it } from 'vitest';
import { isIssuedFor, namesIn, plainAddress } from '../../../../src/lib/os/certificate-names.js';

describe('the names of a certificate', () => {
  it.each<[string, string[], string[]]>([
    ['DNS:a.example, IP Address:10.0.0.1, DNS:b', ['a.example', 'b'], ['10.0.0.1']],
    ['IP Address:0:0:0:0:0:0:0:1, IP Address:0:0:0:0:0:FFFF:7F00:1', [], ['::1', '127.0.0.1']],
    ['URI:"https://x/, DNS:evil, y", DNS:good', ['good'], []],
    ['DNS:"a, DNS:evil, b"', ['a, DNS:evil, b'], []],
    ['DNS:"a\\", DNS:evil, b"', ['a", DNS:evil, b'], []],
    ['email:a@b, othername:<unsupported>', [], []],
    ['', [], []],
  ])('in %s', (text, dnsNames, addresses) => {
    expect(namesIn(text)).toEqual({ dnsNames, addresses });
  });

  it('may be missing', () => {
    expect(namesIn(undefined)).toEqual({ dnsNames: [], addresses: [] });
  });
});

describe('a certificate', () => {
  it.each<[string, string, boolean]>([
    ['DNS:a.example.com', 'a.example.com', true],
    ['DNS:A.Example.COM', 'a.example.com.', true],
    ['DNS:a.example.com.', 'a.example.com', false],
    ['DNS:a.example.com.', 'a.example.com.', true],
    ['DNS:*.example.com', 'f1.example.com', true],
    ['DNS:*.example.com', 'b.f1.example.com', false],
    ['DNS:*.example.com', 'example.com', false],
    ['DNS:*.example.com', '*.example.com', true],
    ['DNS:f*.example.com', 'f1.example.com', false],
    ['DNS:a.*.com', 'a.b.com', false],
    ['DNS:*', 'a', true],
    ['DNS:_a.example.com', '_a.example.com', true],
    ['DNS:b.org, DNS:a.example.com', 'a.example.com', true],
    ['DNS:a.example.com', '', false],
    ['DNS:', '', false],
    ['DNS:127.0.0.1', '127.0.0.1', false],
    ['DNS:*.0.0.1', '127.0.0.1', false],
    ['IP Address:127.0.0.1', '127.0.0.1', true],
    ['IP Address:0:0:0:0:0:FFFF:7F00:1', '127.0.0.1', true],
    ['IP Address:0:0:0:0:0:0:0:1', '::1', true],
    ['IP Address:0:0:0:0:0:0:0:1', '[0:0:0:0:0:0:0:1]', true],
    ['IP Address:0:0:0:0:0:0:0:1', '::2', false],
    ['email:a@example.com, URI:https://a.example.com/', 'a.example.com', false],
  ])('for %s, and the host %s: %s', (names, host, isFor) => {
    expect(isIssuedFor(namesIn(names), host)).toBe(isFor);
  });
});

it('an address has one spelling', () => {
  expect(['10.1.2.3', '2001:DB8:0:0:0:0:0:1', '::FFFF:a01:203', 'fe80::1%eth0'].map(plainAddress)).toEqual([
    '10.1.2.3',
    '2001:db8::1',
    '10.1.2.3',
    'fe80::1%eth0',
  ]);
});
