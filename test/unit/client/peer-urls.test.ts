import { describe, expect, it } from 'vitest';
import { checkPeerUrls } from '../../../src/client/peer-urls.js';

describe('a peer URL', () => {
  it.each(['http://127.0.0.1:2380', 'https://[::1]:2380', 'unix://a:1', ' http://a:1 ', 'HTTP://a:1'])(
    'may be %s',
    (url) => {
      expect(() => checkPeerUrls([url])).not.toThrow();
    },
  );

  it.each([
    ['notaurl', 'URL scheme must be http, https, unix, or unixs: notaurl'],
    ['ftp://a:1', 'URL scheme must be http, https, unix, or unixs: ftp://a:1'],
    ['', 'URL scheme must be http, https, unix, or unixs: '],
    ['127.0.0.1:2380', 'parse "127.0.0.1:2380": first path segment in URL cannot contain colon'],
    [':2380', 'parse ":2380": missing protocol scheme'],
    ['http://127.0.0.1', 'URL address does not have the form "host:port": http://127.0.0.1'],
    ['http:a:1', 'URL address does not have the form "host:port": http:a:1'],
    ['http://127.0.0.1:2380/path', 'URL must not contain a path: http://127.0.0.1:2380/path'],
    ['http://a:b', 'parse "http://a:b": invalid port ":b" after host'],
    ['http://[::1:2380', 'parse "http://[::1:2380": missing \']\' in host'],
    ['http://a:1\u0001', 'parse "http://a:1\\x01": net/url: invalid control character in URL'],
  ])('%j is refused', (url, message) => {
    expect(() => checkPeerUrls(['http://ok:1', url])).toThrow(message);
  });
});
