import { expect, it } from 'vitest';
import { tlsFields } from '../../../src/start/tls-record.js';

it('certificates are told of in the words of each version, where there are any', () => {
  const tls = {
    ...{ certFile: 'c', keyFile: 'k', clientCertFile: 'cc', clientKeyFile: 'ck', trustedCaFile: 'ca' },
    ...{ clientCrlFile: 'crl', clientCertAuth: true, cipherSuites: ['A', 'B'] },
  };
  expect(tlsFields(tls, '3.4')).toEqual({
    'tls-info': 'cert = c, key = k, trusted-ca = ca, client-cert-auth = true, crl-file = crl',
    'cipher-suites': ['A', 'B'],
  });
  expect(tlsFields(tls, '3.5')).toEqual({
    'tls-info':
      'cert = c, key = k, client-cert=cc, client-key=ck, trusted-ca = ca, client-cert-auth = true, crl-file = crl',
    'cipher-suites': ['A', 'B'],
  });
  expect(tlsFields({ certFile: 'c', keyFile: 'k' }, '3.4')).toEqual({
    'tls-info': 'cert = c, key = k, trusted-ca = , client-cert-auth = false, crl-file = ',
    'cipher-suites': [],
  });
  expect(tlsFields({ trustedCaFile: 'ca' }, '3.5')).toBeUndefined();
});
