import { describe, expect, it } from 'vitest';
import { addressText, hostOf, parseEndpoint } from '../../../src/client/endpoint.js';

describe('an endpoint', () => {
  it.each([
    ['127.0.0.1:2379', '127.0.0.1:2379', '127.0.0.1', 'optional'],
    ['http://127.0.0.1:2379', '127.0.0.1:2379', '127.0.0.1', 'drop'],
    ['https://etcd.example:2379', 'etcd.example:2379', 'etcd.example', 'require'],
    ['HTTPS://etcd.example:2379/', 'etcd.example:2379', 'etcd.example', 'require'],
    ['http://user@etcd.example:2379/path?query', 'etcd.example:2379', 'etcd.example', 'drop'],
    ['[::1]:2379', '[::1]:2379', '::1', 'optional'],
    ['https://[::1]:2379', '[::1]:2379', '::1', 'require'],
    ['etcd.example', 'etcd.example', 'etcd.example', 'optional'],
  ])('%s is reached over TCP', (text, hostPort, serverName, tls) => {
    expect(parseEndpoint(text)).toEqual({
      text,
      address: { t: 'tcp', hostPort },
      authority: hostPort,
      serverName,
      tls,
    });
  });

  it.each([
    ['unix:///run/etcd.sock', '/run/etcd.sock', 'etcd.sock', 'etcd.sock', 'optional'],
    ['unixs:///run/etcd.sock', '/run/etcd.sock', 'etcd.sock', 'etcd.sock', 'require'],
    ['unix://localhost:m1', 'localhost:m1', 'localhost:m1', 'localhost', 'optional'],
    ['unixs://localhost:2379', 'localhost:2379', 'localhost:2379', 'localhost', 'require'],
    ['unixs:/run/127.0.0.1:2379', '/run/127.0.0.1:2379', '127.0.0.1:2379', '127.0.0.1', 'require'],
    ['unixs:etcd.sock', 'etcd.sock', 'etcd.sock', 'etcd.sock', 'require'],
  ])('%s is a socket in the file system', (text, path, authority, serverName, tls) => {
    expect(parseEndpoint(text)).toEqual({ text, address: { t: 'unix', path }, authority, serverName, tls });
  });

  it.each([
    ['https://127.0.0.1:2379', '127.0.0.1:2379'],
    ['unix:///run/etcd.sock', '/run/etcd.sock'],
  ])('%s is called %s in records', (text, told) => {
    expect(addressText(parseEndpoint(text))).toBe(told);
  });

  it('has a host without port and brackets', () => {
    expect(['a:1', '[::1]:1', '[::1]', '::1', 'a'].map(hostOf)).toEqual(['a', '::1', '::1', '::1', 'a']);
  });
});
