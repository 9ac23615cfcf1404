/**
 * TLS versions and cipher suites as etcd's flags name them, and what they are for OpenSSL. Texts: etcd's
 * client/pkg/tlsutil. Suites of TLS 1.3 are always on, as in Go, whatever is listed.
 */
import type { TlsOptions, TlsVersion } from '../tls.js';
import { goQuote } from './quote.js';

const versions: Readonly<Record<string, TlsVersion>> = { 'TLS1.2': 'TLSv1.2', 'TLS1.3': 'TLSv1.3' };

/** The library's choice, where `''` or none are given. Throws in etcd's words. */
export const tlsLimits = ({ minVersion = '', maxVersion = '', cipherSuites = [] }: TlsOptions) => ({
  minVersion: parseTlsVersion(minVersion),
  maxVersion: parseTlsVersion(maxVersion),
  ciphers: opensslCiphers(cipherSuites),
});

/** Throws in etcd's words for limits, each of them well-formed, that do not go together. */
export function checkTlsLimits({ minVersion, maxVersion, cipherSuites = [] }: TlsOptions): void {
  if (minVersion === 'TLS1.3' && maxVersion === 'TLS1.2') {
    throw new Error(`min version (${minVersion}) is greater than max version (${maxVersion})`);
  }
  if (minVersion === 'TLS1.3' && cipherSuites.length > 0) {
    throw new Error('cipher suites cannot be configured when only TLS1.3 is enabled');
  }
}

/** undefined for '' (the library's choice). Throws in etcd's words. */
export function parseTlsVersion(text: string): TlsVersion | undefined {
  if (text === '') return undefined;
  const version = Object.hasOwn(versions, text) ? versions[text] : undefined;
  if (version === undefined) {
    throw new Error(`unexpected TLS version ${goQuote(text)} (must be one of: TLS1.2, TLS1.3)`);
  }
  return version;
}

const tls13Suites = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** '' = OpenSSL has it no more (RC4, 3DES): taken, and never agreed on. */
const suites: Readonly<Record<string, string>> = {
  TLS_RSA_WITH_RC4_128_SHA: '',
  TLS_RSA_WITH_3DES_EDE_CBC_SHA: '',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA256: 'AES128-SHA256',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_RC4_128_SHA: '',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_RC4_128_SHA: '',
  TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: '',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 'ECDHE-RSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  ...Object.fromEntries(tls13Suites.map((name) => [name, name])),
};

/** OpenSSL's list for Go's names; undefined for none (the library's choice). Throws in etcd's words. */
function opensslCiphers(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const listed = names.map((name) => {
    const suite = Object.hasOwn(suites, name) ? suites[name] : undefined;
    if (suite === undefined) throw new Error(`unexpected TLS cipher suite ${goQuote(name)}`);
    return suite;
  });
  return [...new Set([...tls13Suites, ...listed])].filter((suite) => suite !== '').join(':');
}
